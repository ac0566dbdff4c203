// Package hook is what one hook may see and what it wrote: a view pinned to one revision and a buffer of writes that
// becomes a changeset when the hook ends well.
//
// Usage: a runtime makes a Context with New from the event and the view that it was sent, lets the charm read and write
// through it (package tool for charms that call programs, package hookjson for charms that speak JSON), and returns
// Context.Changeset.
//
// Guarantees: a hook reads back what it wrote itself; nothing it wrote is visible elsewhere before the changeset is
// committed, but for what Juju also applies at once (statuses and log lines, through Host.Immediate). The same event
// over the same view with the same calls gives an equal changeset: there is no clock and no randomness in it.
//
// Caveats: leadership is a promise with an end. IsLeader answers from the view while at least 30 seconds are left and
// asks the Host after that.
package hook
