package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// planDoc is a file of changes: what `bangle plan -f` and `bangle apply` take, and --save writes.
type planDoc struct {
	Model       string     `yaml:"model,omitempty"`
	Fingerprint string     `yaml:"fingerprint,omitempty"` // of the model that it was made for
	Changes     [][]string `yaml:"changes"`
}

// save writes the plan's file.
func (p *planning) save(file string, changes [][]string) error {
	text, err := yaml.Encode(planDoc{Model: p.fork.GetModel(), Fingerprint: p.fork.GetFingerprint(), Changes: changes})
	if err == nil {
		err = os.WriteFile(file, text, 0o600) // a change may hold a password
	}
	if err != nil {
		return errs.E(errs.Invalid, "cannot save the plan: %w", err)
	}
	return nil
}

// readPlan reads a file of changes; a bundle is the one change that deploys it.
func (a *app) readPlan(file string) (*planDoc, error) {
	text, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := yaml.One(file, text)
	if err != nil {
		return nil, err
	}
	if doc.Has("applications") {
		return &planDoc{Changes: [][]string{{"deploy", file}}}, nil
	}
	plan := &planDoc{}
	if err := doc.Decode(plan); err != nil {
		return nil, err
	}
	if len(plan.Changes) == 0 {
		return nil, errs.E(errs.Invalid, "cannot use %s: changes: there are none; want a list of commands as lists of words, such as [config, web, port=80]", file)
	}
	names := a.changingNames()
	for i, c := range plan.Changes {
		if len(c) == 0 || !slices.Contains(names, c[0]) {
			return nil, errs.E(errs.Invalid, "cannot use %s: changes[%d]: %q is no verb that changes a model; allowed: %s", file, i, strings.Join(c, " "), strings.Join(names, ", "))
		}
	}
	return plan, nil
}

// make makes the changes of a file where the program's commands find the model, up to the first that cannot be made; made is
// how many were before it.
func (a *app) make(ctx context.Context, file string, plan *planDoc) (made int, err error) {
	for i, change := range plan.Changes {
		var c *cobra.Command
		for _, one := range a.changing() {
			if one.Name() == change[0] {
				c = one
			}
		}
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetArgs(change[1:])
		c.SetOut(io.Discard)
		c.SetErr(a.err)
		if flag := c.Flags().Lookup("no-prompt"); flag != nil {
			must(flag.Value.Set("true"))
		}
		if err := c.ExecuteContext(ctx); err != nil {
			return i, errs.E(errs.Class(err), "cannot make changes[%d] of %s (%s): %s", i, file, strings.Join(change, " "), message(err))
		}
	}
	return len(plan.Changes), nil
}

// remains says what of a file's changes is made and what is not, once one of them could not be.
func remains(made, all int) string {
	several := func(from, to int, one, more string) string {
		switch to - from {
		case 0:
			return ""
		case 1:
			return fmt.Sprintf("changes[%d] %s", from, one)
		}
		return fmt.Sprintf("changes[%d] to changes[%d] %s", from, to-1, more)
	}
	before, after := several(0, made, "is made and stays", "are made and stay"), several(made+1, all, "is not", "are not")
	switch {
	case made == 0:
		return "none of the others is made"
	case after == "":
		return before + "; only this one remains"
	}
	return before + ", " + after + "; what remains is for a file of its own"
}

// planFile plans the changes of a file.
func (a *app) planFile(ctx context.Context, s *scope, f *planFlags) error {
	plan, err := a.readPlan(f.file)
	if err != nil {
		return err
	}
	p := &planning{app: a}
	defer p.close()
	if _, err := p.dial(ctx, s.controller, first(s.model, plan.Model), true); err != nil {
		return err
	}
	if _, err := p.stage().make(ctx, f.file, plan); err != nil {
		return err
	}
	return p.finish(ctx, f, plan.Changes)
}

// applyCommand makes the changes of a plan.
func (a *app) applyCommand() *cobra.Command {
	var s *scope
	force := false
	c := a.command(verb{use: "apply FILE", least: 1, most: 1, short: "Make the changes of a plan",
		long: "The changes are made in their order, each for itself, not all or none: the first one that cannot be made ends it, what was made before it stays, what comes after it is not made, and the " +
			"error says which are which (a bundle is several changes, and may be made in part). `bangle plan -f` finds out before whether one of them would be refused. When the model is not any more as it was when the plan was saved (its applications, units, relations or " +
			"settings are others), nothing is changed and it has to be planned again; --force makes the changes all the same.",
		example: "bangle apply plan.yaml\nbangle apply plan.yaml --force"},
		func(ctx context.Context, args []string) error {
			plan, err := a.readPlan(args[0])
			if err != nil {
				return err
			}
			return a.apply(ctx, s, args[0], plan, force)
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&force, "force", false, "also when the model is another than the plan was made for")
	return c
}

func (a *app) apply(ctx context.Context, s *scope, file string, plan *planDoc, force bool) error {
	t, err := a.connect(ctx, &scope{s.controller, first(s.model, plan.Model)}, true)
	if err != nil {
		return err
	}
	if plan.Fingerprint != "" && !force {
		p := &planning{app: a}
		defer p.close()
		if _, err := p.dial(ctx, s.controller, first(s.model, plan.Model), true); err != nil {
			return err
		}
		if p.fork.GetFingerprint() != plan.Fingerprint {
			return errs.E(errs.Conflict, "cannot apply %s: model %q was changed since the plan was made; plan again, or give --force", file, p.fork.GetModel())
		}
	}
	real := *a
	real.dialer = func(context.Context, string, string, bool) (*target, error) { return t, nil }
	if made, err := real.make(ctx, file, plan); err != nil {
		return errs.E(errs.Class(err), "%s; %s", message(err), remains(made, len(plan.Changes)))
	}
	return nil
}
