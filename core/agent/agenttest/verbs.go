package agenttest

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// The records' wrappers, so that the verbs read as what they do.

func application(v *controllerv1.Application) *controllerv1.Object {
	return &controllerv1.Object{Value: &controllerv1.Object_Application{Application: v}}
}

func unitRecord(v *controllerv1.Unit) *controllerv1.Object {
	return &controllerv1.Object{Value: &controllerv1.Object_Unit{Unit: v}}
}

func relationRecord(v *controllerv1.Relation) *controllerv1.Object {
	return &controllerv1.Object{Value: &controllerv1.Object_Relation{Relation: v}}
}

func taskRecord(v *controllerv1.Task) *controllerv1.Object {
	return &controllerv1.Object{Value: &controllerv1.Object_Task{Task: v}}
}

// App is what Deploy needs to know.
type App struct {
	Name    string
	Digest  string
	Runtime string
	Peers   []string
	Storage []string // one instance of each for every unit
	Units   int
}

// Deploy makes an application with its units and peer relations. The first unit leads.
func (s *Store) Deploy(a App) {
	s.Txn(func() {
		s.Put(key.OfApp(key.App, a.Name), application(&controllerv1.Application{Name: a.Name, Life: controllerv1.Life_LIFE_ALIVE,
			CharmDigest: a.Digest, Runtime: a.Runtime, CharmName: a.Name}))
		for _, p := range a.Peers {
			s.relate(&controllerv1.Endpoint{Application: a.Name, Name: p, Interface: p, Role: "peer", Scope: "global"})
		}
		for range a.Units {
			s.addUnit(a.Name, a.Storage)
		}
	})
	s.Elect(a.Name)
}

// AddUnits adds to an application.
func (s *Store) AddUnits(app string, n int) {
	elect := []string{app}
	s.Txn(func() {
		for range n {
			s.addUnit(app, nil)
		}
		s.beside(app)
		for _, r := range s.relations(app) {
			if sub, _ := tied(r); sub != "" {
				elect = append(elect, sub)
			}
		}
	})
	for _, app := range elect {
		s.Elect(app)
	}
}

func (s *Store) addUnit(app string, storage []string) string {
	n := 0
	for s.objects[key.OfUnit(key.Unit, fmt.Sprintf("%s/%d", app, n)).String()] != nil {
		n++
	}
	name := fmt.Sprintf("%s/%d", app, n)
	s.Put(key.OfUnit(key.Unit, name), unitRecord(&controllerv1.Unit{Name: name, Life: controllerv1.Life_LIFE_ALIVE, Agent: Agent}))
	s.Put(key.OfUnit(key.Incarnation, name), &controllerv1.Object{Value: &controllerv1.Object_Incarnation{
		Incarnation: &controllerv1.Incarnation{Id: s.place, Agent: Agent}}})
	for _, st := range storage {
		id := fmt.Sprintf("%s/%d", st, n)
		s.Put(key.Named(key.Storage, id), &controllerv1.Object{Value: &controllerv1.Object_Storage{
			Storage: &controllerv1.StorageInstance{Id: id, Name: st, Kind: "filesystem", Owner: name, Life: controllerv1.Life_LIFE_ALIVE, Status: "pending"}}})
	}
	return name
}

// Elect names a leader where there is none: the lowest unit that stays.
func (s *Store) Elect(app string) {
	s.Txn(func() {
		if s.get(key.OfApp(key.Lead, app)).GetLead() != nil {
			return
		}
		for _, u := range s.unitsOf(app) {
			if s.get(key.OfUnit(key.Unit, u)).GetUnit().Life == controllerv1.Life_LIFE_ALIVE {
				s.lead(app, u)
				return
			}
		}
	})
}

func (s *Store) lead(app, unit string) {
	s.Delete(key.OfApp(key.Lead, app))
	s.Put(key.OfApp(key.Lead, app), &controllerv1.Object{Value: &controllerv1.Object_Lead{Lead: &controllerv1.Lead{Unit: unit}}})
}

// Lead makes a unit the leader, with a new term.
func (s *Store) Lead(app, unit string) { s.Txn(func() { s.lead(app, unit) }) }

// Change edits an application's record.
func (s *Store) Change(app string, edit func(*controllerv1.Application)) {
	s.Txn(func() {
		a := proto.CloneOf(s.get(key.OfApp(key.App, app)).GetApplication())
		edit(a)
		s.Put(key.OfApp(key.App, app), application(a))
	})
}

// Config sets one option.
func (s *Store) Config(app, option, value string) {
	s.Change(app, func(a *controllerv1.Application) {
		if a.Config == nil {
			a.Config = map[string]*hookv1.ConfigValue{}
		}
		a.Config[option] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: value}}
		a.ConfigRevision++
	})
}

// Refresh gives an application another charm.
func (s *Store) Refresh(app, digest string, force bool) {
	s.Change(app, func(a *controllerv1.Application) {
		a.CharmDigest, a.ForceCharm = digest, force
		a.ModifiedVersion++
	})
}

