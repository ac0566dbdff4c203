package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// endAtOnce is how many units one transaction ends; the janitor ends the rest
// of a dying application.
const endAtOnce = 2000

// destroyModel marks a model and what is in it as dying. A model that is dying
// already may be forced.
func (s *Service) destroyModel(ctx context.Context, uuid string, force, destroyStorage bool) error {
	_, err := s.write(ctx, func(e *edit) error {
		m, ok := s.cfg.Mirror.Model(uuid)
		if !ok || !m.Record.Exists() {
			return nil
		}
		next := proto.CloneOf(m.Record.Value)
		next.Life = controllerv1.Life_LIFE_DYING
		if !proto.Equal(next, m.Record.Value) {
			e.put(store.ModelKey(uuid), m.Record.Mod, next)
		}
		if destroyStorage {
			destroyLoose(e, m)
		}
		budget := endAtOnce
		for _, name := range slices.Sorted(maps.Keys(m.Applications)) {
			endApplication(e, m, name, force, destroyStorage, &budget)
		}
		return nil
	})
	return err
}

// endApplication marks an application, its relations and its units as dying.
func endApplication(e *edit, m *snapshot.Model, name string, force, destroyStorage bool, budget *int) []string {
	if app := m.Applications[name].Value; app.GetLife() == controllerv1.Life_LIFE_ALIVE {
		next := proto.CloneOf(app)
		next.Life = controllerv1.Life_LIFE_DYING
		next.SpecRevision++
		e.app(m, next)
	}
	for _, r := range m.RelationsOf(name) {
		if len(r.GetEndpoints()) > 1 { // a peer relation goes with its application
			endRelation(e, m, r, force)
		}
	}
	var ended []string
	for _, u := range m.UnitsOf(name) {
		if *budget <= 0 {
			break
		}
		if endUnit(e, m, u, force, destroyStorage) {
			ended = append(ended, u)
			*budget--
		}
	}
	return ended
}

// endUnit marks a unit as dying, and the units that live beside it. A unit that
// never had an agent is dead at once: there is nobody to run its last hooks.
// It says whether anything changed.
func endUnit(e *edit, m *snapshot.Model, name string, force, destroyStorage bool) bool {
	rec := m.Units[name]
	next := proto.CloneOf(rec.Value)
	if next.GetLife() == controllerv1.Life_LIFE_ALIVE {
		next.Life = controllerv1.Life_LIFE_DYING
		if next.GetAgent() == "" && !m.States[name].Exists() {
			next.Life = controllerv1.Life_LIFE_DEAD
		}
	}
	next.Forced = next.GetForced() || force
	next.DestroyStorage = next.GetDestroyStorage() || destroyStorage
	if proto.Equal(next, rec.Value) {
		return false
	}
	e.unit(m, next)
	endStorageOf(e, m, name, destroyStorage)
	for _, sub := range m.Subordinates(name) {
		endUnit(e, m, sub, force, destroyStorage)
	}
	return true
}

// endRelation marks a relation as dying; one that no unit is in goes at once,
// and a forced one with its data.
func endRelation(e *edit, m *snapshot.Model, r *controllerv1.Relation, force bool) {
	full := store.In(m.UUID, key.OfRelation(r.GetId()))
	scopes := prefixed(m.Scopes, fmt.Sprintf("scope/%d/", r.GetId()))
	if len(scopes) > 0 && !force {
		if r.GetLife() == controllerv1.Life_LIFE_ALIVE {
			next := proto.CloneOf(r)
			next.Life = controllerv1.Life_LIFE_DYING
			e.relation(m, next)
		}
		return
	}
	e.saw(full, m.Relations[r.GetId()].Mod)
	e.remove(full)
	scopeKeys := fmt.Sprintf("%sscope/%d/", store.InModel(m.UUID), r.GetId())
	if force {
		e.ops[scopeKeys] = store.DeleteAll(scopeKeys)
	} else {
		e.none(scopeKeys) // a unit that enters meanwhile leaves in order
	}
	bagKeys := fmt.Sprintf("%sbag/%d/", store.InModel(m.UUID), r.GetId())
	e.ops[bagKeys] = store.DeleteAll(bagKeys)
}

func prefixed[T any](records map[string]T, prefix string) []string {
	var keys []string
	for k := range records {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys
}

// followEnd tells what is left of a model each time that changes, until it is
// gone.
func (s *Service) followEnd(ctx context.Context, uuid string, send func(*clientv1.Progress) error) error {
	last := ""
	for {
		began := time.Now()
		revision, err := s.cfg.Mirror.Wait(ctx, 0)
		if err != nil {
			return err
		}
		m, ok := s.cfg.Mirror.Model(uuid)
		if !ok || !m.Record.Exists() {
			return send(&clientv1.Progress{Object: "model", State: "removed", Message: "the model is gone", Done: true})
		}
		p := whatIsLeft(m)
		if text := p.String(); text != last {
			last = text
			if err := send(p); err != nil {
				return err
			}
		}
		rest(ctx, time.Since(began))
		if _, err := s.cfg.Mirror.Wait(ctx, revision+1); err != nil {
			return errs.E(errs.Canceled, "cannot wait for the end of model %q: %w; left: %s (%s)", m.Record.Value.GetName(), err, p.GetMessage(), p.GetBlocking())
		}
	}
}

// whatIsLeft describes a dying model in one line.
func whatIsLeft(m *snapshot.Model) *clientv1.Progress {
	p := &clientv1.Progress{Object: "model " + m.Record.Value.GetName(), State: "removing",
		Message: fmt.Sprintf("%d applications, %d units", len(m.Applications), len(m.Units))}
	var blocked []string
	for name, st := range m.Statuses {
		if st.Value.GetError() != nil && m.Units[name].Exists() {
			blocked = append(blocked, fmt.Sprintf("unit %s: %s", name, st.Value.GetError().GetMessage()))
		}
	}
	slices.Sort(blocked)
	if len(blocked) > 0 {
		p.State, p.Blocking = "blocked", strings.Join(blocked[:min(len(blocked), 5)], "; ")
	}
	return p
}
