package cli

import (
	"fmt"

	"github.com/bangle-dev/bangle/supervisor/daemon"
)

// verb is one subcommand; the code is what the process exits with.
type verb struct {
	group, name, short string
	long               string // "" when short says it all
	do                 func(Process, []string) (int, error)
	hidden             bool
}

// verbs is the whole command line, in the order of the help.
func verbs() []verb {
	return []verb{
		{"Run", "run", "Run the supervisor", "Runs the supervisor in the foreground until a signal or a service ends it. " +
			"It exits with 0 at a normal end, 1 at an error, 10 when a service's failure and 11 when a check's failure ended it.", Process.run, false},
		{"Run", "enter", "Run the supervisor and one command", "Runs the supervisor, then the given command in it, and ends with it; " +
			"without a command it is the same as run. Commands are exec, help, ls, plan, services, start, stop and version; after start and stop the supervisor goes on. " +
			"Default services start only with --run, or without a command.", Process.enter, true},
		{"Info", "help", "Explain a command", "", Process.helpVerb, false},
		{"Info", "version", "Show the versions of client and supervisor", "", Process.version, false},
		{"Plan", "add", "Add a layer to the plan", "Reads a layer in YAML from a file and adds it to the plan under the label. Services are neither started nor stopped: replan does that.", Process.add, false},
		{"Plan", "plan", "Show the plan of all layers combined", "", Process.plan, false},
		{"Plan", "replan", "Make what runs follow the plan", "Restarts the services whose definition has changed since they were started, and starts those with startup enabled.", changing("replan", ""), false},
		{"Services", "services", "Show the state of services", "Lists the named services, or all.", Process.services, false},
		{"Services", "logs", "Show what services have printed", "Prints the newest lines of the named services, or of all.", Process.logs, false},
		{"Services", "start", "Start services and what they require", "", changing("start", "<service>..."), false},
		{"Services", "restart", "Stop and start services", "Stops exactly the named services and starts them with what they require. A service that does not run is started.", changing("restart", "<service>..."), false},
		{"Services", "signal", "Send a signal to services", "Sends a signal to the main process of each service. It is named in upper case, with or without SIG: HUP, SIGUSR1.", Process.signal, false},
		{"Services", "stop", "Stop services and what requires them", "", changing("stop", "<service>..."), false},
		{"Services", "autostart", "Start the services with startup enabled", "", changing("autostart", ""), true},
		{"Checks", "checks", "Show the state of health checks", "Lists the named checks, or all.", Process.checks, false},
		{"Checks", "check", "Show one health check in full", "", Process.check, false},
		{"Checks", "start-checks", "Start health checks", "", checkAction("start"), false},
		{"Checks", "stop-checks", "Stop health checks", "", checkAction("stop"), false},
		{"Checks", "health", "Say whether the checks are up", "Prints healthy or unhealthy, and exits with 1 when unhealthy, but with --format json or yaml always with 0.", Process.health, false},
		{"Files", "push", "Write a file there", "Copies a local file to an absolute path on the supervisor's side, atomically.", Process.push, false},
		{"Files", "pull", "Read a file from there", "Copies a file of the supervisor's side to a local path.", Process.pull, false},
		{"Files", "ls", "List files", "Lists a directory or file. The last element of the path may be a pattern with *, ? and [].", Process.ls, false},
		{"Files", "mkdir", "Make a directory", "", Process.mkdir, false},
		{"Files", "rm", "Remove a file or directory", "", Process.rm, false},
		{"Files", "exec", "Run a command there and wait for it", "Runs a command on the supervisor's side with this terminal or these pipes, and exits with its exit code. " +
			"Write -- before a command with options of its own.", Process.exec, false},
		{"Changes", "changes", "List changes", "Lists the changes of a service, or all.", Process.changes, false},
		{"Changes", "tasks", "List the tasks of a change and their logs", "", Process.tasks, false},
		{"Notices", "warnings", "List warnings", "Lists the warnings since the last okay.", Process.warnings, false},
		{"Notices", "okay", "Take notices and warnings as read", "Hides the notices and warnings that were last listed from later lists.", Process.okay, false},
		{"Notices", "notices", "List notices", "Lists the notices since the last okay, or with --timeout waits for one.", Process.notices, false},
		{"Notices", "notice", "Show one notice in full", "Shows a notice by its id, or by its type and key.", Process.notice, false},
		{"Notices", "notify", "Record a custom notice", "Records that something happened. The key looks like example.com/path and is one's own.", Process.notify, false},
		{"Identities", "identities", "List identities", "", Process.identities, false},
		{"Identities", "identity", "Show one identity", "", Process.identity, false},
		{"Identities", "add-identities", "Add identities", "Adds the identities of a YAML file; none of them may exist.", identityAction("add"), false},
		{"Identities", "update-identities", "Update or replace identities", "Updates the identities of a YAML file; all of them must exist. With --replace new ones are added and null removes.", identityAction("update"), false},
		{"Identities", "remove-identities", "Remove identities", "Removes the identities whose names a YAML file holds, each with the value null.", identityAction("remove"), false},
		{"Info", "debug", "Nothing yet", "Holds commands for those who develop the supervisor. There are none now: it does nothing, whatever follows it.", Process.debug, true},
	}
}

// changing makes a verb of an action on services.
func changing(action, params string) func(Process, []string) (int, error) {
	return func(p Process, args []string) (int, error) {
		f := p.flags(action, params)
		noWait := false
		f.BoolVar(&noWait, "no-wait", false, "print the id of the change and do not wait for it")
		f.lax = params == ""
		s, done, err := p.connect(f, args)
		if err != nil {
			return 0, err
		}
		defer done()
		id, err := s.act(action)
		return 0, s.ended(id, err, noWait)
	}
}

func (s *session) act(action string) (string, error) {
	switch action {
	case "start":
		return s.c.Start(s.ctx, s.args...)
	case "stop":
		return s.c.Stop(s.ctx, s.args...)
	case "restart":
		return s.c.Restart(s.ctx, s.args...)
	case "autostart":
		return s.c.Autostart(s.ctx)
	}
	return s.c.Replan(s.ctx)
}

func (p Process) version(args []string) (int, error) {
	f := p.flags("version", "")
	only := false
	format := f.formatFlag()
	f.BoolVar(&only, "client", false, "only this program's version")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	out := struct {
		Client string `json:"client" yaml:"client"`
		Server string `json:"server,omitempty" yaml:"server,omitempty"`
	}{Client: daemon.Version}
	if !only {
		out.Server = "-"
		if info, err := s.c.SystemInfo(s.ctx); err == nil {
			out.Server = info.Version
		}
	}
	switch {
	case *format != "text":
		return 0, s.encode(*format, out)
	case only:
		fmt.Fprintln(s.Stdout, out.Client)
	default:
		fmt.Fprintf(s.Stdout, "client  %s\nserver  %s\n", out.Client, out.Server)
	}
	return 0, nil
}

// debug takes whatever it is given and does nothing, as the original does.
func (p Process) debug(args []string) (int, error) {
	f := p.flags("debug", "")
	f.lax = true
	return 0, f.Parse(args)
}
