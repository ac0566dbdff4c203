package watch

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// expand notes, for a change that gives or takes rights, every record whose visibility may change with it, as far as the
// state before and the state after the change know them.
func (f *fan) expand(g *model.Graph, r ref) {
	now, before := f.after[r], f.before[r]
	switch r.key.Kind {
	case key.Unit:
		was, is := value[*controllerv1.Unit](before), value[*controllerv1.Unit](now)
		if was.GetAgent() != is.GetAgent() || was.GetPrincipal() != is.GetPrincipal() {
			f.unitMoved(g, r.key, was.GetAgent())
			f.unitMoved(g, r.key, is.GetAgent())
		}
	case key.Relation:
		was, is := value[*controllerv1.Relation](before), value[*controllerv1.Relation](now)
		if !slices.EqualFunc(was.GetEndpoints(), is.GetEndpoints(), func(a, b *controllerv1.Endpoint) bool { return proto.Equal(a, b) }) {
			f.relationMoved(g, r.key.Relation, was)
			f.relationMoved(g, r.key.Relation, is)
		}
	case key.Lead:
		was, is := value[*controllerv1.Lead](before), value[*controllerv1.Lead](now)
		if was.GetUnit() != is.GetUnit() {
			f.leaderMoved(g, r.key.App, was.GetUnit())
			f.leaderMoved(g, r.key.App, is.GetUnit())
		}
	case key.Storage: // its owner's record, which may pass to another unit, or to nobody
		was, is := value[*controllerv1.StorageInstance](before), value[*controllerv1.StorageInstance](now)
		if was.GetOwner() != is.GetOwner() {
			f.owner(g, was.GetOwner(), r, true)
		}
	case key.App:
		was, is := value[*controllerv1.Application](before), value[*controllerv1.Application](now)
		if was.GetCharmDigest() != is.GetCharmDigest() {
			f.apps(g, r.key.App, ref{g.UUID, key.Named(key.Charm, was.GetCharmDigest())})
			f.apps(g, r.key.App, ref{g.UUID, key.Named(key.Charm, is.GetCharmDigest())})
			for agent := range g.AppAgents(r.key.App) {
				f.structural[agent] = true
			}
		}
	}
}

// value is the entry's message, the zero T if there is no entry.
func value[T any](e *model.Entry) (v T) {
	if e != nil {
		v, _ = e.Value.(T)
	}
	return v
}

// unitMoved notes all that the agent sees because of the unit. What it sees because of the application it also sees because of
// another of its units there, unless the unit leads; were all of that noted for each unit, a thousand that come or go would
// be a million looks.
func (f *fan) unitMoved(g *model.Graph, k key.Key, agent string) {
	if agent == "" {
		return
	}
	f.structural[agent] = true
	f.all(g, agent, g.OfUnit(k.Unit))
	leader, _ := g.Leader(k.App)
	if leader != k.Unit && g.AgentHasBeside(agent, k.Unit) {
		f.ownMoved(g, k, agent)
		return
	}
	if !f.once(g, agent, k.App, "all") {
		return
	}
	f.note(agent, ref{g.UUID, key.Named(key.Model, g.UUID)})
	f.all(g, agent, g.OfApp(k.App))
	if a, _ := g.App(k.App); a != nil {
		f.note(agent, ref{g.UUID, key.Named(key.Charm, a.CharmDigest)})
	}
	for _, relation := range g.Relations(k.App) {
		f.all(g, agent, g.OfRelation(relation))
	}
	for _, unit := range g.Units(k.App) {
		f.note(agent, ref{g.UUID, key.OfUnit(key.Status, unit)}) // the leader sees its siblings'
	}
}

// ownMoved notes what an agent sees because of the unit alone: its own records in relations, and all that is in relations in
// which each unit sees something else.
func (f *fan) ownMoved(g *model.Graph, k key.Key, agent string) {
	for _, relation := range g.Relations(k.App) {
		if r, _ := g.Relation(relation); model.IsContainer(r) && f.once(g, agent, k.App, key.OfRelation(relation).String()) {
			f.all(g, agent, g.OfRelation(relation))
		}
		f.note(agent, ref{g.UUID, key.UnitBag(relation, k.Unit)})
		f.note(agent, ref{g.UUID, key.ScopeOf(relation, k.Unit)})
	}
}

// once is true the first time it is asked in a look.
func (f *fan) once(g *model.Graph, agent, app, what string) bool {
	asked := [4]string{g.UUID, agent, app, what}
	if f.expanded[asked] {
		return false
	}
	f.expanded[asked] = true
	return true
}

// all notes entries for one agent.
func (f *fan) all(g *model.Graph, agent string, entries []*model.Entry) {
	for _, e := range entries {
		f.note(agent, ref{g.UUID, e.Key})
	}
}

// relationMoved notes a relation and all in it for the agents of its applications.
func (f *fan) relationMoved(g *model.Graph, relation int32, r *controllerv1.Relation) {
	for _, end := range r.GetEndpoints() {
		for agent := range g.AppAgents(end.Application) {
			f.structural[agent] = true
			f.all(g, agent, g.OfRelation(relation))
		}
	}
}

// leaderMoved notes what only a leader may read.
func (f *fan) leaderMoved(g *model.Graph, app, unit string) {
	agent := g.AgentOf(unit)
	if agent == "" {
		return
	}
	f.structural[agent] = true
	for _, relation := range g.Relations(app) {
		f.note(agent, ref{g.UUID, key.AppBag(relation, app)})
	}
	f.all(g, agent, g.OfApp(app)) // its secrets, its pod spec
	for _, sibling := range g.Units(app) {
		f.note(agent, ref{g.UUID, key.OfUnit(key.Status, sibling)})
	}
}
