package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

func (a *app) operationCommands() []*cobra.Command {
	return []*cobra.Command{
		a.runCommand(), a.execCommand(), a.actionsCommand(), a.showOperationCommand(), a.showTaskCommand(), a.operationsCommand(), a.cancelTaskCommand(), a.resolvedCommand(),
	}
}

// unitArg is a unit among arguments.
var unitArg = regexp.MustCompile(`^[a-z][a-z0-9-]*/([0-9]+|leader)$`)

// unitArgs refuses what cannot be a unit, before anybody is asked.
func unitArgs(args []string) error {
	for _, u := range args {
		if !unitArg.MatchString(u) {
			return usage("%q is no unit; want APPLICATION/NUMBER", u)
		}
	}
	return nil
}

// taskFlags are the flags of commands that start tasks.
type taskFlags struct {
	background, parallel, utc bool
	group                     string
	wait, longer              time.Duration // longer: to hear of what ends a task after the wait
}

func (f *taskFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.background, "background", false, "do not wait, only say the numbers of the tasks")
	c.Flags().BoolVar(&f.utc, "utc", false, "show times in UTC")
	c.Flags().StringVar(&f.group, "execution-group", "", "take turns only with tasks of this group on the unit's machine")
	c.Flags().DurationVar(&f.wait, "wait", time.Minute, "give up waiting after this long; the tasks go on")
	c.Flags().DurationVar(&f.wait, "timeout", time.Minute, "the same as --wait")
}

