package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) deployCommand() *cobra.Command {
	var s *scope
	var f deployFlags
	var w *waiting
	var c *cobra.Command
	c = a.command(verb{use: "deploy CHARM|BUNDLE [APPLICATION]", least: 1, most: 2, short: "Deploy a charm or a bundle",
		long: "CHARM is the directory of a charm as it stands (nothing needs to be packed), a .charm file or a charm.wasm that carries its charmcraft.yaml; BUNDLE is a YAML file, or a directory with a bundle.yaml. " +
			"Everything that the package declares is checked before anything is done.",
		example: "bangle deploy ./charms/web\nbangle deploy ./web.charm front -n 3 --config port=8080\nbangle deploy ./bundle.yaml --overlay ./production.yaml\nbangle deploy ./charms/db --storage data=10G --resource image=./rootfs --dry-run"},
		func(ctx context.Context, args []string) error {
			kind, err := look(args[0])
			if err != nil {
				return err
			}
			if kind == bundleSource {
				if len(args) > 1 || c.Flags().Changed("num-units") {
					return usage("a bundle names its applications and their units: leave out the name and -n")
				}
				if len(f.grants) > 0 {
					return usage("--grant is for one charm: deploy the bundle with --trust, or with trust: true or a list grants: at those applications that are to have what they ask for")
				}
				return a.deployBundle(ctx, s, args[0], &f, w)
			}
			if len(f.overlays) > 0 {
				return usage("--overlay is for bundles, and %s is a charm", args[0])
			}
			return a.deployCharm(ctx, s, args, &f, c.Flags().Changed("num-units"), w)
		})
	s = a.modelScope(c)
	f.add(c)
	w = waits(c, "all units are active and idle")
	return c
}

func (a *app) deployCharm(ctx context.Context, s *scope, args []string, f *deployFlags, unitsGiven bool, w *waiting) error {
	path, err := filepath.Abs(args[0])
	if err != nil {
		return errs.E(errs.Internal, "cannot deploy %s: %w", args[0], err)
	}
	name := ""
	if len(args) > 1 {
		name = args[1]
	}
	units := f.units
	if !unitsGiven && subordinate(path) {
		units = 0
	}
	req, err := f.request(name, units)
	if err != nil {
		return err
	}
	if name != "" && !charm.ValidAppName(name) {
		return errs.E(errs.Invalid, "cannot use %q as the name of an application: want %s", name, charm.AppNameRule)
	}
	if options, ok := optionsOf(path); ok {
		if _, err := options.ParseAll(req.GetConfig()); err != nil {
			return err // before the package is sent
		}
	}
	t, err := a.reach(ctx, s)
	if err != nil {
		return err
	}
	a.baseline(ctx, t, w)
	start := time.Now()
	answer, err := a.deployOne(ctx, t, path, req)
	if err != nil || f.dryRun || !w.wait {
		return err
	}
	return a.await(ctx, t, w, start, settled(answer.GetUnits()...))
}

// subordinate says whether a charm lives beside others and has no units of its own. What is wrong with a charm is the
// controller's to say.
func subordinate(path string) bool {
	ch, _, err := charm.Read(path, charm.ReadConfig{})
	return err == nil && ch.Meta.Subordinate
}

// deployOne uploads a charm and makes an application of it.
func (a *app) deployOne(ctx context.Context, t *target, path string, req *clientv1.DeployRequest) (*clientv1.DeployResponse, error) {
	a.say("Uploading charm from %s", path)
	up, err := a.upload(ctx, t, path, req.GetRuntime())
	if err != nil {
		return nil, err
	}
	req.Model, req.CharmDigest, req.CharmPath = t.model, up.GetDigest(), path
	if req.Uploads, err = a.uploads(ctx, t, charmResources(path), req.GetResources()); err != nil {
		return nil, err
	}
	answer, err := t.client.Deploy(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, err
	}
	if err := a.findings(path, answer.Msg.GetDiagnostics()); err != nil {
		return nil, err
	}
	app, done := answer.Msg.GetApplication(), "Deployed"
	if req.GetDryRun() {
		done = "Would deploy"
	}
	a.say("%s %q from charm %q, revision %d (%s), with %s%s", done, app.GetName(), app.GetCharmName(), app.GetCharmRevision(), app.GetRuntime(),
		plural(len(answer.Msg.GetUnits()), "unit"), list(": ", answer.Msg.GetUnits()))
	a.granted(app.GetGrants())
	return answer.Msg, nil
}

// list is names after a prefix, nothing when there are none.
func list(prefix string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return prefix + strings.Join(names, ", ")
}

// refreshFlags are the flags of refresh.
type refreshFlags struct {
	path, runtime     string
	resources, config []string
	bind, storage     []string
	grants            []string
	force, trust      bool
	forceUnits        bool
	trustGiven        bool
	shadow            int
}

