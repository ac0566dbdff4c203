package cli

import (
	"context"
	"flag"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func verbs() []verb {
	return []verb{
		{"run", "[--create-dirs] [--hold] …", "run the supervisor", Process.run},
		{"services", "[NAME…]", "list services", query(services)},
		{"start", "[--no-wait] NAME…", "start services and what they require", changing("start")},
		{"stop", "[--no-wait] NAME…", "stop services and what requires them", changing("stop")},
		{"restart", "[--no-wait] NAME…", "restart services", changing("restart")},
		{"autostart", "[--no-wait]", "start the services that start by themselves", changing("autostart")},
		{"replan", "[--no-wait]", "restart what changed and start what is enabled", changing("replan")},
		{"plan", "", "show the combined plan", query(showPlan)},
		{"add", "[--combine] [--inner] LABEL FILE", "add a layer", Process.add},
		{"exec", "[options] [--] COMMAND…", "run a command", Process.exec},
		{"signal", "SIGNAL NAME…", "send a signal to services", query(sendSignal)},
		{"logs", "[-f] [-n N|all] [NAME…]", "show service output", Process.logs},
		{"notify", "[--repeat-after D] KEY [NAME=VALUE…]", "record a custom notice", Process.notify},
		{"notices", "[--timeout D] [--type T] [--key K]", "list notices", Process.notices},
		{"notice", "ID", "show a notice", query(showNotice)},
		{"changes", "[SERVICE]", "list changes", query(changes)},
		{"tasks", "CHANGE", "list the tasks of a change", query(tasks)},
		{"checks", "[NAME…]", "list health checks", query(checks)},
		{"health", "[--level alive|ready] [NAME…]", "exit 0 when healthy, 1 when not", Process.health},
		{"ls", "[-d] [-l] PATH", "list files", Process.ls},
		{"push", "[-p] [-m MODE] LOCAL REMOTE", "write a file", Process.push},
		{"pull", "REMOTE LOCAL", "read a file", Process.pull},
		{"mkdir", "[-p] [-m MODE] PATH", "make a directory", Process.mkdir},
		{"rm", "[-r] PATH", "remove a file or directory", Process.rm},
		{"version", "[--client]", "show versions", Process.version},
	}
}

// session is one connected command.
type session struct {
	Process
	ctx  context.Context
	c    *client.Client
	args []string
}

// connect parses flags and makes a client; Ctrl-C ends its context.
func (p Process) connect(fs *flag.FlagSet, args []string) (*session, func(), error) {
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	c, err := client.New(client.Config{Socket: p.socket()})
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	return &session{Process: p, ctx: ctx, c: c, args: fs.Args()}, func() { stop(); c.Close() }, nil
}

// query makes a verb of something that has no flags.
func query(do func(*session) error) func(Process, []string) (int, error) {
	return func(p Process, args []string) (int, error) {
		s, done, err := p.connect(p.flags("…", "[arguments]"), args)
		if err != nil {
			return 2, err
		}
		defer done()
		return 0, do(s)
	}
}

func (s *session) need(n int, what string) error {
	if len(s.args) < n {
		return fmt.Errorf("missing argument: %s", what)
	}
	return nil
}

func (s *session) table(header string, rows func(func(...string))) error {
	w := tabwriter.NewWriter(s.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, header)
	rows(func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) })
	return w.Flush()
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02T15:04:05Z07:00")
}

func changing(action string) func(Process, []string) (int, error) {
	return func(p Process, args []string) (int, error) {
		fs := p.flags(action, "[--no-wait] [NAME…]")
		noWait := fs.Bool("no-wait", false, "print the change's id and do not wait")
		s, done, err := p.connect(fs, args)
		if err != nil {
			return 2, err
		}
		defer done()
		id, err := s.act(action)
		if err != nil {
			return daemon.ExitError, err
		}
		if *noWait {
			fmt.Fprintln(s.Stdout, id)
			return 0, nil
		}
		return 0, s.wait(id)
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

// wait waits for a change; Ctrl-C aborts it.
func (s *session) wait(id string) error {
	ch, err := s.c.WaitChange(s.ctx, id)
	if err != nil && s.ctx.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = s.c.Abort(ctx, id)
		return fmt.Errorf("change %s aborted", id)
	}
	if err != nil {
		return err
	}
	return ch.Failure()
}
