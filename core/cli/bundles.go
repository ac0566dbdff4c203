package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// deployBundle adds to the model what it lacks of the bundle. All that cannot be done is found before anything is done.
func (a *app) deployBundle(ctx context.Context, s *scope, path string, f *deployFlags, w *waiting) error {
	if len(f.config)+len(f.resources)+len(f.storage)+len(f.constraints)+len(f.bind) > 0 {
		return usage("a bundle has options, resources, storage, constraints and bindings of its own; change them with --overlay")
	}
	b, found, err := bundle.Read(path, f.overlays...)
	for _, d := range found.Warnings() {
		a.say("%s", d.String())
	}
	if err != nil {
		return err
	}
	t, err := a.reach(ctx, s)
	if err != nil {
		return err
	}
	live, err := t.live(ctx)
	if err != nil {
		return err
	}
	changes := bundle.Plan(b, live)
	if err := cmp.Or(possible(changes), readable(path, changes)); err != nil {
		return err
	}
	if len(changes) == 0 {
		a.say("No changes to apply.")
		return nil
	}
	e := &executor{app: a, target: t, flags: f, dir: dirOf(path), digests: map[string]string{}}
	if f.dryRun {
		fmt.Fprintln(a.out, "Changes to deploy bundle:")
		for _, line := range e.lines(changes) {
			fmt.Fprintln(a.out, "- "+line)
		}
		return nil
	}
	a.baseline(ctx, t, w)
	start := time.Now()
	a.say("Executing changes:")
	for _, c := range changes {
		if err := e.execute(ctx, c); err != nil {
			return errs.E(errs.Class(err), "cannot %s: %w", c, err)
		}
	}
	a.say("Deploy of bundle completed.")
	if !w.wait {
		return nil
	}
	return a.await(ctx, t, w, start, settled(applicationsOf(b)...))
}