func (a *app) refreshCommand() *cobra.Command {
	var s *scope
	var f refreshFlags
	var w *waiting
	var c *cobra.Command
	c = a.command(verb{use: "refresh APPLICATION", least: 1, most: 1, short: "Give an application the newest of its charm",
		long: "The charm is read again from where it was deployed from, or from --path. Units run upgrade-charm and config-changed. " +
			"With --shadow nothing is changed: the last events of each unit run once more on the new charm, from their recordings, and what it would have done otherwise is shown. " +
			"With --storage they keep the storage that they have; they get stores that the charm adds and what it needs at least.",
		example: "bangle refresh web\nbangle refresh web --path ./charms/web --config port=8080\nbangle refresh db --resource image=./rootfs --wait"},
		func(ctx context.Context, args []string) error {
			f.trustGiven = c.Flags().Changed("trust")
			if c.Flags().Changed("shadow") && f.shadow < 1 {
				return usage("--shadow=%d: want a number of events, from 1", f.shadow)
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			return a.refresh(ctx, t, args[0], &f, w)
		})
	s = a.modelScope(c)
	c.Flags().StringVar(&f.path, "path", "", "the charm's directory or .charm file; else where it was deployed from")
	c.Flags().StringVar(&f.runtime, "runtime", "", "run the charm with this runtime")
	c.Flags().StringArrayVar(&f.resources, "resource", nil, "a resource NAME=PATH or NAME=IMAGE; may be repeated")
	c.Flags().StringArrayVar(&f.config, "config", nil, "an option KEY=VALUE or KEY=@FILE; may be repeated")
	c.Flags().StringArrayVar(&f.storage, "storage", nil, "storage NAME=[POOL][,COUNT][,SIZE] for stores that the charm adds and for units that come; may be repeated")
	c.Flags().BoolVar(&f.force, "force", false, "also when units are in error or it is another charm")
	c.Flags().BoolVar(&f.forceUnits, "force-units", false, "also when units are in error")
	c.Flags().BoolVar(&f.trust, "trust", false, "give, or with --trust=false take away, the permissions that the charm declares")
	addGrants(c, &f.grants)
	c.Flags().StringArrayVar(&f.bind, "bind", nil, "bindings \"[SPACE] ENDPOINT=SPACE …\", over those that there are")
	c.Flags().IntVar(&f.shadow, "shadow", 0, "change nothing, and show what the new charm would have done otherwise in the last events of each unit; as many as said, or 20")
	c.Flags().Lookup("shadow").NoOptDefVal = "20"
	unsupported(c, "base", "channel", "force-base!", "revision", "switch")
	w = waits(c, "all units run the new charm and are active and idle")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) refresh(ctx context.Context, t *target, app string, f *refreshFlags, w *waiting) error {
	start := time.Now()
	set, yaml, err := configFlags(f.config)
	if err != nil {
		return err
	}
	if yaml != "" {
		return usage("--config of refresh takes KEY=VALUE; change options by a file with: %s config %s --file FILE", a.name, app)
	}
	req := &clientv1.RefreshRequest{Model: t.model, Application: app, Force: f.force, ForceUnits: f.forceUnits, Grants: f.grants, Config: set, Runtime: f.runtime, Bindings: parseBindings(strings.Join(f.bind, " "))}
	if req.Resources, err = parseResources(f.resources); err != nil {
		return err
	}
	if req.Storage, err = parseStorage(f.storage); err != nil {
		return err
	}
	if f.trustGiven {
		req.Trust = &f.trust
	}
	path, err := a.charmPath(ctx, t, app, f)
	if err != nil {
		return err
	}
	if path != "" {
		a.say("Uploading charm from %s", path)
		up, err := a.upload(ctx, t, path, f.runtime)
		if err != nil {
			return err
		}
		req.CharmDigest, req.CharmPath = up.GetDigest(), path
	}
	if f.shadow > 0 {
		return a.shadow(ctx, t, req, f.shadow)
	}
	a.baseline(ctx, t, w)
	changed, err := a.refreshOne(ctx, t, req)
	if err != nil || !changed || !w.wait {
		return err
	}
	return a.await(ctx, t, w, start, refreshed(app))
}

// charmPath is where refresh reads the charm; "" when only resources, options or trust change.
func (a *app) charmPath(ctx context.Context, t *target, app string, f *refreshFlags) (string, error) {
	if f.path != "" {
		return filepath.Abs(f.path)
	}
	shown, err := t.client.ShowApplication(ctx, connect.NewRequest(&clientv1.ShowApplicationRequest{Model: t.model, Applications: []string{app}}))
	if err != nil {
		return "", err
	}
	if found := shown.Msg.GetApplications(); len(found) > 0 && found[0].GetRecord().GetCharmPath() != "" {
		path := found[0].GetRecord().GetCharmPath()
		if _, err := os.Stat(path); err != nil && len(f.resources)+len(f.config)+len(f.bind)+len(f.storage) > 0 {
			return "", nil // the charm stays as it is
		}
		return path, nil
	}
	return "", errs.E(errs.NotFound, "cannot refresh %q: it is not known where its charm came from; give --path", app)
}

func (a *app) refreshOne(ctx context.Context, t *target, req *clientv1.RefreshRequest) (changed bool, err error) {
	if err := a.refreshUploads(ctx, t, req); err != nil {
		return false, err
	}
	answer, err := t.client.Refresh(ctx, connect.NewRequest(req))
	if err != nil {
		return false, err
	}
	if err := a.findings(req.GetCharmPath(), answer.Msg.GetDiagnostics()); err != nil {
		return false, err
	}
	app := answer.Msg.GetApplication()
	if !answer.Msg.GetChanged() {
		a.say("%q is up to date: charm %q, revision %d", app.GetName(), app.GetCharmName(), app.GetCharmRevision())
		return false, nil
	}
	a.say("Refreshed %q to charm %q, revision %d", app.GetName(), app.GetCharmName(), app.GetCharmRevision())
	a.granted(app.GetGrants())
	return true, nil
}