// ModelConfig sets one option of the model.
func (s *Store) ModelConfig(option, value string) {
	s.Txn(func() {
		m := proto.CloneOf(s.get(key.Named(key.Model, Model)).GetModelRecord())
		if m.Config == nil {
			m.Config = map[string]string{}
		}
		m.Config[option] = value
		s.Put(key.Named(key.Model, Model), &controllerv1.Object{Value: &controllerv1.Object_ModelRecord{ModelRecord: m}})
	})
}

func (s *Store) relate(ends ...*controllerv1.Endpoint) int32 {
	s.relation++
	s.Put(key.OfRelation(s.relation), relationRecord(&controllerv1.Relation{Id: s.relation, Endpoints: ends, Life: controllerv1.Life_LIFE_ALIVE}))
	return s.relation
}

// Integrate relates two applications: requirer's endpoint, then provider's.
func (s *Store) Integrate(app, endpoint, other, otherEndpoint string) (id int32) {
	s.Txn(func() {
		id = s.relate(
			&controllerv1.Endpoint{Application: app, Name: endpoint, Interface: endpoint, Role: "requirer", Scope: "global"},
			&controllerv1.Endpoint{Application: other, Name: otherEndpoint, Interface: endpoint, Role: "provider", Scope: "global"})
	})
	return id
}

// RemoveRelation makes a relation go; with nobody in it it is gone at once.
func (s *Store) RemoveRelation(id int32) {
	s.Txn(func() {
		r := proto.CloneOf(s.get(key.OfRelation(id)).GetRelation())
		if r == nil {
			return
		}
		r.Life = controllerv1.Life_LIFE_DYING
		s.Put(key.OfRelation(id), relationRecord(r))
		s.untie(r)
		s.sweep(r)
	})
}

// Suspend turns a relation off, or on again.
func (s *Store) Suspend(id int32, on bool) {
	s.Txn(func() {
		r := proto.CloneOf(s.get(key.OfRelation(id)).GetRelation())
		r.Suspended = on
		s.Put(key.OfRelation(id), relationRecord(r))
	})
}

// sweep ends a dying relation that nobody is in any more.
func (s *Store) sweep(r *controllerv1.Relation) {
	if r.Life == controllerv1.Life_LIFE_ALIVE || len(s.scopes(r.Id)) > 0 {
		return
	}
	for name := range s.objects {
		if k, err := key.Parse(name); err == nil && k.Kind == key.Bag && k.Relation == r.Id {
			s.Delete(k)
		}
	}
	s.Delete(key.OfRelation(r.Id))
}

// RemoveUnit makes a unit go.
func (s *Store) RemoveUnit(unit string, force bool) {
	s.Txn(func() { s.killUnit(unit, force) })
}

func (s *Store) killUnit(unit string, force bool) {
	u := proto.CloneOf(s.get(key.OfUnit(key.Unit, unit)).GetUnit())
	if u == nil || u.Life == controllerv1.Life_LIFE_DEAD {
		return
	}
	u.Life, u.Forced = controllerv1.Life_LIFE_DYING, force
	s.Put(key.OfUnit(key.Unit, unit), unitRecord(u))
	for _, sub := range u.Subordinates {
		s.killUnit(sub, force)
	}
}

// RemoveApp makes an application go, with its relations and units.
func (s *Store) RemoveApp(app string) {
	s.Change(app, func(a *controllerv1.Application) { a.Life = controllerv1.Life_LIFE_DYING })
	s.mu.Lock()
	rels, units := s.relations(app), s.unitsOf(app)
	s.mu.Unlock()
	for _, r := range rels {
		if len(r.Endpoints) > 1 {
			s.RemoveRelation(r.Id)
		}
	}
	for _, u := range units {
		s.RemoveUnit(u, false)
	}
}

// Run queues an action, Exec a command; both answer the task's id.
func (s *Store) Run(unit, action, params string) string {
	return s.queue(&controllerv1.Task{Unit: unit, Kind: "action", Action: action, Params: params})
}

// RunParallel queues an action that may run beside everything else on the machine.
func (s *Store) RunParallel(unit, action string) string {
	return s.queue(&controllerv1.Task{Unit: unit, Kind: "action", Action: action, Params: "{}", Parallel: true})
}

// Exec queues a command.
func (s *Store) Exec(unit string, argv ...string) string {
	return s.queue(&controllerv1.Task{Unit: unit, Kind: "exec", Command: argv})
}

func (s *Store) queue(t *controllerv1.Task) string {
	s.Txn(func() {
		t.Id, t.Status = s.nextTask(), "pending"
		s.Put(key.Named(key.Task, t.Id), taskRecord(t))
	})
	return t.Id
}

// Cancel cancels a task as the controller does: one that runs is told to stop.
func (s *Store) Cancel(id string) {
	s.Txn(func() {
		s.editTask(id, func(t *controllerv1.Task) {
			switch t.Status {
			case api.TaskPending:
				t.Status = api.TaskCancelled
			case api.TaskRunning:
				t.Status = api.TaskAborting
			}
		})
	})
}

