// Package tool answers hook tools (config-get, relation-set, status-set, …) as Juju 3.6 does: same flags, same output,
// same exit codes and error texts. It decides nothing itself; every rule is in sdk/hook.
//
// Usage: Run(ctx, hookContext, "relation-get", []string{"--format=json", "-r", "db:1", "-", "db/0"}, nil).
//
// Guarantees: exit code 0 for success, 1 for a failure while running, 2 for bad flags or arguments; errors are one line
// "ERROR <message>" on stderr with nothing on stdout.
package tool
