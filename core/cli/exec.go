package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// execEnd is how long a command that had its time may take to end and to be heard of.
const execEnd = 15 * time.Second

// execFlags are the flags of exec.
type execFlags struct {
	units, applications, apps []string
	all                       bool
}

func (a *app) execCommand() *cobra.Command {
	var s *scope
	var o *output
	var f execFlags
	var tf taskFlags
	var c *cobra.Command
	c = a.command(verb{use: "exec --unit UNIT,… | --application APPLICATION,… | --all -- COMMAND [ARG…]", least: 1, most: -1, short: "Run a command where a charm's hooks run",
		long: "The command has the hook tools of its unit: relation-get, config-get and so on. One argument is read by a shell, several are one command with its arguments. " +
			"With one unit its output is printed as it is, and its exit code is that of `bangle exec`.",
		example: "bangle exec --unit web/0 -- hostname\nbangle exec --unit web/leader -- relation-ids database\nbangle exec --application web --format yaml -- \"config-get | wc -l\"\nbangle exec --all -- uptime"},
		func(ctx context.Context, args []string) error {
			req, err := f.request(args)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req.Model, req.Parallel, req.ExecutionGroup = t.model, tf.parallel, tf.group
			if c.Flags().Changed("wait") || c.Flags().Changed("timeout") {
				req.TimeoutMs, tf.longer = tf.wait.Milliseconds(), execEnd
			}
			tasks, err := a.start(ctx, t, req, &tf)
			if err != nil || tf.background {
				return err
			}
			if o.format == "plain" && len(tasks) == 1 {
				return a.execOutput(tasks[0], o)
			}
			if err := a.showTasks(tasks, o, a.zone(tf.utc)); err != nil {
				return err
			}
			return a.failures(tasks)
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	tf.add(c)
	c.Flags().Lookup("wait").Usage = "end the command when it runs longer than this; where it is not given only the waiting ends then"
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

// execOutput prints what a command wrote and ends as it did.
func (a *app) execOutput(t *controllerv1.Task, o *output) error {
	err := o.write(func(w io.Writer) error { _, err := io.WriteString(w, t.GetStdout()); return err })
	if err != nil {
		return err
	}
	if _, err := io.WriteString(a.err, t.GetStderr()); err != nil {
		return err
	}
	if t.GetStatus() != "completed" {
		return fmt.Errorf("cannot run command on %s: task %s %s: %s", t.GetUnit(), t.GetId(), t.GetStatus(), first(t.GetMessage(), "no reason given"))
	}
	if code := t.GetExitCode(); code != 0 {
		return exitCode(code & 0xff)
	}
	return nil
}
