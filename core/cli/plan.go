package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
)

// planHeader names the fork of a model that a call goes to.
const planHeader = "Bangle-Plan"

// planWait is how long a plan takes at most when --timeout does not say otherwise.
const planWait = time.Minute

// changing are the verbs that change a model, as `bangle plan` and `bangle apply` take them.
func (a *app) changing() []*cobra.Command {
	return []*cobra.Command{
		a.configCommand(), a.integrateCommand(), a.removeRelationCommand(), a.refreshCommand(), a.scaleCommand(), a.addUnitCommand(), a.removeUnitCommand(),
		a.deployCommand(), a.removeApplicationCommand(), a.trustCommand(), a.exposeCommand(), a.unexposeCommand(), a.attachResourceCommand(), a.modelConfigCommand(),
		a.resolvedCommand(), a.suspendRelationCommand(), a.resumeRelationCommand(), a.addSecretCommand(), a.updateSecretCommand(), a.removeSecretCommand(),
		a.grantSecretCommand(false), a.grantSecretCommand(true),
	}
}

// planCommand says what a change would do: each verb that changes a model is below it, with its own arguments and flags.
func (a *app) planCommand() *cobra.Command {
	f := &planFlags{}
	var s *scope
	c := a.command(verb{use: "plan VERB … | -f FILE", least: 0, most: -1, short: "Say what a change would do, and change nothing",
		long: "The model is forked in the controller's memory, the change is made on the fork by the same code as for real, and the units run the events that would follow, one after the other until all " +
			"rest, with what they would do to their workloads noted instead of done. Of a charm that is no WASM module it is only said which events it would be given: what it would do cannot be known. " +
			"The exit code is 1 when an event would fail, or when units do not come to rest. --save keeps the plan in a file that `bangle apply` takes. A FILE has `changes`, a list of commands as lists of words.",
		example: "bangle plan config web port=8080\nbangle plan integrate web db --format json\nbangle plan refresh web --path ./web --save plan.yaml\nbangle plan -f plan.yaml"},
		func(ctx context.Context, args []string) error {
			if len(args) > 0 || f.file == "" {
				return usage("cannot plan %q: give one of %s, or -f FILE", strings.Join(args, " "), strings.Join(a.changingNames(), ", "))
			}
			return a.planFile(ctx, s, f)
		})
	s = a.modelScope(c)
	c.Flags().StringVarP(&f.file, "file", "f", "", "a file with the changes, or a bundle")
	f.add(c)
	c.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.read(cmd) }
	for _, name := range a.changingNames() {
		c.AddCommand(a.planned(name))
	}
	return c
}

// changingNames lists the verbs that can be planned.
func (a *app) changingNames() []string {
	var names []string
	for _, c := range a.changing() {
		names = append(names, c.Name())
	}
	return names
}

// planFlags are the flags of a plan, beside the verb's own.
type planFlags struct {
	file, save, format string
	timeout            time.Duration
	events             int32
}

// own are the names of planFlags and of the model: no part of the change.
func (f *planFlags) own() []string {
	return []string{"model", "controller", "format", "output", "timeout", "events", "save", "wait", "no-prompt"}
}

// add adds those flags that the command does not have. A verb's own --format and --timeout are the plan's.
func (f *planFlags) add(c *cobra.Command) {
	for _, name := range []string{"wait", "no-prompt", "output"} { // a plan asks nothing, waits for nothing and answers here
		if flag := c.Flags().Lookup(name); flag != nil {
			flag.Hidden = true
		}
	}
	if flag := c.Flags().Lookup("format"); flag != nil {
		flag.Usage, flag.DefValue = "how to answer instead of as text: yaml, json", ""
	} else {
		c.Flags().String("format", "text", "how to answer: text, yaml, json")
		must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "yaml", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	}
	if c.Flags().Lookup("timeout") == nil {
		c.Flags().Duration("timeout", planWait, "")
	}
	flag := c.Flags().Lookup("timeout")
	flag.Usage, flag.DefValue = "say what is known after this long", planWait.String()
	c.Flags().Int32Var(&f.events, "events", 0, "events of one unit at most; 0 is 50")
	c.Flags().StringVar(&f.save, "save", "", "write the plan to this file, for apply")
}

// read takes the flags that the command may have had before.
func (f *planFlags) read(c *cobra.Command) error {
	f.format, f.timeout = "text", planWait
	if flag := c.Flags().Lookup("format"); flag.Changed {
		f.format = flag.Value.String()
	}
	if !slices.Contains([]string{"text", "yaml", "json"}, f.format) {
		return usage("cannot answer in format %q; the formats are text, yaml, json", f.format)
	}
	if flag := c.Flags().Lookup("timeout"); flag.Changed {
		var err error
		if f.timeout, err = time.ParseDuration(flag.Value.String()); err != nil || f.timeout <= 0 {
			return usage("--timeout must be a time above 0, like 30s")
		}
	}
	if flag := c.Flags().Lookup("wait"); flag != nil && flag.Changed {
		return usage("a plan has nothing to wait for: leave --wait out")
	}
	return nil
}