func applicationsOf(b *bundle.Bundle) []string {
	var out []string
	for name := range b.Applications {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func dirOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// possible refuses a plan with steps that cannot be done here, with all of them.
func possible(changes []bundle.Change) error {
	var bad []string
	for _, c := range changes {
		switch {
		case (c.Kind == bundle.Deploy || c.Kind == bundle.Refresh) && !c.Deploy.Local():
			bad = append(bad, fmt.Sprintf("%s: a charm store is not yet supported; name a directory such as ./%s", c, c.Deploy.Charm))
		case c.Kind == bundle.Consume, c.Kind == bundle.CreateOffer, c.Kind == bundle.Constrain, c.Kind == bundle.SetExpose && len(c.ExposedEndpoints) > 0:
			bad = append(bad, c.String()+": not yet supported")
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errs.E(errs.Unsupported, "cannot deploy bundle:\n%s", strings.Join(bad, "\n"))
}

// live is what the model holds, for a plan.
func (t *target) live(ctx context.Context) (bundle.Live, error) {
	live := bundle.Live{Applications: map[string]bundle.LiveApplication{}}
	status, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model}))
	if err != nil {
		return live, err
	}
	shown, err := t.client.ShowApplication(ctx, connect.NewRequest(&clientv1.ShowApplicationRequest{Model: t.model}))
	if err != nil {
		return live, err
	}
	for _, d := range shown.Msg.GetApplications() {
		r := d.GetRecord()
		app := bundle.LiveApplication{Charm: r.GetCharmPath(), Revision: int(r.GetCharmRevision()), Scale: int(d.GetStatus().GetScaleWanted()),
			Config: map[string]any{}, Resources: map[string]any{}, Constraints: constraintText(r.GetConstraints()), Exposed: r.GetExposed(),
			Trust: r.GetTrust(), Grants: r.GetGrants()}
		for name, v := range r.GetConfig() {
			app.Config[name] = render.ConfigValue(v)
		}
		for name, v := range r.GetResources() {
			app.Resources[name] = v
		}
		live.Applications[r.GetName()] = app
	}
	for _, r := range status.Msg.GetRelations() {
		if r.GetType() != "peer" {
			live.Relations = append(live.Relations, bundle.Relation{r.GetProvider(), r.GetRequirer()})
		}
	}
	return live, nil
}

func constraintText(m map[string]string) string {
	var out []string
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// executor carries out the changes of a plan. A package is uploaded once.
type executor struct {
	app     *app
	target  *target
	flags   *deployFlags
	dir     string            // of the bundle
	digests map[string]string // by path
}

// lines are the changes as they are told, with the uploads that they need.
func (e *executor) lines(changes []bundle.Change) []string {
	var out []string
	uploaded := map[string]bool{}
	for _, c := range changes {
		if (c.Kind == bundle.Deploy || c.Kind == bundle.Refresh) && !uploaded[c.Deploy.Charm] {
			uploaded[c.Deploy.Charm] = true
			out = append(out, uploadLine(c.Deploy.Charm))
		}
		out = append(out, c.String())
	}
	return out
}

func uploadLine(path string) string {
	return fmt.Sprintf("upload charm %s from %s", strings.TrimSuffix(filepath.Base(path), ".charm"), path)
}

// charm brings a package to the controller, if it is not there yet.
func (e *executor) charm(ctx context.Context, path string) (string, error) {
	if digest, ok := e.digests[path]; ok {
		return digest, nil
	}
	e.app.say("- %s", uploadLine(path))
	answer, err := e.app.upload(ctx, e.target, path, e.flags.runtime)
	if err != nil {
		return "", err
	}
	e.digests[path] = answer.GetDigest()
	return answer.GetDigest(), nil
}

func (e *executor) execute(ctx context.Context, c bundle.Change) error {
	t, client := e.target, e.target.client
	digest := ""
	if c.Kind == bundle.Deploy || c.Kind == bundle.Refresh {
		var err error
		if digest, err = e.charm(ctx, c.Deploy.Charm); err != nil {
			return err
		}
	}
	e.app.say("- %s", c)
	var err error
	switch c.Kind {
	case bundle.Deploy:
		return e.deploy(ctx, c, digest)
	case bundle.Refresh:
		req := &clientv1.RefreshRequest{Model: t.model, Application: c.Application, CharmDigest: digest, CharmPath: c.Deploy.Charm, Grants: c.Deploy.Grants, Force: e.flags.force}
		if trust := true; c.Deploy.Trust || e.flags.trust { // what the other charm asks for, too
			req.Trust = &trust
		}
		_, err = client.Refresh(ctx, connect.NewRequest(req))
	case bundle.SetConfig:
		_, err = client.SetConfig(ctx, connect.NewRequest(&clientv1.SetConfigRequest{Model: t.model, Application: c.Application, Set: texts(c.Config)}))
	case bundle.Attach:
		req := &clientv1.RefreshRequest{Model: t.model, Application: c.Application, Resources: e.resources(c.Resources)}
		if err = e.app.refreshUploads(ctx, t, req); err != nil {
			return err
		}
		_, err = client.Refresh(ctx, connect.NewRequest(req))
	case bundle.SetTrust:
		_, err = client.Trust(ctx, connect.NewRequest(&clientv1.TrustRequest{Model: t.model, Application: c.Application, Trust: true}))
	case bundle.Grant:
		_, err = client.Trust(ctx, connect.NewRequest(&clientv1.TrustRequest{Model: t.model, Application: c.Application, Trust: true, Grants: c.Grants}))
	case bundle.Scale:
		_, err = client.ScaleApplication(ctx, connect.NewRequest(&clientv1.ScaleApplicationRequest{Model: t.model, Application: c.Application, Scale: uint32(max(c.Units, 0))}))
	case bundle.SetExpose:
		_, err = client.Expose(ctx, connect.NewRequest(&clientv1.ExposeRequest{Model: t.model, Application: c.Application, Exposed: true}))
	case bundle.Integrate:
		_, err = client.Integrate(ctx, connect.NewRequest(&clientv1.IntegrateRequest{Model: t.model, Endpoints: c.Relation[:]}))
	case bundle.Annotate:
		e.app.say("  (annotations are not yet kept)")
	}
	return err
}

func (e *executor) deploy(ctx context.Context, c bundle.Change, digest string) error {
	spec := c.Deploy
	units, given := spec.Units()
	if !given {
		if units = 1; subordinate(spec.Charm) {
			units = 0
		}
	}
	var storage []string
	for name, directive := range spec.Storage {
		storage = append(storage, name+"="+directive)
	}
	req := &clientv1.DeployRequest{Model: e.target.model, Application: c.Application, CharmDigest: digest, CharmPath: spec.Charm, Runtime: e.flags.runtime, Units: uint32(max(units, 0)),
		Config: texts(spec.Options), Resources: e.resources(spec.Resources), Bindings: spec.Bindings, Trust: spec.Trust || e.flags.trust, Grants: spec.Grants, Force: e.flags.force}
	var err error
	if req.Constraints, err = parseConstraints(spec.Constraints); err != nil {
		return err
	}
	if req.Storage, err = parseStorage(storage); err != nil {
		return err
	}
	if req.HookTimeoutMs, err = parseHookTimeout(e.flags.hookTimeout); err != nil {
		return err
	}
	if req.Uploads, err = e.app.uploads(ctx, e.target, charmResources(spec.Charm), req.GetResources()); err != nil {
		return err
	}
	answer, err := e.target.client.Deploy(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	return e.app.findings(spec.Charm, answer.Msg.GetDiagnostics())
}

// texts are values as the controller reads them by the charm's types.
func texts(values map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range values {
		out[k] = render.ConfigText(v)
	}
	return out
}

// resources are paths and images; a path is relative to the bundle.
func (e *executor) resources(values map[string]any) map[string]string {
	out := map[string]string{}
	for name, v := range values {
		text := render.ConfigText(v)
		if at := filepath.Join(e.dir, text); !filepath.IsAbs(text) && text != "" {
			if _, err := os.Stat(at); err == nil {
				if abs, err := filepath.Abs(at); err == nil {
					text = abs
				}
			}
		}
		out[name] = text
	}
	return out
}
