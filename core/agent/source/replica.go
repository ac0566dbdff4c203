// Package source is the first stage: it knows what happened. The Replica holds the model's records as the controller
// tells them and answers a Snapshot for a unit; the Observer holds what the unit's place and its containers say. Both
// wake a unit by its key alone: whoever is woken reads again.
//
// Guarantees: a record never goes back to an older revision, also when the answer to a commit overtakes the stream;
// a full listing replaces everything at once. Records are shared, never copied and never changed.
package source

import (
	"sync"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Replica is the agent's copy of what its units may see.
type Replica struct {
	agent string
	wake  func(event.Key)

	mu       sync.RWMutex
	epoch    string
	revision int64
	models   map[string]*records
	staged   map[string]*records // a full listing that is not complete yet
}

// NewReplica makes an empty replica for the units whose record names the agent. wake is called for every unit that
// may have something to do; it must not block for long.
func NewReplica(agent string, wake func(event.Key)) *Replica {
	return &Replica{agent: agent, wake: wake, models: map[string]*records{}}
}

// Position is where a watch is to resume, revision 0 when nothing complete is held.
func (r *Replica) Position() (epoch string, revision int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.epoch, r.revision
}

// Resume is Position for a new stream: half of a listing that the last one left is thrown away.
func (r *Replica) Resume() (epoch string, revision int64) {
	r.mu.Lock()
	r.staged = nil
	r.mu.Unlock()
	return r.Position()
}

// Apply takes in a message of the stream. newEpoch says that the store began another life: whoever keeps anything
// about units drops it.
func (r *Replica) Apply(d *controllerv1.Delta) (newEpoch bool) {
	crash.At("source.delta")
	r.mu.Lock()
	woken := map[event.Key]struct{}{}
	if newEpoch = r.epoch != "" && d.Epoch != r.epoch; newEpoch {
		r.models, r.staged, r.revision = map[string]*records{}, nil, 0
	}
	r.epoch = d.Epoch
	if d.Full {
		r.staged = map[string]*records{}
	}
	if r.staged != nil {
		r.stage(d, woken)
	} else {
		for _, o := range d.Objects {
			put(r.models, o, func(m *records, k key.Key, old, new *controllerv1.Object) { r.concerned(m, k, old, new, woken) })
		}
		r.revision = max(r.revision, d.Revision)
	}
	r.forget(d.Revision)
	r.mu.Unlock()
	for k := range woken {
		r.wake(k)
	}
	return newEpoch
}

// Merge takes in the answer to a unit's commit, ahead of the stream. The unit itself is at work and is not woken; others
// of this agent are, since the stream then brings nothing new.
func (r *Replica) Merge(epoch, unit string, objects []*controllerv1.Object) {
	r.mu.Lock()
	woken := map[event.Key]struct{}{}
	if epoch == r.epoch {
		for _, o := range objects {
			if o.ModRevision <= r.revision && (o.GetTask() != nil || !r.holds(o)) {
				continue // the stream has told of it, and maybe of its end, which is not remembered
			}
			put(r.models, o, func(m *records, k key.Key, old, new *controllerv1.Object) { r.concerned(m, k, old, new, woken) })
			if r.staged != nil {
				put(r.staged, o, nil)
			}
		}
	}
	r.mu.Unlock()
	for k := range woken {
		if k.Unit != unit {
			r.wake(k)
		}
	}
}

// holds says whether there is a record of that key. The caller holds the lock.
func (r *Replica) holds(o *controllerv1.Object) bool {
	m := r.models[o.Model]
	return m != nil && m.objects[o.Key] != nil
}

// stage collects a full listing and puts it in place when it is whole. What commits wrote meanwhile stays.
func (r *Replica) stage(d *controllerv1.Delta, woken map[event.Key]struct{}) {
	for _, o := range d.Objects {
		put(r.staged, o, nil)
	}
	if !d.Synced {
		return
	}
	for _, m := range r.models {
		for _, o := range m.objects {
			if o.ModRevision > d.Revision {
				put(r.staged, o, nil)
			}
		}
		for k, revision := range m.gone {
			if revision > d.Revision {
				put(r.staged, &controllerv1.Object{Model: m.model, Key: k, ModRevision: revision, Deleted: true}, nil)
			}
		}
		m.everyUnit(func(unit string) { woken[event.Key{Model: m.model, Unit: unit}] = struct{}{} })
	}
	r.models, r.staged, r.revision = r.staged, nil, d.Revision
	for _, m := range r.models {
		m.everyUnit(func(unit string) { woken[event.Key{Model: m.model, Unit: unit}] = struct{}{} })
	}
}

// forget drops the marks of deleted records that the stream has passed.
func (r *Replica) forget(revision int64) {
	for _, m := range r.models {
		for k, rev := range m.gone {
			if rev <= revision {
				delete(m.gone, k)
			}
		}
	}
}

// put stores one record unless a newer one is held; then tells which it was.
func put(models map[string]*records, o *controllerv1.Object, then func(*records, key.Key, *controllerv1.Object, *controllerv1.Object)) {
	k, err := key.Parse(o.Key)
	if err != nil {
		return // of a newer controller
	}
	m := models[o.Model]
	if m == nil {
		m = newRecords(o.Model)
		models[o.Model] = m
	}
	old, had := m.objects[o.Key]
	past := ended(o)
	if had && old.ModRevision > o.ModRevision || m.gone[o.Key] > o.ModRevision || past && m.gone[o.Key] == o.ModRevision {
		return
	}
	if o.Deleted || past {
		m.gone[o.Key] = o.ModRevision
		delete(m.objects, o.Key)
		m.unindex(k, old)
	} else {
		m.objects[o.Key] = o
		m.index(k, old, o)
	}
	if then != nil && !(had && old.ModRevision == o.ModRevision && !o.Deleted) {
		then(m, k, old, o)
	}
}

// ended says whether a record is that of a task which nobody here asks after any more: the controller keeps it for people. Of
// a command that was cancelled somebody inside the unit may still have to be told.
func ended(o *controllerv1.Object) bool {
	switch t := o.GetTask(); t.GetStatus() {
	case api.TaskCompleted, api.TaskFailed, api.TaskAborted:
		return true
	case api.TaskCancelled:
		return t.GetKind() != api.EventExec
	}
	return false
}

// Units lists every unit that this agent speaks for.
func (r *Replica) Units() []event.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []event.Key
	for _, m := range r.models {
		m.everyUnit(func(unit string) {
			if m.unit(unit).GetAgent() == r.agent {
				all = append(all, event.Key{Model: m.model, Unit: unit})
			}
		})
	}
	return all
}