// planned is a verb whose change goes to a fork.
func (a *app) planned(name string) *cobra.Command {
	p, f := &planning{app: a}, &planFlags{}
	stage := p.stage()
	var c *cobra.Command
	for _, one := range stage.changing() {
		if one.Name() == name {
			c = one
		}
	}
	do := c.RunE
	c.Short, c.Example = "Say what "+name+" would do", a.planExamples(c)
	f.add(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.read(cmd); err != nil {
			return err
		}
		if flag := cmd.Flags().Lookup("no-prompt"); flag != nil {
			must(flag.Value.Set("true"))
		}
		defer p.close()
		if err := do(cmd, args); err != nil {
			return err
		}
		return p.finish(cmd.Context(), f, [][]string{spelled(cmd, args, f.own())})
	}
	return c
}

// planExamples are those of a verb that change something.
func (a *app) planExamples(c *cobra.Command) string {
	var out []string
	shows := strings.HasSuffix(c.Name(), "config") // without a value, or a flag for one
	for line := range strings.SplitSeq(c.Example, "\n") {
		if shows && !strings.ContainsAny(line, "=") && !strings.Contains(line, " --reset") {
			continue
		}
		out = append(out, strings.Replace(strings.TrimSuffix(line, " --wait"), "  "+a.name+" ", "  "+a.name+" plan ", 1))
	}
	return strings.Join(out, "\n")
}

// spelled is a command as it was given, but for some flags.
func spelled(c *cobra.Command, args, without []string) []string {
	out := []string{c.Name()}
	c.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(without, flag.Name) {
			return
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			out = append(out, "--"+flag.Name+"="+v)
		}
	})
	return append(out, args...)
}

// planning is one plan while it is made.
type planning struct {
	app    *app
	target *target
	fork   *clientv1.OpenPlanResponse
	stream *connect.ServerStreamForClient[clientv1.OpenPlanResponse]
	end    context.CancelFunc
}

// stage is the program on the fork: its commands find the fork where they look for the model, and say nothing.
func (p *planning) stage() *app {
	stage := *p.app
	stage.out, stage.err, stage.in, stage.tty = io.Discard, io.Discard, strings.NewReader(""), false
	stage.dialer = p.dial
	return &stage
}

// dial opens the fork with the first command that looks for the model.
func (p *planning) dial(ctx context.Context, controller, model string, _ bool) (*target, error) {
	if p.fork != nil {
		return p.target, nil
	}
	t, err := p.app.connect(ctx, &scope{controller, model}, true)
	if err != nil {
		return nil, err
	}
	ctx, p.end = context.WithCancel(ctx)
	if p.stream, err = t.plans().Open(ctx, connect.NewRequest(&clientv1.OpenPlanRequest{Model: t.model})); err != nil {
		return nil, err
	}
	if !p.stream.Receive() {
		return nil, first2(p.stream.Err(), errs.E(errs.Unavailable, "cannot make a plan: the controller went away; try again"))
	}
	p.fork = p.stream.Msg()
	fork := *t
	fork.line.http = onFork{t.line.http, p.fork.GetPlan()}
	fork.client = fork.line.client()
	p.target = &fork
	return p.target, nil
}

// first2 is the first error that is one.
func first2(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// close drops the fork.
func (p *planning) close() {
	if p.end != nil {
		p.end()
	}
	if p.stream != nil {
		_ = p.stream.Close() // it was cancelled
	}
}

// onFork has calls go to a fork.
type onFork struct {
	to   connect.HTTPClient
	fork string
}

// Do implements connect.HTTPClient.
func (o onFork) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set(planHeader, o.fork)
	return o.to.Do(r)
}

func (t *target) plans() clientv1connect.PlansClient {
	return clientv1connect.NewPlansClient(t.line.http, t.line.url)
}

// finish has the change rehearsed and shows what came of it. The exit code is 1 when an event would fail, or units do not come to rest.
func (p *planning) finish(ctx context.Context, f *planFlags, changes [][]string) error {
	if p.fork == nil {
		return usage("cannot plan %s: it changes nothing", strings.Join(changes[0], " "))
	}
	to := *p.target
	to.line.http = to.line.http.(onFork).to
	stream, err := to.plans().Rehearse(ctx, connect.NewRequest(&clientv1.RehearsePlanRequest{Plan: p.fork.GetPlan(), Events: f.events, TimeoutMs: f.timeout.Milliseconds()}))
	if err != nil {
		return err
	}
	defer stream.Close()
	planned := render.Planned{Model: p.fork.GetModel()}
	for _, c := range changes {
		planned.Changes = append(planned.Changes, shown(c))
	}
	for stream.Receive() {
		planned.Steps = append(planned.Steps, stream.Msg().GetSteps()...)
		planned.End = stream.Msg().GetEnd()
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if err := p.show(f, planned); err != nil {
		return err
	}
	if f.save != "" {
		if err := p.save(f.save, changes); err != nil {
			return err
		}
	}
	if planned.Bad() {
		return exitCode(1)
	}
	return nil
}

// shown is a change as it may be shown: of a secret, without what is in it.
func shown(change []string) string {
	change = slices.Clone(change)
	for i, word := range change {
		if name, _, found := strings.Cut(word, "="); found && strings.HasSuffix(change[0], "-secret") && !strings.HasPrefix(word, "--") {
			change[i] = name + "=…"
		}
	}
	return strings.Join(change, " ")
}

// show writes the plan in the form that was asked for.
func (p *planning) show(f *planFlags, planned render.Planned) error {
	if f.format == "text" {
		return render.Plan(p.app.out, planned)
	}
	if err := render.Value(p.app.out, f.format, planned.Doc()); err != nil {
		return fmt.Errorf("cannot show the plan: %w", err)
	}
	return nil
}
