package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) applicationCommands() []*cobra.Command {
	return []*cobra.Command{
		a.deployCommand(), a.refreshCommand(), a.configCommand(), a.integrateCommand(), a.removeRelationCommand(), a.suspendRelationCommand(), a.resumeRelationCommand(), a.addUnitCommand(),
		a.removeUnitCommand(), a.scaleCommand(), a.removeApplicationCommand(), a.exposeCommand(), a.unexposeCommand(), a.trustCommand(), a.bindCommand(), a.spacesCommand(), a.exportBundleCommand(),
		a.resourcesCommand(), a.attachResourceCommand(),
	}
}

// configFlagSet are the flags of config.
type configFlagSet struct {
	file  string
	reset []string
}

func (a *app) configCommand() *cobra.Command {
	var s *scope
	var o *output
	var f configFlagSet
	var w *waiting
	c := a.command(verb{use: "config APPLICATION [KEY | KEY=VALUE…]", least: 1, most: -1, short: "Show or change options of an application",
		long: "Without a key it shows all options, with one its value. A change is done whole or not at all. A value @FILE is the content of a file; --file names a YAML file of options " +
			"as `bangle config APPLICATION` prints it. On a terminal it tells when the units have run config-changed.",
		example: "bangle config web\nbangle config web port\nbangle config web port=8080 title=@title.txt --wait\nbangle config web --reset port,title\nbangle config web --file options.yaml"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if len(args) > 1 && strings.Contains(args[1], "=") || f.file != "" || len(f.reset) > 0 {
				return a.setConfig(ctx, t, args[0], args[1:], &f, w)
			}
			if len(args) > 2 {
				return usage("can only show one option, or all of them")
			}
			return a.getConfig(ctx, t, args[0], args[1:], o)
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	c.Flags().StringVar(&f.file, "file", "", "a YAML file of options")
	c.Flags().StringSliceVar(&f.reset, "reset", nil, "options to bring back to their default, separated by commas")
	w = waits(c, "all units have run config-changed")
	c.ValidArgsFunction = a.completeConfig
	return c
}

func (a *app) getConfig(ctx context.Context, t *target, app string, keys []string, o *output) error {
	answer, err := t.client.GetConfig(ctx, connect.NewRequest(&clientv1.GetConfigRequest{Model: t.model, Application: app}))
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return o.value(render.Config(answer.Msg))
	}
	if keys[0] == "trust" {
		return o.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, answer.Msg.GetTrust()); return err })
	}
	var known []string
	for _, option := range answer.Msg.GetOptions() {
		if option.GetName() == keys[0] {
			return o.write(func(w io.Writer) error {
				_, err := fmt.Fprintln(w, render.ConfigText(render.ConfigValue(option.GetValue())))
				return err
			})
		}
		known = append(known, option.GetName())
	}
	return errs.E(errs.NotFound, "cannot show option %q of %q: there is none of that name%s", keys[0], app, list("; there are ", known))
}

func (a *app) setConfig(ctx context.Context, t *target, app string, args []string, f *configFlagSet, w *waiting) error {
	set, err := pairs(args)
	if err != nil {
		return err
	}
	req := &clientv1.SetConfigRequest{Model: t.model, Application: app, Set: set, Reset_: f.reset}
	if f.file != "" {
		text, err := a.readFile(f.file)
		if err != nil {
			return err
		}
		req.Yaml, req.YamlFile = string(text), f.file
	}
	start := time.Now()
	answer, err := t.client.SetConfig(ctx, connect.NewRequest(req))
	if err != nil || !w.wait && !a.tty {
		return err
	}
	if answer.Msg.GetRevision() == 0 {
		a.say("Nothing changed: the options have these values already.")
		return nil
	}
	units, err := t.unitsOf(ctx, app)
	if err != nil {
		return err
	}
	if w.wait {
		return a.seen(ctx, t, w, start, api.EventConfigChanged, answer.Msg.GetRevision(), units)
	}
	// The options are set, whatever the hooks make of them: nobody asked to wait for that.
	if err := a.seen(ctx, t, &waiting{timeout: glance}, start, api.EventConfigChanged, answer.Msg.GetRevision(), units); err != nil {
		a.say("The options are set; %s", message(err))
	}
	return nil
}

// glance is how long a terminal is kept waiting for what it did not ask to wait for.
const glance = 5 * time.Second

// readFile reads a file; "-" is what comes in.
func (a *app) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, errs.E(errs.NotFound, "cannot read file: %w", err)
	}
	return text, nil
}

