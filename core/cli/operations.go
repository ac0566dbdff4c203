package cli

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func (a *app) actionsCommand() *cobra.Command {
	var s *scope
	var o *output
	var schema bool
	c := a.command(verb{use: "actions APPLICATION", least: 1, most: 1, aliases: []string{"list-actions"}, short: "List the actions of an application",
		long: "--schema shows their parameters.", example: "bangle actions guestbook\nbangle actions guestbook --schema"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.ListActions(ctx, connect.NewRequest(&clientv1.ListActionsRequest{Model: t.model, Application: args[0]}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetActions()
			if o.format == "tabular" && !schema {
				if len(list) == 0 {
					a.say("No actions defined for %s.", args[0])
					return nil
				}
				return o.write(func(w io.Writer) error { return render.Actions(w, list) })
			}
			return a.actionValues(list, schema, o)
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	c.Flags().BoolVar(&schema, "schema", false, "show the parameters")
	c.ValidArgsFunction = a.completeApplications
	return c
}

// actionValues maps actions to their descriptions, or to their schemas.
func (a *app) actionValues(list []*clientv1.ActionInfo, schema bool, o *output) error {
	values := map[string]any{}
	for _, action := range list {
		values[action.GetName()] = action.GetDescription()
		if !schema {
			continue
		}
		var parsed any
		if err := json.Unmarshal([]byte(first(action.GetSchema(), "{}")), &parsed); err != nil {
			return errs.E(errs.Internal, "cannot show action %q: its schema is not JSON: %w", action.GetName(), err)
		}
		values[action.GetName()] = parsed
	}
	if o.format == "tabular" {
		return o.write(func(w io.Writer) error { return render.Value(w, "yaml", values) })
	}
	return o.value(values)
}

// waitFlags are the flags of commands that show what may still go on.
type waitFlags struct {
	utc  bool
	wait time.Duration
}

func (f *waitFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.utc, "utc", false, "show times in UTC")
	c.Flags().DurationVar(&f.wait, "wait", 0, "wait this long for the end")
	c.Flags().DurationVar(&f.wait, "timeout", 0, "the same as --wait")
}

func (a *app) showOperationCommand() *cobra.Command {
	var s *scope
	var o *output
	var f waitFlags
	c := a.command(verb{use: "show-operation ID", least: 1, most: 1, short: "Show an operation with its tasks",
		long: "An operation is one `bangle run` or `bangle exec`.", example: "bangle show-operation 3\nbangle show-operation 3 --wait 1m --format json"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.WaitOperation(ctx, connect.NewRequest(&clientv1.WaitOperationRequest{Model: t.model, Operation: args[0], TimeoutMs: f.wait.Milliseconds()}))
			if err != nil {
				return err
			}
			return o.value(render.Operation(answer.Msg.GetOperation(), answer.Msg.GetTasks(), a.zone(f.utc)))
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	f.add(c)
	return c
}

func (a *app) showTaskCommand() *cobra.Command {
	var s *scope
	var o *output
	var f waitFlags
	c := a.command(verb{use: "show-task ID", least: 1, most: 1, short: "Show a task with its results",
		long: "A task is an action or a command on one unit.", example: "bangle show-task 4\nbangle show-task 4 --wait 1m --format json"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.WaitOperation(ctx, connect.NewRequest(&clientv1.WaitOperationRequest{Model: t.model, Task: args[0], TimeoutMs: f.wait.Milliseconds()}))
			if err != nil {
				return err
			}
			if len(answer.Msg.GetTasks()) == 0 {
				return errs.E(errs.NotFound, "cannot find task %q: see %s operations", args[0], a.name)
			}
			return a.showTask(answer.Msg.GetTasks()[0], o, a.zone(f.utc))
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	f.add(c)
	return c
}

// showTask shows a task that has ended plainly, and one that has not with its state.
func (a *app) showTask(t *controllerv1.Task, o *output, zone render.Zone) error {
	switch {
	case o.format != "plain":
		return o.value(render.Task(t, zone))
	case render.Finished(t):
		return o.write(func(w io.Writer) error { return render.PlainTask(w, t) })
	}
	return o.write(func(w io.Writer) error { return render.Value(w, "yaml", render.Task(t, zone)) })
}

func (a *app) operationsCommand() *cobra.Command {
	var s *scope
	var o *output
	var utc bool
	c := a.command(verb{use: "operations", aliases: []string{"list-operations"}, short: "List operations",
		long: "The oldest comes first.", example: "bangle operations\nbangle operations --format json"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.ListOperations(ctx, connect.NewRequest(&clientv1.ListOperationsRequest{Model: t.model}))
			if err != nil {
				return err
			}
			ops, tasks := answer.Msg.GetOperations(), answer.Msg.GetTasks()
			if o.format == "plain" {
				return o.write(func(w io.Writer) error { return render.Operations(w, ops, tasks, a.zone(utc), o.colour()) })
			}
			by := map[string][]*controllerv1.Task{}
			for _, task := range tasks {
				by[task.GetOperation()] = append(by[task.GetOperation()], task)
			}
			values := map[string]render.OperationPart{}
			for _, op := range ops {
				values[op.GetId()] = render.Operation(op, by[op.GetId()], a.zone(utc))
			}
			return o.value(values)
		})
	s = a.modelScope(c)
	o = a.answers(c, "plain", "json", "yaml")
	c.Flags().BoolVar(&utc, "utc", false, "show times in UTC")
	return c
}

func (a *app) cancelTaskCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "cancel-task ID…", least: 1, most: -1, short: "Cancel tasks",
		long: "A task that waits never runs. One that runs is \"aborting\" until all its processes have ended, five seconds later by force, and then \"aborted\": " +
			"nothing it wrote is kept, and its unit goes on. One that has done its work by then is completed.", example: "bangle cancel-task 4\nbangle cancel-task 4 5 6"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			values := map[string]render.TaskPart{}
			for _, id := range args {
				answer, err := t.client.CancelTask(ctx, connect.NewRequest(&clientv1.CancelTaskRequest{Model: t.model, Task: id}))
				if err != nil {
					return err
				}
				values[id] = render.Task(answer.Msg.GetTask(), a.zone(false))
			}
			return o.value(values)
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	return c
}

func (a *app) resolvedCommand() *cobra.Command {
	var s *scope
	var w *waiting
	var all, noRetry bool
	c := a.command(verb{use: "resolved UNIT… | --all", most: -1, aliases: []string{"resolve"}, short: "Let units in error go on",
		long:    "The hook that failed runs again; with --no-retry it is passed over as if it had succeeded.",
		example: "bangle resolved web/0\nbangle resolved web/0 --no-retry\nbangle resolved --all --wait"},
		func(ctx context.Context, args []string) error {
			if all == (len(args) > 0) {
				return usage("name units, or else say --all")
			}
			if err := unitArgs(args); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			a.baseline(ctx, t, w)
			start := time.Now()
			answer, err := t.client.Resolved(ctx, connect.NewRequest(&clientv1.ResolvedRequest{Model: t.model, Units: args, All: all, NoRetry: noRetry}))
			if err != nil {
				return err
			}
			if all && len(answer.Msg.GetUnits()) == 0 {
				a.say("No unit is in error.")
				return nil
			}
			if !w.wait {
				return nil
			}
			return a.await(ctx, t, w, start, settled(answer.Msg.GetUnits()...))
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&all, "all", false, "all units in error")
	c.Flags().BoolVar(&noRetry, "no-retry", false, "pass over the hook that failed")
	w = waits(c, "the units are active and idle")
	c.ValidArgsFunction = a.completeUnits
	return c
}
