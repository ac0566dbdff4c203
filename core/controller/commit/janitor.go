package commit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// sweepPause keeps the janitor from looking at every revision of a busy store.
const sweepPause = 20 * time.Millisecond

// RunJanitor removes, until ctx ends, what is dying and empty: relations that no unit is in, applications without units. Tasks of units that are gone it ends.
// wake is filled when the store moved on (Mirror.Notify). Several controllers may run one each.
func (c *Committer) RunJanitor(ctx context.Context, wake <-chan struct{}) error {
	for {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.Sweep(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("cannot remove what is dying and empty; trying again", "error", err)
		}
		timer := time.NewTimer(sweepPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// removal is one object that is dying and, as far as the mirror knows, empty; or a task whose unit is gone.
type removal struct {
	what     string
	did      string // "" is "removed"
	compares []store.Compare
	ops      []store.Op
}

// Sweep looks once. What the mirror takes for empty is compared to be so in the transaction.
func (c *Committer) Sweep(ctx context.Context) error {
	var found []removal
	c.cfg.Mirror.Read(func(s *model.State) {
		for _, g := range s.Models() {
			found = append(found, deadRelations(g)...)
			found = append(found, deadApps(g)...)
			found = append(found, orphanTasks(g, c.cfg.Now())...)
		}
		for i := range found {
			found[i].compares = append(found[i].compares, store.ValueIs(store.EpochKey, []byte(s.Epoch)))
		}
	})
	for _, r := range found {
		result, err := c.cfg.Store.Txn(ctx, r.compares, r.ops, nil)
		if err != nil {
			return err
		}
		if result.Succeeded {
			c.cfg.Log.Info("tidied up", "did", cmp.Or(r.did, "removed"), "object", r.what)
		}
	}
	return nil
}

func dying(life controllerv1.Life) bool {
	return life == controllerv1.Life_LIFE_DYING || life == controllerv1.Life_LIFE_DEAD
}

// deadRelations finds dying relations that no unit is in.
func deadRelations(g *model.Graph) []removal {
	var found []removal
	for _, id := range g.AllRelations() {
		r, mod := g.Relation(id)
		if dying(r.GetLife()) && len(g.Members(id)) == 0 {
			gone := dropRelation(g, id, mod)
			gone.endGrants(g, id)
			found = append(found, gone)
		}
	}
	return found
}

// dropRelation removes a relation with its bags if no unit is in it.
func dropRelation(g *model.Graph, id int32, mod int64) removal {
	k := key.OfRelation(id)
	below := func(kind key.Kind) string {
		return store.InModel(g.UUID) + string(kind) + "/" + k.String()[len(key.Relation)+1:] + "/"
	}
	return removal{
		what:     k.String(),
		compares: []store.Compare{store.ModIs(store.In(g.UUID, k), mod), store.NoneBelow(below(key.Scope))},
		ops:      []store.Op{store.Delete(store.In(g.UUID, k)), store.DeleteAll(below(key.Bag))},
	}
}

// deadApps finds dying applications without units whose relations are gone, but for peer relations, which go along.
func deadApps(g *model.Graph) []removal {
	var found []removal
	for _, app := range g.Apps() {
		a, mod := g.App(app)
		if !dying(a.GetLife()) || len(g.Units(app)) > 0 {
			continue
		}
		r := removal{what: "app/" + app}
		related := false
		for _, id := range g.Relations(app) {
			relation, relationMod := g.Relation(id)
			related = related || !model.IsPeer(relation)
			peer := dropRelation(g, id, relationMod)
			r.compares, r.ops = append(r.compares, peer.compares...), append(r.ops, peer.ops...)
		}
		if related {
			continue
		}
		r.compares = append(r.compares, store.ModIs(store.In(g.UUID, key.OfApp(key.App, app)), mod),
			store.NoneBelow(store.InModel(g.UUID)+string(key.Unit)+"/"+app+"/"))
		for _, e := range g.OfApp(app) {
			r.ops = append(append(r.ops, store.Delete(store.In(g.UUID, e.Key))), belowSecret(g.UUID, e.Key)...)
		}
		found = append(found, r)
	}
	return found
}

// PurgeUnit removes every record of a unit that is dead, or forced to go. Placement calls it when the substrate has
// confirmed that the unit is gone. Its databags stay with the relation, for members that were not told yet. Conflict if
// the unit is neither; a unit that is not there is no error.
func (c *Committer) PurgeUnit(ctx context.Context, uuid, unit string) error {
	var r *removal
	var refused error
	c.cfg.Mirror.Read(func(s *model.State) {
		g := s.Model(uuid)
		if g == nil {
			return
		}
		u, mod := g.Unit(unit)
		switch {
		case u == nil:
		case u.Life != controllerv1.Life_LIFE_DEAD && !(u.Forced && dying(u.Life)):
			refused = errs.E(errs.Conflict, "cannot purge unit %s: it is %s", unit, model.LifeName(u.Life))
		default:
			r = purge(g, unit, mod, c.cfg.Now().UTC().Format(time.RFC3339))
			r.compares = append(r.compares, store.ValueIs(store.EpochKey, []byte(s.Epoch)))
		}
	})
	if refused != nil || r == nil {
		return refused
	}
	result, err := c.cfg.Store.Txn(ctx, r.compares, r.ops, nil)
	if err != nil {
		return err
	}
	if !result.Succeeded {
		return errs.E(errs.Conflict, "cannot purge unit %s: it changed meanwhile; try again", unit)
	}
	return nil
}

// purge lists all that goes with a unit. Its storage stays.
func purge(g *model.Graph, unit string, mod int64, since string) *removal {
	u, _ := g.Unit(unit)
	r := &removal{what: "unit/" + unit, compares: []store.Compare{store.ModIs(store.In(g.UUID, key.OfUnit(key.Unit, unit)), mod)}}
	for _, kind := range []key.Kind{key.Unit, key.Incarnation, key.State, key.Status, key.Addresses, key.CharmState, key.Ports, key.Resolved, key.StateFiles, key.Payloads} {
		r.ops = append(r.ops, store.Delete(store.In(g.UUID, key.OfUnit(kind, unit))))
	}
	for _, kind := range []key.Kind{key.Members, key.File} {
		r.ops = append(r.ops, store.DeleteAll(store.InModel(g.UUID)+string(kind)+"/"+unit+"/"))
	}
	for _, e := range g.OfUnit(unit) {
		if st, ok := e.Value.(*controllerv1.StorageInstance); ok {
			r.rewrite(g, e, loose(st, u.GetDestroyStorage(), since))
			continue
		}
		if s := g.Secret(e.Key.Name); e.Key.Kind == key.SecretReader && s != nil && s.GetOwner() != unit {
			r.untrack(g, proto.CloneOf(s), func(reader string) bool { return reader == unit })
			continue
		}
		if e.Key.Kind == key.Secret || e.Key.Kind == key.SecretReader {
			r.ops = append(append(r.ops, store.Delete(store.In(g.UUID, e.Key))), belowSecret(g.UUID, e.Key)...)
		}
	}
	app := key.AppOf(unit)
	for _, relation := range g.Relations(app) {
		r.ops = append(r.ops, store.Delete(store.In(g.UUID, key.ScopeOf(relation, unit))))
	}
	r.part(g, unit)
	// Of a unit that was only forced to go the agent may live on with a promise: its leadership ends with its lease.
	if leader, term := g.Leader(app); leader == unit && u.Life == controllerv1.Life_LIFE_DEAD {
		lead := store.In(g.UUID, key.OfApp(key.Lead, app))
		r.compares = append(r.compares, store.CreateIs(lead, term))
		r.ops = append(r.ops, store.Delete(lead))
	}
	return r
}

// part takes a subordinate that is gone out of its principal's record: a dying principal waits for that.
func (r *removal) part(g *model.Graph, unit string) {
	u, _ := g.Unit(unit)
	principal, mod := g.Unit(u.GetPrincipal())
	if principal == nil || !slices.Contains(principal.Subordinates, unit) {
		return
	}
	next := proto.CloneOf(principal)
	next.Subordinates = slices.DeleteFunc(next.Subordinates, func(s string) bool { return s == unit })
	next.FormerSubordinates = append(next.FormerSubordinates, unit)
	r.rewrite(g, &model.Entry{Key: key.OfUnit(key.Unit, principal.Name), Mod: mod}, next)
}

// rewrite puts another value in a record's place.
func (r *removal) rewrite(g *model.Graph, e *model.Entry, next proto.Message) {
	bytes, err := model.Encode(next)
	if err != nil {
		return // a record that was read can be written
	}
	k := store.In(g.UUID, e.Key)
	r.compares = append(r.compares, store.ModIs(k, e.Mod))
	r.ops = append(r.ops, store.Put(k, bytes))
}

// belowSecret lists what goes with a secret: its content, and what its readers know; nothing for any other record.
func belowSecret(uuid string, k key.Key) []store.Op {
	if k.Kind != key.Secret {
		return nil
	}
	return []store.Op{store.DeleteAll(store.InModel(uuid) + string(key.SecretContent) + "/" + k.Name + "/"),
		store.DeleteAll(store.InModel(uuid) + string(key.SecretReader) + "/" + k.Name + "/")}
}
