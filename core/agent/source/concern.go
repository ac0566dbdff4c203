package source

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// concerned collects the units that may have something to do because a record changed. What only others read (a
// peer's status, an application's status) wakes nobody.
func (r *Replica) concerned(m *records, k key.Key, old, new *controllerv1.Object, woken map[event.Key]struct{}) {
	unit := func(name string) {
		if name != "" {
			woken[event.Key{Model: m.model, Unit: name}] = struct{}{}
		}
	}
	app := func(name string) {
		for u := range m.units[name] {
			unit(u)
		}
	}
	switch k.Kind {
	case key.Model:
		m.everyUnit(unit)
	case key.App, key.Lead, key.LeaderSettings:
		app(k.App)
	case key.Unit, key.Incarnation, key.State, key.Members, key.Addresses, key.Resolved:
		unit(k.Unit)
	case key.Relation:
		for _, e := range append(old.GetRelation().GetEndpoints(), new.GetRelation().GetEndpoints()...) {
			app(e.Application)
		}
	case key.Scope, key.Bag:
		m.inSight(k, unit, app)
	case key.Task:
		unit(old.GetTask().GetUnit())
		unit(new.GetTask().GetUnit())
	case key.Storage:
		unit(old.GetStorage().GetOwner())
		unit(new.GetStorage().GetOwner())
	case key.Secret:
		for _, owner := range []string{old.GetSecret().GetOwner(), new.GetSecret().GetOwner()} {
			if unit(owner); key.AppOf(owner) == "" {
				app(owner)
			}
		}
	case key.SecretReader:
		unit(k.Unit)
	case key.Charm:
		for name := range m.units {
			if m.objects[key.OfApp(key.App, name).String()].GetApplication().GetCharmDigest() == k.Name {
				app(name)
			}
		}
	}
}

// inSight goes over those who may see a unit's or an application's part of a relation: both applications or, of a unit in a
// relation of scope container, the unit and its counterparts.
func (m *records) inSight(k key.Key, unit, app func(string)) {
	record := m.objects[key.OfRelation(k.Relation).String()].GetRelation()
	if u := m.unit(k.Unit); u != nil && container(record) {
		unit(k.Unit)
		unit(u.Principal)
		for _, sub := range u.Subordinates {
			unit(sub)
		}
		return
	}
	for _, e := range record.GetEndpoints() {
		app(e.Application)
	}
}

// container says whether only units beside each other meet in the relation.
func container(r *controllerv1.Relation) bool {
	return slices.ContainsFunc(r.GetEndpoints(), func(e *controllerv1.Endpoint) bool { return e.Scope == "container" })
}

// Snapshot answers what the model says to a unit of this agent; ok is false for any other.
func (r *Replica) Snapshot(k event.Key) (s *Snapshot, ok bool) {
	r.mu.Lock() // the shared lists of relations are made here
	defer r.mu.Unlock()
	m := r.models[k.Model]
	if m == nil {
		return nil, false
	}
	u := m.unit(k.Unit)
	if u == nil || u.Agent != r.agent {
		return nil, false
	}
	name := key.AppOf(k.Unit)
	own := func(kind key.Kind) *controllerv1.Object { return m.objects[key.OfUnit(kind, k.Unit).String()] }
	apps := func(kind key.Kind) *controllerv1.Object { return m.objects[key.OfApp(kind, name).String()] }
	s = &Snapshot{
		Revision: r.revision, Epoch: r.epoch, Name: k.Unit, Unit: u,
		Model:         m.objects[key.Named(key.Model, k.Model).String()].GetModelRecord(),
		Application:   apps(key.App).GetApplication(),
		Incarnation:   own(key.Incarnation).GetIncarnation(),
		State:         own(key.State).GetUnitState(),
		StateRevision: own(key.State).GetModRevision(),
		Status:        own(key.Status).GetUnitStatus(), CharmState: own(key.CharmState).GetCharmState(),
		Ports: own(key.Ports).GetPorts(), Payloads: own(key.Payloads).GetPayloads(), Addresses: own(key.Addresses).GetAddresses(),
		Lead: apps(key.Lead).GetLead(), LeadTerm: apps(key.Lead).GetCreateRevision(),
		LeaderSettings: apps(key.LeaderSettings).GetLeaderSettings(), AppStatus: apps(key.AppStatus).GetApplicationStatus(),
		Resolved: own(key.Resolved).GetResolved(),
	}
	s.Charm = m.charms[s.Application.GetCharmDigest()]
	m.collect(s, name)
	return s, true
}

// collect adds the lists.
func (m *records) collect(s *Snapshot, app string) {
	s.Units = m.unitsOf(app)
	for k := range m.blocks[s.Name] {
		s.Blocks = append(s.Blocks, m.objects[k].GetMembers())
	}
	for _, k := range sorted(m.tasks[s.Name], byNumber) {
		s.Tasks = append(s.Tasks, m.objects[k].GetTask())
	}
	for _, k := range sorted(m.storage[s.Name], strings.Compare) {
		s.Storage = append(s.Storage, m.objects[k].GetStorage())
	}
	for k := range m.secrets[s.Name] {
		s.Secrets = append(s.Secrets, m.objects[k].GetSecret())
	}
	if s.Leads() {
		for k := range m.secrets[app] {
			s.Secrets = append(s.Secrets, m.objects[k].GetSecret())
		}
	}
	for k := range m.reads[s.Name] {
		s.Reads = append(s.Reads, m.objects[k].GetSecretReader())
	}
	slices.SortFunc(s.Secrets, func(a, b *controllerv1.Secret) int { return strings.Compare(a.Id, b.Id) })
	slices.SortFunc(s.Reads, func(a, b *controllerv1.SecretReader) int { return strings.Compare(a.Id, b.Id) })
	for _, id := range sorted(m.relations[app], cmp.Compare) {
		if rel := m.relation(id, app); rel != nil {
			s.Relations = append(s.Relations, rel)
		}
	}
	if s.Leads() {
		s.UnitStatuses = make(map[string]*controllerv1.UnitStatus, len(s.Units))
		for _, u := range s.Units {
			if st := m.objects[key.OfUnit(key.Status, u).String()].GetUnitStatus(); st != nil {
				s.UnitStatuses[u] = st
			}
		}
	}
}

// relation is one as the application sees it.
func (m *records) relation(id int32, app string) *Relation {
	record := m.objects[key.OfRelation(id).String()].GetRelation()
	if record == nil {
		return nil
	}
	side := m.side(id)
	rel := &Relation{ID: id, Record: record, Units: m.inRelation(side), Bags: m.bagsOf(side)}
	for _, e := range record.Endpoints {
		if e.Application == app && rel.Own == nil {
			rel.Own = e
		} else {
			rel.Remote = e
		}
	}
	if len(record.Endpoints) == 1 {
		rel.Remote = rel.Own
	}
	if rel.Own == nil || rel.Remote == nil {
		return nil
	}
	return rel
}

// byNumber orders "task/9" before "task/10".
func byNumber(a, b string) int {
	tail := func(s string) int {
		n, _ := strconv.Atoi(s[strings.LastIndexByte(s, '/')+1:])
		return n
	}
	if c := cmp.Compare(tail(a), tail(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