func (a *app) runCommand() *cobra.Command {
	var s *scope
	var o *output
	var f taskFlags
	var file string
	var plainText bool
	c := a.command(verb{use: "run UNIT… ACTION [KEY=VALUE…]", least: 2, most: -1, short: "Run an action of a charm on units",
		long: "A unit is named APPLICATION/NUMBER or APPLICATION/leader. Parameters are read as YAML, and dots in a key reach into maps: a.b=1. " +
			"With one unit the results are printed plainly; with several, or another --format, with the state of each task.",
		example: "bangle run guestbook/0 list-entries\nbangle run db/leader backup to=s3 options.compress=true --wait 10m\nbangle run web/0 web/1 restart --format json\nbangle run db/0 restore --params params.yaml --background"},
		func(ctx context.Context, args []string) error {
			req, err := a.actionRequest(args, file, plainText)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req.Model, req.Parallel, req.ExecutionGroup = t.model, f.parallel, f.group
			tasks, err := a.start(ctx, t, req, &f)
			if err != nil || f.background {
				return err
			}
			if err := a.showTasks(tasks, o, a.zone(f.utc)); err != nil {
				return err
			}
			return a.failures(tasks)
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	f.add(c)
	c.Flags().BoolVar(&f.parallel, "parallel", false, "do not take turns with what else runs on the unit's machine, whatever the charm says")
	c.Flags().StringVar(&file, "params", "", "a YAML file of parameters; those of the command line win")
	c.Flags().BoolVar(&plainText, "string-args", false, "do not read the values as YAML")
	c.ValidArgsFunction = a.completeRun
	return c
}

// actionRequest reads UNIT… ACTION KEY=VALUE….
func (a *app) actionRequest(args []string, file string, plainText bool) (*clientv1.RunRequest, error) {
	req := &clientv1.RunRequest{}
	for len(args) > 0 && unitArg.MatchString(args[0]) {
		req.Units, args = append(req.Units, args[0]), args[1:]
	}
	switch {
	case len(req.GetUnits()) == 0:
		return nil, usage("%q is no unit; want UNIT… ACTION [KEY=VALUE…], a unit as APPLICATION/NUMBER or APPLICATION/leader", args[0])
	case len(args) == 0:
		return nil, usage("no action specified; want UNIT… ACTION [KEY=VALUE…]")
	case strings.Contains(args[0], "="):
		return nil, usage("%q is no action; want UNIT… ACTION [KEY=VALUE…]", args[0])
	}
	req.Action = args[0]
	params := map[string]any{}
	if file != "" {
		text, err := a.readFile(file)
		if err != nil {
			return nil, err
		}
		if err := yaml.Decode(file, text, &params); err != nil {
			return nil, err
		}
	}
	for _, arg := range args[1:] {
		if err := setParam(params, arg, plainText); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(params)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot run action %q: its parameters cannot be written as JSON: %w", req.Action, err)
	}
	req.Params = string(text)
	return req, nil
}

// setParam puts "a.b=value" into params.
func setParam(params map[string]any, arg string, plainText bool) error {
	key, text, found := strings.Cut(arg, "=")
	if !found || key == "" {
		return usage("argument %q must be of the form KEY=VALUE", arg)
	}
	var value any = text
	if !plainText {
		if err := yaml.Decode(key, []byte(text), &value); err != nil {
			return err
		}
	}
	at, parts := params, strings.Split(key, ".")
	for _, part := range parts[:len(parts)-1] {
		next, ok := at[part].(map[string]any)
		if _, there := at[part]; there && !ok {
			return usage("argument %q reaches into %q, which has a value already", arg, part)
		}
		if !ok {
			next = map[string]any{}
			at[part] = next
		}
		at = next
	}
	at[parts[len(parts)-1]] = value
	return nil
}

// start queues tasks, says so, and waits for them unless they run in the background.
func (a *app) start(ctx context.Context, t *target, req *clientv1.RunRequest, f *taskFlags) ([]*controllerv1.Task, error) {
	answer, err := t.client.Run(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, err
	}
	op, tasks := answer.Msg.GetOperation(), answer.Msg.GetTasks()
	if f.background {
		a.scheduled(op, tasks)
		return tasks, nil
	}
	a.say("Running operation %s with %s", op.GetId(), plural(len(tasks), "task"))
	for _, task := range tasks {
		a.say("  - task %s on unit-%s", task.GetId(), strings.ReplaceAll(task.GetUnit(), "/", "-"))
	}
	a.say("")
	for _, task := range tasks {
		a.say("Waiting for task %s...", task.GetId())
	}
	return a.finish(ctx, t, op.GetId(), f)
}

func (a *app) scheduled(op *controllerv1.Operation, tasks []*controllerv1.Task) {
	if len(tasks) == 1 {
		a.say("Scheduled operation %s with task %s", op.GetId(), tasks[0].GetId())
	} else {
		a.say("Scheduled operation %s with %s", op.GetId(), plural(len(tasks), "task"))
		for _, task := range tasks {
			a.say("  - task %s on unit-%s", task.GetId(), strings.ReplaceAll(task.GetUnit(), "/", "-"))
		}
	}
	a.say("Check operation status with '%s show-operation %s'", a.name, op.GetId())
	for _, task := range tasks {
		a.say("Check task status with '%s show-task %s'", a.name, task.GetId())
	}
}

// finish waits for an operation and prints what its actions log as it comes.
func (a *app) finish(ctx context.Context, t *target, operation string, f *taskFlags) ([]*controllerv1.Task, error) {
	limited, cancel := limit(ctx, f.wait+f.longer)
	defer cancel()
	logged := map[string]int{}
	for {
		// The call comes back each second, so that logs are shown while an action runs.
		answer, err := t.client.WaitOperation(limited, connect.NewRequest(&clientv1.WaitOperationRequest{Model: t.model, Operation: operation, TimeoutMs: 1000}))
		if timeUp(limited) {
			return nil, errs.E(errs.Unavailable, "cannot wait longer than %s for operation %s; it goes on: see %s show-operation %s", f.wait+f.longer, operation, a.name, operation)
		}
		if err != nil {
			return nil, err
		}
		for _, task := range answer.Msg.GetTasks() {
			for _, line := range task.GetLog()[min(logged[task.GetId()], len(task.GetLog())):] {
				a.say("%s %s", a.hour(line.GetTime(), f.utc), line.GetMessage())
			}
			logged[task.GetId()] = len(task.GetLog())
		}
		if answer.Msg.GetFinished() {
			return answer.Msg.GetTasks(), nil
		}
	}
}

func (a *app) hour(stamp string, utc bool) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return stamp
	}
	return t.In(a.zone(utc).Location).Format("15:04:05")
}

// showTasks answers with finished tasks: one plainly, several with their state.
func (a *app) showTasks(tasks []*controllerv1.Task, o *output, zone render.Zone) error {
	return o.write(func(w io.Writer) error {
		switch {
		case o.format != "plain":
			return render.Value(w, o.format, render.Tasks(tasks, zone))
		case len(tasks) == 1:
			return render.PlainTask(w, tasks[0])
		}
		return render.Value(w, "yaml", render.Tasks(tasks, zone))
	})
}

// failures is the error about tasks that did not complete.
func (a *app) failures(tasks []*controllerv1.Task) error {
	var lines []string
	for _, t := range tasks {
		if t.GetStatus() != "completed" || t.GetExitCode() != 0 {
			lines = append(lines, fmt.Sprintf(" - id %q with return code %d", t.GetId(), t.GetExitCode()))
		}
	}
	switch len(lines) {
	case 0:
		return nil
	case 1:
		return errs.E(errs.Conflict, "the following task failed:\n%s\n\nuse '%s show-task' to inspect the failure", lines[0], a.name)
	}
	return errs.E(errs.Conflict, "the following tasks failed:\n%s\n\nuse '%s show-task' to inspect the failures", strings.Join(lines, "\n"), a.name)
}
