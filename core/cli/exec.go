package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// execEnd is how long a command that had its time may take to end and to be heard of.
const execEnd = 15 * time.Second

// execWait is how long a command may take where nobody says.
const execWait = 5 * time.Minute

// execFlags are the flags of exec.
type execFlags struct {
	units, applications, apps []string
	all, verbose              bool
}

func (a *app) execCommand() *cobra.Command {
	var s *scope
	var o *output
	var f execFlags
	var tf taskFlags
	c := a.command(verb{use: "exec --unit UNIT,… | --application APPLICATION,… | --all -- COMMAND [ARG…]", least: 1, most: -1, short: "Run a command where a charm's hooks run",
		long: "The command has the hook tools of its unit: relation-get, config-get and so on. One argument is read by a shell, several are one command with its arguments. " +
			"With one unit its output is printed as it is, and its exit code is that of `bangle exec`; with several units each one's under its name.\n\n" +
			"A command that runs longer than --wait says is ended; without it after the hook-timeout of its application or model, and where there is none after five minutes, counted from its " +
			"start. `bangle exec` hears of that, and waits no longer for units that have not begun by then: it prints what the others gave and fails. With --background nothing is waited for, and only a hook-timeout ends the command.",
		example: "bangle exec --unit web/0 -- hostname\nbangle exec --unit web/leader -- relation-ids database\nbangle exec --application web --format yaml -- \"config-get | wc -l\"\nbangle exec --all -- uptime"},
		func(ctx context.Context, args []string) error {
			req, err := f.request(args)
			if err != nil {
				return err
			}
			given := max(tf.wait, 0)
			if err := tf.settle(execWait); err != nil {
				return err
			}
			if req.TimeoutMs = given.Milliseconds(); given == 0 && tf.wait > 0 && !tf.background {
				req.DefaultTimeoutMs = tf.wait.Milliseconds()
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req.Model, req.Parallel, req.ExecutionGroup = t.model, tf.parallel, tf.group
			tf.quiet, tf.longer = !f.verbose, execEnd
			return a.exec(ctx, t, req, &tf, o)
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	tf.add(c, "end the command when it runs longer than this, 5m0s where it is not given; -1s: never")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "say which tasks run")
	c.Flags().BoolVar(&tf.parallel, "parallel", true, "do not take turns with what else runs on the unit's machine")
	c.Flags().StringSliceVarP(&f.units, "unit", "u", nil, "units, separated by commas")
	c.Flags().StringSliceVarP(&f.applications, "application", "a", nil, "applications, separated by commas: all their units")
	c.Flags().StringSliceVar(&f.apps, "app", nil, "the same as --application")
	c.Flags().BoolVar(&f.all, "all", false, "all units of the model")
	unsupported(c, "machine", "operator!")
	c.Flags().SetInterspersed(false) // the flags behind the command are the command's
	must(c.RegisterFlagCompletionFunc("unit", a.completeUnits))
	must(c.RegisterFlagCompletionFunc("application", a.completeApplications))
	return c
}

// exec runs commands and answers with what they gave.
func (a *app) exec(ctx context.Context, t *target, req *clientv1.RunRequest, tf *taskFlags, o *output) error {
	tasks, late, err := a.start(ctx, t, req, tf)
	if err != nil || tf.background {
		return err
	}
	if o.format == "plain" {
		err := a.execOutputs(tasks, late == nil, o)
		return firstError(late, err)
	}
	if err := a.showTasks(tasks, late == nil, o, a.zone(tf.utc)); err != nil {
		return err
	}
	return firstError(late, a.failures(tasks))
}

func (f *execFlags) request(args []string) (*clientv1.RunRequest, error) {
	applications := slices.Concat(f.applications, f.apps)
	if f.all == (len(f.units)+len(applications) > 0) {
		return nil, usage("say where: --unit or --application, or else --all")
	}
	for _, u := range f.units {
		if !unitArg.MatchString(u) {
			return nil, usage("%q is no unit; want APPLICATION/NUMBER or APPLICATION/leader", u)
		}
	}
	command := args
	if len(args) == 1 && strings.ContainsAny(args[0], " \t\n|&;<>()$`\\\"'*?[#~%") {
		command = []string{"sh", "-c", args[0]}
	}
	return &clientv1.RunRequest{Units: f.units, Applications: applications, All: f.all, Command: command}, nil
}

// endedByTimeout is how runtimes say that a limit ended the command; Juju's clients look for "timed out".
const endedByTimeout = "was ended by hook-timeout"

// execOutputs prints what commands wrote: one unit's as it is when it was alone, of several each under its name. The exit code
// of one that was alone is the program's.
func (a *app) execOutputs(tasks []*controllerv1.Task, all bool, o *output) error {
	if len(tasks) == 1 && all {
		return a.execOutput(tasks[0], o)
	}
	if len(tasks) == 0 {
		return nil // none has ended in time
	}
	err := o.write(func(w io.Writer) error {
		for _, t := range tasks {
			text := wholeLine(t.GetStdout()) + wholeLine(t.GetStderr())
			if text == "" {
				continue
			}
			if _, err := fmt.Fprintf(w, "%s:\n%s\n", t.GetUnit(), text); err != nil {
				return err
			}
		}
		return nil
	})
	return firstError(err, a.failures(tasks))
}

// wholeLine ends text that is there with the end of a line.
func wholeLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// execOutput prints what a command wrote and ends as it did.
func (a *app) execOutput(t *controllerv1.Task, o *output) error {
	err := o.write(func(w io.Writer) error { _, err := io.WriteString(w, t.GetStdout()); return err })
	if err != nil {
		return err
	}
	if _, err := io.WriteString(a.err, t.GetStderr()); err != nil {
		return err
	}
	if t.GetStatus() == "failed" && strings.Contains(t.GetMessage(), endedByTimeout) {
		return errs.E(errs.Unavailable, "timed out waiting for results from: unit %s\ntask %s failed: %s", t.GetUnit(), t.GetId(), t.GetMessage())
	}
	if t.GetStatus() != "completed" {
		return fmt.Errorf("cannot run command on %s: task %s %s: %s", t.GetUnit(), t.GetId(), t.GetStatus(), first(t.GetMessage(), "no reason given"))
	}
	if code := t.GetExitCode(); code != 0 {
		return exitCode(code & 0xff)
	}
	return nil
}
