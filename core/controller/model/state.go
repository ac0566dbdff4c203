package model

import (
	"maps"
	"slices"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// State is everything a controller knows at one revision. The mirror owns it; readers look at it under the mirror's
// lock and may keep the entries and messages that they find, which never change, but must not change them.
type State struct {
	Epoch    string
	Revision int64
	models   map[string]*Graph
	charms   map[string]*Entry
	agents   map[string]*Agent
}

// Agent is the record of an agent that joined.
type Agent struct {
	Record *controllerv1.AgentRecord
	Mod    int64
}

// NewState makes an empty one.
func NewState(epoch string) *State {
	return &State{Epoch: epoch, models: map[string]*Graph{}, charms: map[string]*Entry{}, agents: map[string]*Agent{}}
}

// Model is the graph of one model, nil if there is no record of it.
func (s *State) Model(uuid string) *Graph { return s.models[uuid] }

// Ensure is the graph of one model, made if it was not there.
func (s *State) Ensure(uuid string) *Graph {
	g := s.models[uuid]
	if g == nil {
		g = NewGraph(uuid)
		s.models[uuid] = g
	}
	return g
}

// Drop forgets a graph without records.
func (s *State) Drop(uuid string) {
	if g := s.models[uuid]; g != nil && len(g.entries) == 0 {
		delete(s.models, uuid)
	}
}

// Models lists all graphs, sorted by uuid.
func (s *State) Models() []*Graph {
	graphs := make([]*Graph, 0, len(s.models))
	for _, uuid := range slices.Sorted(maps.Keys(s.models)) {
		graphs = append(graphs, s.models[uuid])
	}
	return graphs
}

// ModelNamed finds a model by its name, nil if there is none.
func (s *State) ModelNamed(name string) *Graph {
	for _, g := range s.models {
		if m, _ := g.Model(); m != nil && m.Name == name {
			return g
		}
	}
	return nil
}

// Charm is the record of a charm by digest, nil if there is none.
func (s *State) Charm(digest string) *controllerv1.Charm {
	if e := s.charms[digest]; e != nil {
		return e.Value.(*controllerv1.Charm)
	}
	return nil
}

// CharmEntry is the same with its revisions.
func (s *State) CharmEntry(digest string) *Entry { return s.charms[digest] }

// Charms lists the digests of all charms, sorted.
func (s *State) Charms() []string { return slices.Sorted(maps.Keys(s.charms)) }

// SetCharm puts the record of a charm; nil removes it.
func (s *State) SetCharm(digest string, e *Entry) {
	if e == nil {
		delete(s.charms, digest)
		return
	}
	s.charms[digest] = e
}

// Agent is the record of an agent, nil if it never joined.
func (s *State) Agent(id string) *Agent { return s.agents[id] }

// Agents lists the ids of all agents, sorted.
func (s *State) Agents() []string { return slices.Sorted(maps.Keys(s.agents)) }

// SetAgent puts the record of an agent; nil removes it.
func (s *State) SetAgent(id string, a *Agent) {
	if a == nil {
		delete(s.agents, id)
		return
	}
	s.agents[id] = a
}
