// Package snapshot holds one model as it was at one store revision, with the
// revision of every record, so that whoever decides on it can compare on
// exactly what was read.
package snapshot

import (
	"cmp"
	"slices"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Rec is a record with the store's revisions of it. The zero Rec is one that
// does not exist.
type Rec[T any] struct {
	Value T
	// Mod is the revision of its last write, Create of its first.
	Mod, Create int64
}

// Exists says whether the record is there.
func (r Rec[T]) Exists() bool { return r.Mod != 0 }

// Model is everything that is stored of one model. Nothing in it is changed
// once it was built: writers make copies.
type Model struct {
	UUID     string
	Revision int64
	Record   Rec[*controllerv1.Model]

	Applications map[string]Rec[*controllerv1.Application]
	Units        map[string]Rec[*controllerv1.Unit]
	Incarnations map[string]Rec[*controllerv1.Incarnation]
	States       map[string]Rec[*controllerv1.UnitState]
	Statuses     map[string]Rec[*controllerv1.UnitStatus]
	Addresses    map[string]Rec[*controllerv1.Addresses]
	Ports        map[string]Rec[*controllerv1.Ports]
	Resolved     map[string]Rec[*controllerv1.Resolved]
	Relations    map[int32]Rec[*controllerv1.Relation]
	Bags         map[string]Rec[*controllerv1.Bag]   // by key
	Scopes       map[string]Rec[*controllerv1.Scope] // by key
	Leads        map[string]Rec[*controllerv1.Lead]
	AppStatuses  map[string]Rec[*controllerv1.ApplicationStatus]
	Operations   map[string]Rec[*controllerv1.Operation]
	Tasks        map[string]Rec[*controllerv1.Task]
	Storage      map[string]Rec[*controllerv1.StorageInstance]
	Pools        map[string]Rec[*controllerv1.StoragePool]
	Secrets      map[string]Rec[*controllerv1.Secret]       // by id
	Readers      map[string]Rec[*controllerv1.SecretReader] // by key

	byApp, beside map[string][]string
}

// Of copies what a graph holds. The records are shared, they never change. An
// earlier snapshot of the model, if there is one, tells how large this one will
// be.
func Of(g *model.Graph, revision int64, earlier *Model) *Model {
	if earlier == nil {
		earlier = &Model{}
	}
	m := empty(g.UUID, revision, earlier)
	for e := range g.All() {
		m.add(e)
	}
	for app, units := range m.byApp {
		m.byApp[app] = sorted(units)
	}
	return m
}

// sorted orders units of one application by number.
func sorted(units []string) []string {
	type numbered struct {
		n    int
		name string
	}
	list := make([]numbered, len(units))
	for i, u := range units {
		n, _ := key.UnitNumber(u)
		list[i] = numbered{n, u}
	}
	slices.SortFunc(list, func(a, b numbered) int { return a.n - b.n })
	for i, u := range list {
		units[i] = u.name
	}
	return units
}

func empty(uuid string, revision int64, like *Model) *Model {
	return &Model{
		UUID: uuid, Revision: revision,
		Applications: sized(like.Applications), Units: sized(like.Units), Incarnations: sized(like.Incarnations), States: sized(like.States),
		Statuses: sized(like.Statuses), Addresses: sized(like.Addresses), Ports: sized(like.Ports), Resolved: sized(like.Resolved),
		Relations: sized(like.Relations), Bags: sized(like.Bags), Scopes: sized(like.Scopes), Leads: sized(like.Leads),
		AppStatuses: sized(like.AppStatuses), Operations: sized(like.Operations), Tasks: sized(like.Tasks), Storage: sized(like.Storage),
		Pools: sized(like.Pools), Secrets: sized(like.Secrets), Readers: sized(like.Readers),
		byApp: map[string][]string{}, beside: map[string][]string{},
	}
}

// sized makes a map with room for as much as another holds.
func sized[K comparable, V any](like map[K]V) map[K]V { return make(map[K]V, len(like)) }

// add takes one record; kinds that nobody here asks for are passed over.
func (m *Model) add(e *model.Entry) {
	k, mod, create := e.Key, e.Mod, e.Create
	switch v := e.Value.(type) {
	case *controllerv1.Model:
		m.Record = Rec[*controllerv1.Model]{v, mod, create}
	case *controllerv1.Application:
		m.Applications[k.App] = Rec[*controllerv1.Application]{v, mod, create}
	case *controllerv1.Unit:
		m.Units[k.Unit] = Rec[*controllerv1.Unit]{v, mod, create}
		m.byApp[k.App] = append(m.byApp[k.App], k.Unit)
		if p := v.GetPrincipal(); p != "" {
			m.beside[p] = append(m.beside[p], k.Unit)
		}
	case *controllerv1.Incarnation:
		m.Incarnations[k.Unit] = Rec[*controllerv1.Incarnation]{v, mod, create}
	case *controllerv1.UnitState:
		m.States[k.Unit] = Rec[*controllerv1.UnitState]{v, mod, create}
	case *controllerv1.UnitStatus:
		m.Statuses[k.Unit] = Rec[*controllerv1.UnitStatus]{v, mod, create}
	case *controllerv1.Addresses:
		m.Addresses[k.Unit] = Rec[*controllerv1.Addresses]{v, mod, create}
	case *controllerv1.Ports:
		m.Ports[k.Unit] = Rec[*controllerv1.Ports]{v, mod, create}
	case *controllerv1.Resolved:
		m.Resolved[k.Unit] = Rec[*controllerv1.Resolved]{v, mod, create}
	default:
		m.addShared(e)
	}
}

// addShared takes what belongs to no single unit.
func (m *Model) addShared(e *model.Entry) {
	k, mod, create := e.Key, e.Mod, e.Create
	switch v := e.Value.(type) {
	case *controllerv1.Relation:
		m.Relations[k.Relation] = Rec[*controllerv1.Relation]{v, mod, create}
	case *controllerv1.Bag:
		m.Bags[e.Name] = Rec[*controllerv1.Bag]{v, mod, create}
	case *controllerv1.Scope:
		m.Scopes[e.Name] = Rec[*controllerv1.Scope]{v, mod, create}
	case *controllerv1.Lead:
		m.Leads[k.App] = Rec[*controllerv1.Lead]{v, mod, create}
	case *controllerv1.ApplicationStatus:
		m.AppStatuses[k.App] = Rec[*controllerv1.ApplicationStatus]{v, mod, create}
	case *controllerv1.Operation:
		m.Operations[k.Name] = Rec[*controllerv1.Operation]{v, mod, create}
	case *controllerv1.Task:
		m.Tasks[k.Name] = Rec[*controllerv1.Task]{v, mod, create}
	case *controllerv1.StorageInstance:
		m.Storage[k.Name] = Rec[*controllerv1.StorageInstance]{v, mod, create}
	case *controllerv1.StoragePool:
		m.Pools[k.Name] = Rec[*controllerv1.StoragePool]{v, mod, create}
	case *controllerv1.Secret:
		m.Secrets[k.Name] = Rec[*controllerv1.Secret]{v, mod, create}
	case *controllerv1.SecretReader:
		m.Readers[e.Name] = Rec[*controllerv1.SecretReader]{v, mod, create}
	}
}

// PoolRecords are the model's own storage pools, by name.
func (m *Model) PoolRecords() map[string]*controllerv1.StoragePool {
	pools := make(map[string]*controllerv1.StoragePool, len(m.Pools))
	for name, rec := range m.Pools {
		pools[name] = rec.Value
	}
	return pools
}

// UnitsOf lists an application's units in order of their numbers.
func (m *Model) UnitsOf(app string) []string { return m.byApp[app] }

// Subordinates lists the units that live beside a unit, in no order.
func (m *Model) Subordinates(unit string) []string { return m.beside[unit] }

// AliveUnits lists those that are not being removed.
func (m *Model) AliveUnits(app string) []string {
	var alive []string
	for _, u := range m.byApp[app] {
		if m.Units[u].Value.GetLife() == controllerv1.Life_LIFE_ALIVE {
			alive = append(alive, u)
		}
	}
	return alive
}

// RelationsOf lists an application's relations in order of their ids.
func (m *Model) RelationsOf(app string) []*controllerv1.Relation {
	var list []*controllerv1.Relation
	for _, r := range m.Relations {
		if slices.ContainsFunc(r.Value.GetEndpoints(), func(e *controllerv1.Endpoint) bool { return e.GetApplication() == app }) {
			list = append(list, r.Value)
		}
	}
	slices.SortFunc(list, func(a, b *controllerv1.Relation) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return list
}
