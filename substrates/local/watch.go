package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/notify"
	"github.com/bangle-dev/bangle/substrates/local/process"
)

// Watch tells what happens at the unit's place: files say so, and the kernel
// says when a supervisor has ended.
func (s *Substrate) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	lay, err := s.layout()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(s.ctx, cancel)()
	w := &unitWatch{lay: lay, model: req.GetModelUuid(), unit: req.GetUnit(), watcher: s.watcher, sub: s.watcher.Subscribe(), send: send}
	defer w.wg.Wait()
	defer w.close()
	defer cancel() // first of the three: it ends what the others wait for
	for {
		again, err := w.look(ctx)
		if err != nil {
			return err
		}
		var retry <-chan time.Time
		if again {
			retry = time.After(retryAsk)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.sub.C:
		case <-retry:
		}
	}
}

// unitWatch is what is told of one unit; one goroutine at a time changes it.
type unitWatch struct {
	lay         *layout
	model, unit string
	watcher     *notify.Watcher
	sub         *notify.Subscription
	above       *notify.Subscription // of what the place will be made in, while there is none
	send        func(*substratev1.UnitEvent) error
	arrived     func(context.Context, *record) error // nil: nobody wants to know
	wg          sync.WaitGroup

	there       bool
	terminating bool
	told        map[string]told // of containers
	storage     []storage
}

// told is what the reader knows of a container.
type told struct {
	id process.ID // zero = down
}

// close ends the subscriptions.
func (w *unitWatch) close() {
	w.sub.Close()
	if w.above != nil {
		w.above.Close()
		w.above = nil
	}
}

// find looks for the unit's place, and watches it or, where it is not there, what it will be made in.
func (w *unitWatch) find() (*record, error) {
	if err := w.sub.Watch(w.lay.unitDir(w.model, w.unit)); err != nil {
		return nil, errs.E(errs.Unavailable, "cannot watch %s: %w", place(w.model, w.unit), err)
	}
	r, err := w.lay.find(w.model, w.unit)
	if err == nil && w.above != nil {
		w.above.Close()
		w.above = nil
	}
	if !errs.Is(err, errs.NotFound) {
		return r, err
	}
	if w.above == nil {
		w.above = w.watcher.Call(w.sub.Wake)
	}
	model, unit := w.lay.modelDir(w.model), w.lay.unitDir(w.model, w.unit)
	err = errors.Join(w.above.WatchName(w.lay.state, filepath.Base(model)), w.above.WatchName(model, filepath.Base(unit)), w.sub.Watch(unit))
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot watch %s: %w", place(w.model, w.unit), err)
	}
	return w.lay.find(w.model, w.unit) // it may have been made meanwhile
}

// look compares what is with what was told. It wants to look again soon when a
// supervisor lives but does not answer yet.
func (w *unitWatch) look(ctx context.Context) (again bool, err error) {
	r, err := w.find()
	if errs.Is(err, errs.NotFound) {
		return false, w.absent()
	}
	if err != nil {
		return false, err
	}
	if w.arrived != nil && (!w.there || w.terminating) {
		if err := w.arrived(ctx, r); err != nil {
			return false, err
		}
	}
	w.there, w.terminating = true, false
	for _, c := range r.Containers {
		wait, err := w.container(ctx, c)
		if err != nil {
			return false, err
		}
		again = again || wait
	}
	for name := range w.told {
		if r.container(name) == nil {
			if err := w.down(name, "the container is not part of the charm any more"); err != nil {
				return false, err
			}
			delete(w.told, name)
		}
	}
	return again, w.stored(r)
}

// absent tells of the end of a place that was there.
func (w *unitWatch) absent() error {
	if !w.there || w.terminating {
		return nil
	}
	w.terminating = true
	if err := w.send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_Terminating{Terminating: &substratev1.Terminating{
		DeadlineUnixNano: time.Now().Add(w.lay.stopTime).UnixNano(),
	}}}); err != nil {
		return err
	}
	for name := range w.told {
		if err := w.down(name, "the unit's place is being removed"); err != nil {
			return err
		}
	}
	return nil
}

// container tells of one container.
func (w *unitWatch) container(ctx context.Context, c container) (again bool, err error) {
	before, known := w.told[c.Name]
	if w.told == nil {
		w.told = map[string]told{}
	}
	if before.id == c.Process && before.id.Alive() {
		return false, nil
	}
	if !c.Process.Alive() {
		if !known {
			w.told[c.Name] = told{id: process.ID{PID: -1}} // so that the first look tells it
		}
		return false, w.down(c.Name, "its supervisor is not running")
	}
	if err := w.sub.Watch(w.lay.run, filepath.Dir(filepath.Dir(c.Socket)), filepath.Dir(c.Socket)); err != nil {
		return false, errs.E(errs.Unavailable, "cannot watch %s: %w", place(w.model, w.unit), err)
	}
	if systemInfo(ctx, c.Socket) != nil {
		if !known {
			w.told[c.Name] = told{id: process.ID{PID: -1}}
		}
		return true, w.down(c.Name, "its supervisor does not answer yet")
	}
	w.told[c.Name] = told{id: c.Process}
	w.wg.Go(func() {
		if c.Process.Wait(ctx) == nil {
			w.sub.Wake()
		}
	})
	return false, w.send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: &substratev1.ContainerUp{
		Name: c.Name, BootId: lifeID(c.Process), Socket: c.Socket,
	}}})
}

// down tells once that a container is not there.
func (w *unitWatch) down(name, reason string) error {
	if w.told[name].id == (process.ID{}) {
		return nil
	}
	w.told[name] = told{}
	return w.send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerDown{ContainerDown: &substratev1.ContainerDown{Name: name, Reason: reason}}})
}

// stored tells of storage that came or went since the first look.
func (w *unitWatch) stored(r *record) error {
	now := map[storage]bool{}
	for _, st := range r.Storage {
		now[st] = true
	}
	for _, st := range w.storage {
		if now[st] {
			delete(now, st)
		} else if err := w.sendStorage(st, "detaching"); err != nil {
			return err
		}
	}
	for _, st := range r.Storage {
		if now[st] {
			if err := w.sendStorage(st, "attached"); err != nil {
				return err
			}
		}
	}
	w.storage = r.Storage
	return nil
}

func (w *unitWatch) sendStorage(st storage, state string) error {
	return w.send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_Storage{Storage: &substratev1.StorageChanged{Id: st.ID, State: state, Mount: st.told()}}})
}

// lifeID names one life of a supervisor. What the supervisor itself calls its
// boot id is the machine's, unless it is the first process of its namespace; here
// every start counts.
func lifeID(id process.ID) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{id.BootID, itoa(id.PID), id.StartTime}, " ")))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
