package model

import (
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Graph is all records of one model with the indexes that questions need. It is not safe for concurrent use; State says
// who may touch it.
type Graph struct {
	UUID    string
	entries map[string]*Entry
	byUnit  map[string]bucket // own records of a unit, its tasks, storage and secrets
	byApp   map[string]bucket // own records of an application, its secrets, without those of its units
	byRel   map[int32]bucket  // the relation, its bags and scopes
	readers map[string]bucket // what units know of a secret
	open    bucket            // tasks that have not ended
	units   map[string]map[string]bool
	rels    map[string]map[int32]bool
	// agents holds the units that an agent speaks for, by application.
	agents    map[string]map[string]map[string]bool
	appAgents map[string]map[string]bool
	stamps    map[key.Kind]Stamp
}

// Stamp tells whether records changed: it is another one after every write and every end of one.
type Stamp struct {
	Newest  int64 // revision of the newest write so far
	Records int
}

// And is the stamp of both.
func (s Stamp) And(o Stamp) Stamp { return Stamp{max(s.Newest, o.Newest), s.Records + o.Records} }

type bucket map[string]*Entry

// NewGraph makes an empty one.
func NewGraph(uuid string) *Graph {
	return &Graph{UUID: uuid, entries: map[string]*Entry{}, byUnit: map[string]bucket{}, byApp: map[string]bucket{}, byRel: map[int32]bucket{}, readers: map[string]bucket{}, open: bucket{},
		units: map[string]map[string]bool{}, rels: map[string]map[int32]bool{}, agents: map[string]map[string]map[string]bool{},
		appAgents: map[string]map[string]bool{}, stamps: map[key.Kind]Stamp{}}
}

// Stamp is that of all records of some kinds; it takes no look at any of them.
func (g *Graph) Stamp(kinds ...key.Kind) (all Stamp) {
	for _, kind := range kinds {
		all = all.And(g.stamps[kind])
	}
	return all
}

// Put adds or replaces a record and returns what was there, nil if nothing was.
func (g *Graph) Put(e *Entry) *Entry {
	old := g.Delete(e.Name)
	g.entries[e.Name] = e
	g.stamps[e.Key.Kind] = g.stamps[e.Key.Kind].And(Stamp{e.Mod, 1})
	unit, app, rel := place(e)
	if unit != "" {
		add(g.byUnit, unit, e)
	}
	if app != "" {
		add(g.byApp, app, e)
	}
	if rel != 0 {
		add(g.byRel, rel, e)
	}
	if e.Key.Kind == key.SecretReader {
		add(g.readers, e.Key.Name, e)
	}
	switch v := e.Value.(type) {
	case *controllerv1.Unit:
		mark(g.units, e.Key.App, e.Key.Unit)
		if v.Agent != "" {
			if g.agents[v.Agent] == nil {
				g.agents[v.Agent] = map[string]map[string]bool{}
			}
			mark(g.agents[v.Agent], e.Key.App, e.Key.Unit)
			mark(g.appAgents, e.Key.App, v.Agent)
		}
	case *controllerv1.Task:
		if Open(v) {
			g.open[e.Name] = e
		}
	case *controllerv1.Relation:
		for _, end := range v.Endpoints {
			mark(g.rels, end.Application, e.Key.Relation)
		}
	}
	return old
}

// Delete removes a record and returns it, nil if there was none.
func (g *Graph) Delete(name string) *Entry {
	e := g.entries[name]
	if e == nil {
		return nil
	}
	delete(g.entries, name)
	g.stamps[e.Key.Kind] = g.stamps[e.Key.Kind].And(Stamp{Records: -1})
	unit, app, rel := place(e)
	drop(g.byUnit, unit, name)
	drop(g.byApp, app, name)
	drop(g.byRel, rel, name)
	drop(g.readers, e.Key.Name, name)
	delete(g.open, name)
	switch v := e.Value.(type) {
	case *controllerv1.Unit:
		unmark(g.units, e.Key.App, e.Key.Unit)
		if units := g.agents[v.Agent]; units != nil {
			unmark(units, e.Key.App, e.Key.Unit)
			if len(units[e.Key.App]) == 0 {
				unmark(g.appAgents, e.Key.App, v.Agent)
			}
			if len(units) == 0 {
				delete(g.agents, v.Agent)
			}
		}
	case *controllerv1.Relation:
		for _, end := range v.Endpoints {
			unmark(g.rels, end.Application, e.Key.Relation)
		}
	}
	return e
}

// place says under what a record is found beside its key.
func place(e *Entry) (unit, app string, relation int32) {
	switch e.Key.Kind {
	case key.Unit, key.Incarnation, key.State, key.Members, key.Status, key.Addresses, key.CharmState, key.Ports, key.Resolved,
		key.StateFiles, key.Payloads, key.SecretReader:
		return e.Key.Unit, "", 0
	case key.App, key.Lead, key.LeaderSettings, key.AppStatus, key.PodSpec:
		return "", e.Key.App, 0
	case key.Relation, key.Bag, key.Scope:
		return "", "", e.Key.Relation
	}
	switch v := e.Value.(type) {
	case *controllerv1.Task:
		return v.Unit, "", 0
	case *controllerv1.StorageInstance:
		return owned(v.Owner)
	case *controllerv1.Secret:
		return owned(v.Owner)
	}
	return "", "", 0
}

// owned is place for a record of an owner that is a unit or an application.
func owned(owner string) (unit, app string, relation int32) {
	if key.AppOf(owner) != "" {
		return owner, "", 0
	}
	return "", owner, 0
}

func add[K comparable](m map[K]bucket, k K, e *Entry) {
	if m[k] == nil {
		m[k] = bucket{}
	}
	m[k][e.Name] = e
}

func drop[K comparable](m map[K]bucket, k K, name string) {
	if b := m[k]; b != nil {
		delete(b, name)
		if len(b) == 0 {
			delete(m, k)
		}
	}
}

func mark[K comparable](m map[string]map[K]bool, k string, v K) {
	if m[k] == nil {
		m[k] = map[K]bool{}
	}
	m[k][v] = true
}

func unmark[K comparable](m map[string]map[K]bool, k string, v K) {
	delete(m[k], v)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}
