package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Refresh gives an application another revision of its charm, or other
// resources, with settings in the same step.
func (s *Service) Refresh(ctx context.Context, req *connect.Request[clientv1.RefreshRequest]) (*connect.Response[clientv1.RefreshResponse], error) {
	in, resp := req.Msg, &clientv1.RefreshResponse{}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		digest, runtime := charms.Digest(in.GetCharmDigest()), in.GetRuntime()
		if digest == "" {
			digest = next.GetCharmDigest()
		}
		if runtime == "" && digest == next.GetCharmDigest() {
			runtime = next.GetRuntime()
		}
		ch, err := s.charm(digest, runtime)
		if err != nil {
			return fmt.Errorf("cannot refresh %q: %w", next.GetName(), err)
		}
		if err := s.refresh(e, m, next, ch, digest, in); err != nil {
			return err
		}
		resp.Application, resp.Changed = next, !proto.Equal(next, app.Value)
		if !resp.GetChanged() {
			e.drop() // an unchanged application makes no storage and no peers either
			return nil
		}
		next.SpecRevision++
		e.app(m, next)
		if resp.Diagnostics, err = s.checkAssumes(&ch.Meta, "refresh", next.GetName(), in.GetForce()); err != nil {
			return err
		}
		resp.Diagnostics, err = s.validatePlace(ctx, m, next, ch, len(m.UnitsOf(next.GetName())), resp.GetDiagnostics())
		return err
	})
	return connect.NewResponse(resp), err
}

// refresh changes the record to what is asked for, after checking that nothing
// that exists would break.
func (s *Service) refresh(e *edit, m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, digest string, in *clientv1.RefreshRequest) error {
	changed, before := digest != app.GetCharmDigest() || string(ch.Runtime) != app.GetRuntime(), (*charm.Charm)(nil)
	if err := s.changeStorage(e, m, app, ch, in.GetStorage()); err != nil {
		return fmt.Errorf("cannot refresh %q: %w", app.GetName(), err)
	}
	if changed {
		old, err := s.charmOf(app)
		if err != nil {
			return err
		}
		if err := mayRefresh(m, app, old, ch, in.GetForce()); err != nil {
			return err
		}
		e.saw(store.CharmKey(digest), s.charmMod(e, digest))
		if err := e.newPeers(m, app.GetName(), ch); err != nil {
			return err
		}
		if err := e.newStorage(m, app, old, ch); err != nil {
			return err
		}
		app.CharmRevision = max(app.GetCharmRevision()+1, int32(ch.Revision))
		app.CharmDigest, app.CharmName, app.Runtime = digest, ch.Meta.Name, string(ch.Runtime)
		app.CharmUrl = fmt.Sprintf("local:%s-%d", ch.Meta.Name, app.GetCharmRevision())
		app.ForceCharm = in.GetForce() || in.GetForceUnits()
		if in.GetCharmPath() != "" {
			app.CharmPath = in.GetCharmPath()
		}
		app.Config, before = keptConfig(app.GetConfig(), ch), old
	}
	if err := changeConfig(app, ch, &clientv1.SetConfigRequest{Set: in.GetConfig()}); err != nil {
		return err
	}
	if err := checkBindings(&ch.Meta, in.GetBindings()); err != nil {
		return err
	}
	bind(app, &ch.Meta, in.GetBindings())
	if !sameValues(app.GetConfig(), m.Applications[app.GetName()].Value.GetConfig()) {
		app.ConfigRevision++
	}
	if err := grantAtRefresh(app, ch, before, in); err != nil {
		return err
	}
	had, records := app.GetResources(), app.GetResourceRecords()
	err := s.giveResources(e, app, &ch.Meta, in.GetResources(), in.GetUploads())
	dropResources(app, &ch.Meta)
	if changed || !maps.Equal(had, app.GetResources()) || !maps.EqualFunc(records, app.GetResourceRecords(), sameContent) {
		app.ModifiedVersion++
	}
	return err
}

func sameContent(a, b *controllerv1.ResourceRecord) bool { return a.GetDigest() == b.GetDigest() }

// dropResources forgets what the charm does not declare any more.
func dropResources(app *controllerv1.Application, meta *charm.Meta) {
	maps.DeleteFunc(app.Resources, func(name, _ string) bool { _, ok := meta.Resources[name]; return !ok })
	maps.DeleteFunc(app.ResourceRecords, func(name string, r *controllerv1.ResourceRecord) bool {
		return meta.Resources[name].Type != r.GetType()
	})
}

