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
		a.runCommand(), a.execCommand(), a.actionsCommand(), a.showOperationCommand(), a.showTaskCommand(), a.operationsCommand(), a.cancelTaskCommand(), a.resolvedCommand(), a.planCommand(), a.applyCommand(),
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
	quiet                     bool // nothing about the tasks while they run
	group                     string
	wait, longer              time.Duration // longer: to hear of what ends a task after the wait
}

// add defines the flags; wait says what --wait does.
func (f *taskFlags) add(c *cobra.Command, wait string) {
	c.Flags().BoolVar(&f.background, "background", false, "do not wait, only say the numbers of the tasks")
	c.Flags().BoolVar(&f.utc, "utc", false, "show times in UTC")
	c.Flags().StringVar(&f.group, "execution-group", "", "take turns only with tasks of this group on the unit's machine")
	c.Flags().DurationVar(&f.wait, "wait", 0, wait)
	c.Flags().DurationVar(&f.wait, "timeout", 0, "the same as --wait")
}

// settle has the wait that is meant: usual where none was given; 0 says none, as in Juju.
func (f *taskFlags) settle(usual time.Duration) error {
	if f.background && f.wait > 0 {
		return usage("cannot specify both --wait and --background")
	}
	if f.wait == 0 {
		f.wait = usual
	}
	return nil
}

// runWait is how long `run` waits where nobody says.
const runWait = time.Minute

func (a *app) runCommand() *cobra.Command {
	var s *scope
	var o *output
	var f taskFlags
	var file string
	var plainText bool
	c := a.command(verb{use: "run UNIT… ACTION [KEY=VALUE…]", least: 2, most: -1, short: "Run an action of a charm on units",
		long: "A unit is named APPLICATION/NUMBER or APPLICATION/leader. Parameters are read as YAML, and dots in a key reach into maps: a.b=1. " +
			"With one unit the results are printed plainly; with several, or another --format, with the state of each task.\n\n" +
			"Nothing ends an action but its own end, `bangle cancel-task` and the hook-timeout of its application or model. `bangle run` waits for a minute, or as long as --wait says, " +
			"then prints what has ended and fails; `bangle show-task` has the rest later. With --background nothing is waited for.",
		example: "bangle run guestbook/0 list-entries\nbangle run db/leader backup to=s3 options.compress=true --wait 10m\nbangle run web/0 web/1 restart --format json\nbangle run db/0 restore --params params.yaml --background"},
		func(ctx context.Context, args []string) error {
			req, err := a.actionRequest(args, file, plainText)
			if err != nil {
				return err
			}
			if err := f.settle(runWait); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req.Model, req.Parallel, req.ExecutionGroup = t.model, f.parallel, f.group
			tasks, late, err := a.start(ctx, t, req, &f)
			if err != nil || f.background {
				return err
			}
			if err := a.showTasks(tasks, late == nil, o, a.zone(f.utc)); err != nil {
				return err
			}
			return firstError(late, a.failures(tasks))
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	f.add(c, "stop waiting after this long, 1m0s where it is not given; the tasks go on; -1s: wait for ever")
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

// start queues tasks, says so, and waits for them unless they run in the background. late is the error about those that have
// not ended in time; the others are answered.
func (a *app) start(ctx context.Context, t *target, req *clientv1.RunRequest, f *taskFlags) (ended []*controllerv1.Task, late, err error) {
	answer, err := t.client.Run(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, nil, err
	}
	op, tasks := answer.Msg.GetOperation(), answer.Msg.GetTasks()
	if f.background {
		return tasks, nil, a.scheduled(op, tasks)
	}
	if !f.quiet {
		a.say("Running operation %s with %s", op.GetId(), plural(len(tasks), "task"))
		for _, task := range tasks {
			a.say("  - task %s on unit-%s", task.GetId(), strings.ReplaceAll(task.GetUnit(), "/", "-"))
		}
		a.say("")
		for _, task := range tasks {
			a.say("Waiting for task %s...", task.GetId())
		}
	}
	return a.finish(ctx, t, op.GetId(), tasks, f)
}

// scheduled says what runs in the background; the tasks of several units also as an answer.
func (a *app) scheduled(op *controllerv1.Operation, tasks []*controllerv1.Task) error {
	if len(tasks) == 1 {
		a.say("Scheduled operation %s with task %s", op.GetId(), tasks[0].GetId())
		a.say("Check operation status with '%s show-operation %s'", a.name, op.GetId())
		a.say("Check task status with '%s show-task %s'", a.name, tasks[0].GetId())
		return nil
	}
	a.say("Scheduled operation %s with %s", op.GetId(), plural(len(tasks), "task"))
	ids := map[string]map[string]string{}
	for _, task := range tasks {
		ids[task.GetUnit()] = map[string]string{"id": task.GetId()}
	}
	if err := render.Value(a.out, "yaml", ids); err != nil {
		return err
	}
	a.say("Check operation status with '%s show-operation %s'", a.name, op.GetId())
	a.say("Check task status with '%s show-task <id>'", a.name)
	return nil
}

// finish waits for an operation and prints what its actions log as it comes.
func (a *app) finish(ctx context.Context, t *target, operation string, tasks []*controllerv1.Task, f *taskFlags) (ended []*controllerv1.Task, late, err error) {
	limited, cancel := ctx, func() {}
	if f.wait > 0 {
		limited, cancel = limit(ctx, f.wait+f.longer)
	}
	defer cancel()
	logged := map[string]int{}
	for {
		// The call comes back each second, so that logs are shown while an action runs.
		answer, err := t.client.WaitOperation(limited, connect.NewRequest(&clientv1.WaitOperationRequest{Model: t.model, Operation: operation, TimeoutMs: 1000}))
		if timeUp(limited) {
			ended, late = a.late(operation, tasks)
			return ended, late, nil
		}
		if err != nil {
			return nil, nil, err
		}
		tasks = answer.Msg.GetTasks()
		for _, task := range tasks {
			for _, line := range task.GetLog()[min(logged[task.GetId()], len(task.GetLog())):] {
				a.say("%s %s", a.hour(line.GetTime(), f.utc), line.GetMessage())
			}
			logged[task.GetId()] = len(task.GetLog())
		}
		if answer.Msg.GetFinished() {
			return tasks, nil, nil
		}
	}
}

// late parts tasks that have ended from those that have not, which are the error; its first line is Juju's.
func (a *app) late(operation string, tasks []*controllerv1.Task) (ended []*controllerv1.Task, err error) {
	var units []string
	for _, task := range tasks {
		if task.GetCompleted() != "" {
			ended = append(ended, task)
			continue
		}
		units = append(units, "unit "+task.GetUnit())
	}
	return ended, errs.E(errs.Unavailable, "timed out waiting for results from: %s\nwhat runs goes on: see %s show-operation %s", strings.Join(units, ", "), a.name, operation)
}

// firstError is the first of two errors.
func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (a *app) hour(stamp string, utc bool) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return stamp
	}
	return t.In(a.zone(utc).Location).Format("15:04:05")
}

// showTasks answers with finished tasks: one that was alone plainly, several with their state.
func (a *app) showTasks(tasks []*controllerv1.Task, all bool, o *output, zone render.Zone) error {
	if len(tasks) == 0 {
		return nil // none has ended in time
	}
	return o.write(func(w io.Writer) error {
		switch {
		case o.format != "plain":
			return render.Value(w, o.format, render.Tasks(tasks, zone))
		case len(tasks) == 1 && all:
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