// Task is a task as it is recorded.
func (s *Store) Task(id string) (t *controllerv1.Task) {
	s.Txn(func() { t = s.get(key.Named(key.Task, id)).GetTask() })
	return t
}

// Resolve is the user's word on the event that a unit is in error for.
func (s *Store) Resolve(unit string, retry bool) {
	s.Txn(func() {
		p := s.get(key.OfUnit(key.State, unit)).GetUnitState().GetCursor().GetPending()
		s.Put(key.OfUnit(key.Resolved, unit), &controllerv1.Object{Value: &controllerv1.Object_Resolved{
			Resolved: &controllerv1.Resolved{EventId: p.GetEvent().GetId(), Attempt: p.GetAttempt(), Retry: retry}}})
	})
}

// WriteBag writes into a databag from outside a hook.
func (s *Store) WriteBag(id int32, owner, name, value string) {
	s.Txn(func() { s.writeBag(id, owner, map[string]string{name: value}) })
}

// Address gives a unit an address.
func (s *Store) Address(unit string, addresses ...string) {
	s.Txn(func() { s.address(unit, addresses) })
}

func (s *Store) address(unit string, addresses []string) {
	old := s.get(key.OfUnit(key.Addresses, unit)).GetAddresses()
	if slices.Equal(old.GetAddresses(), addresses) {
		return
	}
	s.Put(key.OfUnit(key.Addresses, unit), &controllerv1.Object{Value: &controllerv1.Object_Addresses{
		Addresses: &controllerv1.Addresses{Addresses: addresses, Hash: fmt.Sprint(addresses)}}})
}

// Move gives a unit's place to another incarnation of the agent.
func (s *Store) Move(unit, incarnation string) {
	s.Txn(func() {
		s.Put(key.OfUnit(key.Incarnation, unit), &controllerv1.Object{Value: &controllerv1.Object_Incarnation{
			Incarnation: &controllerv1.Incarnation{Id: incarnation, Agent: Agent}}})
	})
}

// Assign gives a unit to an agent and its incarnation: another machine, or a pod of its own.
func (s *Store) Assign(unit, agent, incarnation string) {
	s.Txn(func() {
		u := proto.CloneOf(s.get(key.OfUnit(key.Unit, unit)).GetUnit())
		u.Agent = agent
		s.Put(key.OfUnit(key.Unit, unit), unitRecord(u))
		s.Put(key.OfUnit(key.Incarnation, unit), &controllerv1.Object{Value: &controllerv1.Object_Incarnation{
			Incarnation: &controllerv1.Incarnation{Id: incarnation, Agent: agent}}})
	})
}

// Reap purges dead units, and elects where their leader went.
func (s *Store) Reap() {
	for _, name := range s.Units() {
		if s.Get(key.OfUnit(key.Unit, name)).GetUnit().Life != controllerv1.Life_LIFE_DEAD {
			continue
		}
		s.Txn(func() {
			s.part(name)
			for k := range s.objects {
				if p, err := key.Parse(k); err == nil && p.Unit == name && p.Kind != key.Bag {
					s.Delete(p)
				}
			}
		})
		s.Elect(key.AppOf(name))
	}
}

// Touch writes a unit's cursor as it is, as somebody who was faster would.
func (s *Store) Touch(unit string) {
	s.Txn(func() {
		s.Put(key.OfUnit(key.State, unit), proto.CloneOf(s.get(key.OfUnit(key.State, unit))))
	})
}

// Depose takes the leader away.
func (s *Store) Depose(app string) { s.Txn(func() { s.Delete(key.OfApp(key.Lead, app)) }) }

// AddStorage gives a unit another storage instance.
func (s *Store) AddStorage(unit, id, name string) {
	s.Txn(func() {
		s.Put(key.Named(key.Storage, id), &controllerv1.Object{Value: &controllerv1.Object_Storage{Storage: &controllerv1.StorageInstance{
			Id: id, Name: name, Kind: "filesystem", Owner: unit, Life: controllerv1.Life_LIFE_ALIVE, Status: "pending"}}})
	})
}

// DetachStorage takes a storage instance from its unit, which must run its hook first.
func (s *Store) DetachStorage(id string) {
	s.Txn(func() { s.storage(id, func(st *controllerv1.StorageInstance) { st.Status = "detaching" }) })
}

// AttachStorage gives a storage instance that is nobody's to a unit.
func (s *Store) AttachStorage(id, unit string) {
	s.Txn(func() {
		s.storage(id, func(st *controllerv1.StorageInstance) { st.Owner, st.Status = unit, "pending" })
	})
}

func (s *Store) storage(id string, edit func(*controllerv1.StorageInstance)) {
	k := key.Named(key.Storage, id)
	if o := s.get(k); o != nil {
		st := proto.CloneOf(o.GetStorage())
		edit(st)
		s.Put(k, &controllerv1.Object{Value: &controllerv1.Object_Storage{Storage: st}})
	}
}