// unitsOf are the units of an application that have started and live.
func (t *target) unitsOf(ctx context.Context, app string) ([]string, error) {
	answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model, Selectors: []string{app}}))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, info := range answer.Msg.GetApplications() {
		for _, u := range info.GetUnits() {
			if info.GetName() == app && (u.GetLife() == "" || u.GetLife() == "alive") {
				out = append(out, u.GetName())
			}
		}
	}
	return out, nil
}

func (a *app) integrateCommand() *cobra.Command {
	var s *scope
	var w *waiting
	c := a.command(verb{use: "integrate APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT]", least: 2, most: 2, aliases: []string{"relate"}, short: "Integrate two applications",
		long:    "Endpoints need to be named only when several pairs of them fit.",
		example: "bangle integrate web db\nbangle integrate web:database db:db --wait"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			a.baseline(ctx, t, w)
			start := time.Now()
			answer, err := t.client.Integrate(ctx, connect.NewRequest(&clientv1.IntegrateRequest{Model: t.model, Endpoints: args}))
			if err != nil || !w.wait {
				return err
			}
			var apps []string
			for _, arg := range args {
				name, _, _ := strings.Cut(arg, ":")
				apps = append(apps, name)
			}
			return a.await(ctx, t, w, start, joined(answer.Msg.GetRelation().GetId(), apps...))
		})
	s = a.modelScope(c)
	unsupported(c, "via")
	w = waits(c, "the relation stands and the units of both are active and idle")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) removeRelationCommand() *cobra.Command {
	var s *scope
	var force bool
	c := a.command(verb{use: "remove-relation APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT] | ID", least: 1, most: 2, short: "Remove an integration",
		long:    "Units see the others depart, and then relation-broken. A relation is named by both its ends or by its number.",
		example: "bangle remove-relation web db\nbangle remove-relation 4 --force"},
		func(ctx context.Context, args []string) error {
			if _, err := strconv.Atoi(args[0]); (err == nil) != (len(args) == 1) {
				return usage("a relation is named by two applications or by one number")
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.client.RemoveRelation(ctx, connect.NewRequest(&clientv1.RemoveRelationRequest{Model: t.model, Endpoints: args, Force: force}))
			return err
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&force, "force", false, "do not let errors of hooks hold it")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) exposeCommand() *cobra.Command {
	return a.exposure(verb{use: "expose APPLICATION", short: "Open the ports of an application to the outside",
		long: "The ports are those that the charm opens.", example: "bangle expose gate"}, true)
}

func (a *app) unexposeCommand() *cobra.Command {
	return a.exposure(verb{use: "unexpose APPLICATION", short: "Close the ports of an application to the outside",
		long: "The charm's ports stay open to the other applications of the model.", example: "bangle unexpose gate"}, false)
}

func (a *app) exposure(v verb, exposed bool) *cobra.Command {
	var s *scope
	v.least, v.most = 1, 1
	c := a.command(v, func(ctx context.Context, args []string) error {
		t, err := a.reach(ctx, s)
		if err != nil {
			return err
		}
		_, err = t.client.Expose(ctx, connect.NewRequest(&clientv1.ExposeRequest{Model: t.model, Application: args[0], Exposed: exposed}))
		return err
	})
	s = a.modelScope(c)
	unsupported(c, "endpoints", "to-cidrs", "to-spaces")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) trustCommand() *cobra.Command {
	var s *scope
	var remove bool
	var reach string
	var grants []string
	c := a.command(verb{use: "trust APPLICATION", least: 1, most: 1, short: "Give an application the permissions that its charm declares",
		long:    "--grant gives one permission instead; --remove takes all of them away, or those of --grant.",
		example: "bangle trust db\nbangle trust db --scope=cluster\nbangle trust web --grant http=api.example.com\nbangle trust db --remove"},
		func(ctx context.Context, args []string) error {
			if !slices.Contains([]string{"", "cluster", "namespace"}, reach) {
				return usage("--scope is cluster or namespace, not %q", reach)
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.Trust(ctx, connect.NewRequest(&clientv1.TrustRequest{Model: t.model, Application: args[0], Trust: !remove, Grants: grants}))
			if err == nil {
				a.granted(answer.Msg.GetGranted())
			}
			return err
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&remove, "remove", false, "take the permissions away")
	addGrants(c, &grants)
	c.Flags().StringVar(&reach, "scope", "", "cluster or namespace: how far they reach; what is declared is never exceeded")
	c.ValidArgsFunction = a.completeApplications
	return c
}

// sorted are the keys of a map.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
