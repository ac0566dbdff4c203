package watch

import (
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// apply moves the state to the batch's revision and tells who must know.
func (m *Mirror) apply(b store.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Revision <= m.state.Revision {
		return
	}
	epoch := m.state.Epoch
	f := m.newFan(b)
	f.look()
	for _, c := range b.Changes {
		m.load(m.state, c)
	}
	m.state.Revision = b.Revision
	f.look()
	crash.At("watch.before-fanout")
	m.ring.add(b.Revision, f.changed, f.structural)
	if m.state.Epoch != epoch {
		m.ring = ring{after: b.Revision}
		m.resyncAll()
	} else {
		f.deliver()
	}
	m.step()
}

// fan collects who must look at which records after one revision. It looks twice, before and after the change, because
// who could see a record and who can may differ.
type fan struct {
	m          *Mirror
	revision   int64
	changed    []ref
	before     map[ref]*model.Entry
	after      map[ref]*model.Entry // only of records that decide who sees what
	interested map[string]map[ref]bool
	structural map[string]bool    // agents whose view may have grown or shrunk
	expanded   map[[4]string]bool // what was noted in this look
}

func (m *Mirror) newFan(b store.Batch) *fan {
	f := &fan{m: m, revision: b.Revision, interested: map[string]map[ref]bool{}, structural: map[string]bool{}, before: map[ref]*model.Entry{}, after: map[ref]*model.Entry{}}
	for _, c := range b.Changes {
		uuid, k, ok := where(c.KV.Key)
		if !ok {
			continue
		}
		r := ref{uuid, k}
		f.changed = append(f.changed, r)
		f.before[r] = find(m.state, r)
		switch k.Kind {
		case key.Unit, key.Relation, key.Lead, key.App, key.Storage:
			f.after[r] = m.entry(k, c)
		}
	}
	return f
}

// look notes the audience of every changed record in the state as it is now.
func (f *fan) look() {
	f.expanded = map[[4]string]bool{}
	s := f.m.state
	for _, r := range f.changed {
		if r.key.Kind == key.Charm {
			f.charm(s, r.key)
			continue
		}
		if g := s.Model(r.model); g != nil {
			f.audience(g, r)
			f.expand(g, r)
		}
	}
}

// note remembers that an agent must look at a record.
func (f *fan) note(agent string, r ref) {
	if agent == "" {
		return
	}
	if f.interested[agent] == nil {
		f.interested[agent] = map[ref]bool{}
	}
	f.interested[agent][r] = true
}

// audience notes who may care for the record itself; whether they may see it is asked later.
func (f *fan) audience(g *model.Graph, r ref) {
	switch k := r.key; k.Kind {
	case key.Model:
		for agent := range g.Agents() {
			f.note(agent, r)
		}
	case key.App, key.Lead, key.LeaderSettings, key.AppStatus, key.PodSpec:
		f.apps(g, k.App, r)
	case key.Relation, key.Bag, key.Scope:
		relation, _ := g.Relation(k.Relation)
		for _, end := range relation.GetEndpoints() {
			f.apps(g, end.Application, r)
		}
	case key.Task, key.Storage, key.Secret:
		f.owned(g, r)
	case key.Status:
		leader, _ := g.Leader(k.App)
		f.note(g.AgentOf(leader), r)
		f.note(g.AgentOf(k.Unit), r)
	default:
		if k.Unit != "" {
			f.note(g.AgentOf(k.Unit), r)
		}
	}
}

// apps notes the agents of an application.
func (f *fan) apps(g *model.Graph, app string, r ref) {
	for agent := range g.AppAgents(app) {
		f.note(agent, r)
	}
}

// owned notes the agents of a task's unit or of a storage's or secret's owner. Their end cannot be judged by the key alone, so it
// counts as structural.
func (f *fan) owned(g *model.Graph, r ref) {
	e := g.Entry(r.key.String())
	gone := e == nil
	if gone {
		e = f.before[r]
	}
	if e == nil {
		return
	}
	switch v := e.Value.(type) {
	case *controllerv1.Task:
		f.owner(g, v.Unit, r, gone)
	case *controllerv1.StorageInstance:
		f.owner(g, v.Owner, r, gone)
	case *controllerv1.Secret:
		f.owner(g, v.Owner, r, gone)
	}
}

// owner notes the agents of a unit or an application.
func (f *fan) owner(g *model.Graph, owner string, r ref, gone bool) {
	agents := func(yield func(string) bool) { yield(g.AgentOf(owner)) }
	if key.AppOf(owner) == "" {
		agents = g.AppAgents(owner)
	}
	for agent := range agents {
		f.note(agent, r)
		if gone {
			f.structural[agent] = true
		}
	}
}

// charm notes the agents of all applications that use the charm.
func (f *fan) charm(s *model.State, k key.Key) {
	for _, g := range s.Models() {
		for _, app := range g.Apps() {
			if a, _ := g.App(app); a.CharmDigest == k.Name {
				f.apps(g, app, ref{g.UUID, k})
			}
		}
	}
}

// deliver cuts the revision for every agent that listens.
func (f *fan) deliver() {
	objects := map[ref]*controllerv1.Object{} // shared by all who see them
	for agent, refs := range f.interested {
		for sub := range f.m.subs[agent] {
			sub.enqueue(f, refs, objects)
		}
	}
}