// mayRefresh refuses a charm that would break what exists.
func mayRefresh(m *snapshot.Model, app *controllerv1.Application, old, ch *charm.Charm, force bool) error {
	var bad problems
	if ch.Meta.Name != app.GetCharmName() && !force {
		bad.addf("cannot refresh %q: it runs charm %q and this is charm %q; use --force to switch charms", app.GetName(), app.GetCharmName(), ch.Meta.Name)
	}
	if ch.Meta.Subordinate != app.GetSubordinate() {
		bad.addf("cannot refresh %q: a charm cannot become subordinate, or cease to be so; deploy it under another name", app.GetName())
	}
	for _, r := range m.RelationsOf(app.GetName()) {
		own, _ := model.Ends(r, app.GetName())
		ep, ok := ch.Meta.Endpoint(own.GetName())
		switch {
		case !ok:
			bad.addf("cannot refresh %q: relation %q (%d) would break: the new charm has no endpoint %q; remove the relation first", app.GetName(), relationKey(r), r.GetId(), own.GetName())
		case ep.Interface != own.GetInterface() || string(ep.Role) != own.GetRole() || string(ep.Scope) != own.GetScope():
			bad.addf("cannot refresh %q: relation %q (%d) would break: endpoint %q is %s of %s (%s) and becomes %s of %s (%s); remove the relation first",
				app.GetName(), relationKey(r), r.GetId(), own.GetName(), own.GetRole(), own.GetInterface(), own.GetScope(), ep.Role, ep.Interface, ep.Scope)
		}
	}
	for name, had := range old.Meta.Storage {
		if now, ok := ch.Meta.Storage[name]; (!ok || now.Type != had.Type) && hasStorage(m, app.GetName(), name) {
			bad.addf("cannot refresh %q: storage %q (%s) would be lost: the new charm does not have it", app.GetName(), name, had.Type)
		}
	}
	if err := bad.err(); err != nil {
		return errs.With(errs.Invalid, err)
	}
	return nil
}

// hasStorage says whether a unit of an application has an instance of a store.
func hasStorage(m *snapshot.Model, app, name string) bool {
	for _, st := range m.Storage {
		if appOf(st.Value.GetOwner()) == app && st.Value.GetName() == name {
			return true
		}
	}
	return false
}

// keptConfig leaves out settings that the new charm does not know, or knows
// with another type.
func keptConfig(set map[string]*hookv1.ConfigValue, ch *charm.Charm) map[string]*hookv1.ConfigValue {
	kept := map[string]*hookv1.ConfigValue{}
	for name, v := range set {
		if _, err := ch.Config.Validate(map[string]any{name: fromValue(v)}); err == nil {
			kept[name] = v
		}
	}
	return kept
}

// newPeers makes the peer relations that the new charm adds.
func (e *edit) newPeers(m *snapshot.Model, app string, ch *charm.Charm) error {
	var added []*controllerv1.Relation
	for _, r := range model.Peers(charms.Endpoints(app, ch)) {
		found := false
		for _, had := range m.RelationsOf(app) {
			found = found || model.IsPeer(had) && had.GetEndpoints()[0].GetName() == r.GetEndpoints()[0].GetName()
		}
		if !found {
			added = append(added, r)
		}
	}
	if len(added) == 0 {
		return nil
	}
	first, err := e.next(m, "relation", 1, len(added))
	for i, r := range added {
		r.Id, r.Created = int32(first+i), e.stamp()
		e.relation(m, r)
	}
	return err
}

// changeStorage takes what is asked for of stores. Units that are there keep
// what they have; those that come get what is said now. A directive of a store
// that the charm does not have any more is forgotten.
func (s *Service) changeStorage(e *edit, m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, given map[string]*controllerv1.StorageDirective) error {
	if err := checkStorage(&ch.Meta, given); err != nil {
		return err
	}
	if err := s.usePools(e, m, given); err != nil {
		return err
	}
	if app.Storage == nil && len(given) > 0 {
		app.Storage = map[string]*controllerv1.StorageDirective{}
	}
	maps.Copy(app.Storage, given)
	maps.DeleteFunc(app.Storage, func(name string, _ *controllerv1.StorageDirective) bool { _, ok := ch.Meta.Storage[name]; return !ok })
	return nil
}

// newStorage gives existing units the stores that the new charm adds, and of
// the others what it needs at least now.
func (e *edit) newStorage(m *snapshot.Model, app *controllerv1.Application, old, ch *charm.Charm) error {
	var list []storageWanted
	for _, unit := range m.AliveUnits(app.GetName()) {
		for _, name := range slices.Sorted(maps.Keys(ch.Meta.Storage)) {
			d := model.StorageDirective(app.GetStorage()[name], ch.Meta.Storage[name])
			want := int(d.GetCount())
			if _, had := old.Meta.Storage[name]; had {
				least, _, err := ch.Meta.Storage[name].Counts()
				if err != nil {
					return errs.E(errs.Invalid, "cannot refresh %q: %w", app.GetName(), err)
				}
				want = least - len(storageNamed(m, unit, name))
			}
			for range max(want, 0) {
				list = append(list, storageWanted{unit, name, d})
			}
		}
	}
	return e.makeStorage(m, ch, list)
}
