package cli

import (
	"context"
	"os"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) exportBundleCommand() *cobra.Command {
	var s *scope
	var file string
	var defaults bool
	c := a.command(verb{use: "export-bundle", short: "Write a model as a bundle",
		long:    "A deploy of the bundle in an empty model gives the same applications, options and integrations.",
		example: "bangle export-bundle\nbangle export-bundle --filename dev.yaml --include-charm-defaults"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			b, err := a.export(ctx, t, defaults)
			if err != nil {
				return err
			}
			text, err := bundle.Encode(b)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = a.out.Write(text)
				return err
			}
			if err := os.WriteFile(file, text, 0o666); err != nil {
				return errs.E(errs.Invalid, "cannot write bundle: %w", err)
			}
			a.say("Wrote bundle to %s", file)
			return nil
		})
	s = a.modelScope(c)
	c.Flags().StringVar(&file, "filename", "", "write to this file")
	c.Flags().BoolVar(&defaults, "include-charm-defaults", false, "write options too that have their default")
	return c
}

func (a *app) export(ctx context.Context, t *target, defaults bool) (*bundle.Bundle, error) {
	live, err := t.live(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := t.client.ShowApplication(ctx, connect.NewRequest(&clientv1.ShowApplicationRequest{Model: t.model}))
	if err != nil {
		return nil, err
	}
	if len(live.Applications) == 0 {
		return nil, errs.E(errs.NotFound, "cannot export bundle: model %q has no applications", t.model)
	}
	b := &bundle.Bundle{Type: bundle.Kubernetes, Applications: map[string]*bundle.Application{}, Relations: live.Relations}
	for _, d := range shown.Msg.GetApplications() {
		name := d.GetRecord().GetName()
		is := live.Applications[name]
		app := &bundle.Application{Charm: is.Charm, Options: is.Config, Resources: is.Resources, Constraints: is.Constraints, Expose: is.Exposed, Trust: is.Trust, Grants: is.Grants,
			Bindings: d.GetRecord().GetEndpointBindings(), Storage: directives(d)}
		if d.GetPrincipal() {
			scale := is.Scale
			app.Scale = &scale
		}
		if defaults {
			if app.Options, err = t.allOptions(ctx, name); err != nil {
				return nil, err
			}
		}
		b.Applications[name] = app
	}
	return b, nil
}

// allOptions are the values of all options, defaults too.
func (t *target) allOptions(ctx context.Context, app string) (map[string]any, error) {
	answer, err := t.client.GetConfig(ctx, connect.NewRequest(&clientv1.GetConfigRequest{Model: t.model, Application: app}))
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, o := range answer.Msg.GetOptions() {
		if v := render.ConfigValue(o.GetValue()); v != nil {
			out[o.GetName()] = v
		}
	}
	return out, nil
}

func directives(d *clientv1.ApplicationDetails) map[string]string {
	out := map[string]string{}
	for name, s := range d.GetRecord().GetStorage() {
		out[name] = render.Directive(s)
	}
	return out
}
