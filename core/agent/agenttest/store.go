// Package agenttest is an honest controller in memory, for tests of the agent: the guards, the commit ids and the
// effects of a commit are those of the contract, without a network, a disk or a clock of its own.
package agenttest

import (
	"slices"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Model and Agent are the names that everything in a Store belongs to.
const (
	Model = "0f1e2d3c-0000-4000-8000-000000000001"
	Agent = "agent-0"
	Place = "place-1" // the agent's incarnation
)

// Store is the model and its history.
type Store struct {
	mu       sync.Mutex
	epoch    string
	revision int64
	objects  map[string]*controllerv1.Object
	history  []*controllerv1.Delta
	answers  map[string]*controllerv1.CommitResponse // by commit id
	changed  chan struct{}
	counts   map[string]int
	place    string
	relation int32
	task     int
	batch    *controllerv1.Delta
}

// New makes a store with an empty model.
func New() *Store {
	s := &Store{epoch: "epoch-1", revision: 1, objects: map[string]*controllerv1.Object{},
		answers: map[string]*controllerv1.CommitResponse{}, changed: make(chan struct{}), counts: map[string]int{}, place: Place}
	s.Txn(func() {
		s.Put(key.Named(key.Model, Model), &controllerv1.Object{Value: &controllerv1.Object_ModelRecord{ModelRecord: &controllerv1.Model{
			Uuid: Model, Name: "test", Life: controllerv1.Life_LIFE_ALIVE, Config: map[string]string{}}}})
	})
	return s
}

// Txn makes everything that do writes one revision. Txns do not nest.
func (s *Store) Txn(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txn(do)
}

// txn is Txn for who holds the lock. It returns what was written.
func (s *Store) txn(do func()) *controllerv1.Delta {
	s.revision++
	d := &controllerv1.Delta{Revision: s.revision, Epoch: s.epoch}
	s.batch = d
	do()
	s.batch = nil
	s.history = append(s.history, d)
	close(s.changed)
	s.changed = make(chan struct{})
	return d
}

// Put writes a record inside a Txn.
func (s *Store) Put(k key.Key, o *controllerv1.Object) {
	o.Model, o.Key, o.ModRevision, o.CreateRevision = Model, k.String(), s.revision, s.revision
	if old := s.objects[o.Key]; old != nil {
		o.CreateRevision = old.CreateRevision
	}
	s.objects[o.Key] = o
	s.note(o)
}

// Delete removes a record inside a Txn; one that is not there is no error.
func (s *Store) Delete(k key.Key) {
	name := k.String()
	if s.objects[name] == nil {
		return
	}
	delete(s.objects, name)
	s.note(&controllerv1.Object{Model: Model, Key: name, ModRevision: s.revision, Deleted: true})
}

// note keeps the last write of each key of the batch.
func (s *Store) note(o *controllerv1.Object) {
	s.batch.Objects = slices.DeleteFunc(s.batch.Objects, func(had *controllerv1.Object) bool { return had.Key == o.Key })
	s.batch.Objects = append(s.batch.Objects, o)
}

// Object reads a record outside of a Txn; the zero Object when there is none.
func (s *Store) Object(k key.Key) *controllerv1.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(k)
}

// get reads a record; the zero Object, whose getters answer nil, when there is none.
func (s *Store) get(k key.Key) *controllerv1.Object {
	if o := s.objects[k.String()]; o != nil {
		return o
	}
	return &controllerv1.Object{}
}

// Get is a copy of a record; the zero Object when there is none.
func (s *Store) Get(k key.Key) *controllerv1.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return proto.CloneOf(s.get(k))
}

// Count says how often a call was made: "Begin", "Commit", "SetAddresses", ….
func (s *Store) Count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[call]
}

// Since answers what happened after the revision, and a channel that is closed at the next change. Revision 0, and
// one of another epoch, get the whole model.
func (s *Store) Since(epoch string, revision int64) ([]*controllerv1.Delta, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision == 0 || epoch != s.epoch {
		return []*controllerv1.Delta{s.full()}, s.changed
	}
	i := slices.IndexFunc(s.history, func(d *controllerv1.Delta) bool { return d.Revision > revision })
	if i < 0 {
		return nil, s.changed
	}
	return slices.Clone(s.history[i:]), s.changed
}

func (s *Store) full() *controllerv1.Delta {
	d := &controllerv1.Delta{Revision: s.revision, Epoch: s.epoch, Full: true, Synced: true}
	for _, o := range s.objects {
		d.Objects = append(d.Objects, o)
	}
	slices.SortFunc(d.Objects, func(a, b *controllerv1.Object) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return d
}

// NewEpoch is a restored store: the same records under another epoch, the revisions of before mean nothing.
func (s *Store) NewEpoch() {
	s.mu.Lock()
	s.epoch += "+"
	s.mu.Unlock()
	s.Txn(func() {})
}

// unitsOf lists the units of an application.
func (s *Store) unitsOf(app string) []string {
	var list []string
	for _, o := range s.objects {
		if u := o.GetUnit(); u != nil && key.AppOf(u.Name) == app {
			list = append(list, u.Name)
		}
	}
	event.SortUnits(list)
	return list
}

// Units lists every unit, sorted.
func (s *Store) Units() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, o := range s.objects {
		if u := o.GetUnit(); u != nil {
			list = append(list, u.Name)
		}
	}
	event.SortUnits(list)
	return list
}

// relations lists the relations that an application is in, by id.
func (s *Store) relations(app string) []*controllerv1.Relation {
	var list []*controllerv1.Relation
	for _, o := range s.objects {
		if r := o.GetRelation(); r != nil && slices.ContainsFunc(r.Endpoints, func(e *controllerv1.Endpoint) bool { return e.Application == app }) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *controllerv1.Relation) int { return int(a.Id - b.Id) })
	return list
}

// scopes lists the units in a relation.
func (s *Store) scopes(id int32) []string {
	var list []string
	for name := range s.objects {
		if k, err := key.Parse(name); err == nil && k.Kind == key.Scope && k.Relation == id {
			list = append(list, k.Unit)
		}
	}
	event.SortUnits(list)
	return list
}

func (s *Store) nextTask() string {
	s.task++
	return strconv.Itoa(s.task)
}
