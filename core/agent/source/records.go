package source

import (
	"slices"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// records is one model's share of the replica, with what is needed to find a unit's records without a search.
type records struct {
	model   string
	objects map[string]*controllerv1.Object
	gone    map[string]int64 // deleted keys that an older message may still name

	units     map[string]map[string]struct{} // application → units
	ordered   map[string][]string            // the same in order, made when asked for; shared by snapshots
	relations map[string]map[int32]struct{}  // application → relations
	sides     map[int32]*sides
	tasks     map[string]map[string]struct{} // unit → keys
	storage   map[string]map[string]struct{} // owner → keys
	blocks    map[string]map[string]struct{} // unit → keys
	secrets   map[string]map[string]struct{} // by owner
	reads     map[string]map[string]struct{} // by unit
	charms    map[string]*controllerv1.Charm
}

// sides is who is in a relation and what their bags hold. units and bags are made when asked for and thrown away when
// something changes, so that all units of the relation share them.
type sides struct {
	scopes map[string]struct{}
	owners map[string]string // of bags → key
	units  []string
	bags   map[string]*controllerv1.Bag
}

func newRecords(model string) *records {
	return &records{model: model, objects: map[string]*controllerv1.Object{}, gone: map[string]int64{},
		units: map[string]map[string]struct{}{}, ordered: map[string][]string{}, relations: map[string]map[int32]struct{}{}, sides: map[int32]*sides{},
		tasks: map[string]map[string]struct{}{}, storage: map[string]map[string]struct{}{},
		blocks: map[string]map[string]struct{}{}, charms: map[string]*controllerv1.Charm{},
		secrets: map[string]map[string]struct{}{}, reads: map[string]map[string]struct{}{}}
}

func add[K, V comparable](index map[K]map[V]struct{}, k K, v V) {
	if index[k] == nil {
		index[k] = map[V]struct{}{}
	}
	index[k][v] = struct{}{}
}

func remove[K, V comparable](index map[K]map[V]struct{}, k K, v V) {
	delete(index[k], v)
	if len(index[k]) == 0 {
		delete(index, k)
	}
}

// index notes where the record belongs; old is the one it replaces, if any.
func (m *records) index(k key.Key, old, o *controllerv1.Object) {
	switch k.Kind {
	case key.Unit:
		if _, had := m.units[k.App][k.Unit]; !had {
			add(m.units, k.App, k.Unit)
			delete(m.ordered, k.App)
		}
	case key.Members:
		add(m.blocks, k.Unit, o.Key)
	case key.Relation:
		for _, e := range o.GetRelation().GetEndpoints() {
			add(m.relations, e.Application, k.Relation)
		}
	case key.Scope:
		s := m.side(k.Relation)
		s.scopes[k.Unit], s.units = struct{}{}, nil
	case key.Bag:
		s := m.side(k.Relation)
		s.owners[owner(k)], s.bags = o.Key, nil
	case key.Task:
		if was := old.GetTask().GetUnit(); old != nil && was != o.GetTask().GetUnit() {
			remove(m.tasks, was, o.Key)
		}
		add(m.tasks, o.GetTask().GetUnit(), o.Key)
	case key.Storage:
		if was := old.GetStorage().GetOwner(); old != nil && was != o.GetStorage().GetOwner() {
			remove(m.storage, was, o.Key)
		}
		add(m.storage, o.GetStorage().GetOwner(), o.Key)
	case key.Secret:
		if was := old.GetSecret().GetOwner(); old != nil && was != o.GetSecret().GetOwner() {
			remove(m.secrets, was, o.Key)
		}
		add(m.secrets, o.GetSecret().GetOwner(), o.Key)
	case key.SecretReader:
		add(m.reads, k.Unit, o.Key)
	case key.Charm:
		m.charms[k.Name] = o.GetCharm()
	}
}

// unindex undoes index; old is nil when the record was never seen.
func (m *records) unindex(k key.Key, old *controllerv1.Object) {
	if old == nil {
		return
	}
	switch k.Kind {
	case key.Unit:
		remove(m.units, k.App, k.Unit)
		delete(m.ordered, k.App)
	case key.Members:
		remove(m.blocks, k.Unit, old.Key)
	case key.Relation:
		for _, e := range old.GetRelation().GetEndpoints() {
			remove(m.relations, e.Application, k.Relation)
		}
	case key.Scope:
		s := m.side(k.Relation)
		delete(s.scopes, k.Unit)
		s.units = nil
	case key.Bag:
		s := m.side(k.Relation)
		delete(s.owners, owner(k))
		s.bags = nil
	case key.Task:
		remove(m.tasks, old.GetTask().GetUnit(), old.Key)
	case key.Storage:
		remove(m.storage, old.GetStorage().GetOwner(), old.Key)
	case key.Secret:
		remove(m.secrets, old.GetSecret().GetOwner(), old.Key)
	case key.SecretReader:
		remove(m.reads, k.Unit, old.Key)
	case key.Charm:
		delete(m.charms, k.Name)
	}
}

func owner(k key.Key) string {
	if k.Unit != "" {
		return k.Unit
	}
	return k.App
}

func (m *records) side(id int32) *sides {
	s := m.sides[id]
	if s == nil {
		s = &sides{scopes: map[string]struct{}{}, owners: map[string]string{}}
		m.sides[id] = s
	}
	return s
}

func (m *records) unit(name string) *controllerv1.Unit {
	return m.objects[key.OfUnit(key.Unit, name).String()].GetUnit()
}

func (m *records) everyUnit(do func(unit string)) {
	for _, units := range m.units {
		for unit := range units {
			do(unit)
		}
	}
}

// unitsOf lists an application's units, sorted.
func (m *records) unitsOf(app string) []string {
	if m.ordered[app] == nil {
		m.ordered[app] = sorted(m.units[app], event.Compare)
	}
	return m.ordered[app]
}

// inRelation lists the units in the relation, sorted.
func (m *records) inRelation(s *sides) []string {
	if s.units == nil {
		s.units = make([]string, 0, len(s.scopes))
		for unit := range s.scopes {
			s.units = append(s.units, unit)
		}
		event.SortUnits(s.units)
	}
	return s.units
}

// bagsOf lists the relation's bags by owner, those of units that left among them.
func (m *records) bagsOf(s *sides) map[string]*controllerv1.Bag {
	if s.bags == nil {
		s.bags = make(map[string]*controllerv1.Bag, len(s.owners))
		for owner, k := range s.owners {
			s.bags[owner] = m.objects[k].GetBag()
		}
	}
	return s.bags
}

// sorted lists the members of an index in order.
func sorted[V comparable](set map[V]struct{}, compare func(a, b V) int) []V {
	list := make([]V, 0, len(set))
	for v := range set {
		list = append(list, v)
	}
	slices.SortFunc(list, compare)
	return list
}
