package local

import (
	"context"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// lookers is how many places of one stream are looked at at a time: a supervisor that does not answer holds up one.
const lookers = 16

// WatchUnits tells of many units with one stream. A unit at whose place nothing happens has no goroutine.
func (s *Substrate) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	lay, err := s.layout()
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer context.AfterFunc(s.ctx, func() { fail(s.ctx.Err()) })()
	f := &fleet{s: s, lay: lay, ctx: ctx, fail: fail, send: send, members: map[uint64]*member{}}
	defer f.close()
	for {
		req, err := next(ctx)
		if err != nil {
			<-ctx.Done() // what was begun is told until the stream ends
			return context.Cause(ctx)
		}
		for _, u := range req.GetBegin() {
			if err := f.begin(u); err != nil {
				return err
			}
		}
		for _, id := range req.GetEnd() {
			f.end(id)
		}
	}
}

// fleet is one stream.
type fleet struct {
	s    *Substrate
	lay  *layout
	ctx  context.Context
	fail context.CancelCauseFunc
	send func(*substratev1.PlaceEvent) error
	wg   sync.WaitGroup // of lookers

	mu      sync.Mutex // never held while the notifier is called, which calls poke
	members map[uint64]*member
	dirty   []*member // to be looked at
	looking int
	closed  bool
}

// member is one unit of a fleet. Who looks at it owns its watch.
type member struct {
	id    uint64
	watch unitWatch
	ctx   context.Context
	stop  context.CancelFunc

	// Under the fleet's lock:
	busy  bool // queued or being looked at
	again bool // something happened meanwhile
	ended bool
}

// begin adds a unit.
func (f *fleet) begin(u *substratev1.WatchedUnit) error {
	m := &member{id: u.GetId()}
	m.ctx, m.stop = context.WithCancel(f.ctx)
	m.watch = unitWatch{lay: f.lay, model: u.GetModelUuid(), unit: u.GetUnit(), watcher: f.s.watcher, sub: f.s.watcher.Call(func() { f.poke(m) })}
	m.watch.arrived = func(ctx context.Context, r *record) error {
		return f.tell(m, &substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Environment{Environment: f.s.environment(ctx, f.lay, r)}})
	}
	m.watch.send = func(ev *substratev1.UnitEvent) error {
		return f.tell(m, &substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Unit{Unit: ev}})
	}
	f.mu.Lock()
	used := f.members[m.id] != nil
	if !used {
		f.members[m.id] = m
	}
	f.mu.Unlock()
	if used {
		m.stop()
		return errs.E(errs.Invalid, "cannot watch %s: id %d is used already", place(u.GetModelUuid(), u.GetUnit()), u.GetId())
	}
	f.poke(m)
	return nil
}

// tell sends; what cannot be sent ends the stream.
func (f *fleet) tell(m *member, ev *substratev1.PlaceEvent) error {
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	ev.Id = m.id
	err := f.send(ev)
	if err != nil {
		f.fail(err)
	}
	return err
}

// end takes a unit off.
func (f *fleet) end(id uint64) {
	f.mu.Lock()
	m := f.members[id]
	if m == nil {
		f.mu.Unlock()
		return
	}
	delete(f.members, id)
	m.ended = true
	busy := m.busy
	f.mu.Unlock()
	m.stop()
	if !busy { // else who looks at it does
		m.close()
	}
}

// close ends what only the member needs.
func (m *member) close() {
	m.stop()
	m.watch.close()
	m.watch.wg.Wait()
}

// poke has a unit looked at.
func (f *fleet) poke(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case m.ended || f.closed:
	case m.busy:
		m.again = true
	default:
		m.busy = true
		f.queue(m)
	}
}

// queue has somebody look at the unit; the lock is held.
func (f *fleet) queue(m *member) {
	f.dirty = append(f.dirty, m)
	if f.looking < lookers {
		f.looking++
		f.wg.Go(f.work)
	}
}

// work looks at what is queued until there is nothing more.
func (f *fleet) work() {
	for {
		f.mu.Lock()
		if len(f.dirty) == 0 {
			f.dirty = nil
			f.looking--
			f.mu.Unlock()
			return
		}
		m := f.dirty[0]
		f.dirty[0] = nil
		f.dirty = f.dirty[1:]
		m.again = false
		f.mu.Unlock()
		f.look(m)
	}
}

// look is one look at one unit.
func (f *fleet) look(m *member) {
	retry := false
	if m.ctx.Err() == nil {
		var err error
		if retry, err = m.watch.look(m.ctx); err != nil && m.ctx.Err() == nil {
			_ = f.tell(m, &substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Ended{Ended: &substratev1.WatchEnded{Class: string(errs.Class(err)), Message: err.Error()}}})
			f.end(m.id)
		}
	}
	if retry {
		time.AfterFunc(retryAsk, func() { f.poke(m) })
	}
	f.mu.Lock()
	ended := m.ended || f.closed
	if !ended && m.again {
		f.queue(m)
	} else {
		m.busy = false
	}
	f.mu.Unlock()
	if ended {
		m.close()
	}
}

// close ends all and waits for it.
func (f *fleet) close() {
	f.fail(context.Canceled)
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.wg.Wait()
	for _, m := range f.members { // nobody looks any more
		m.close()
	}
}
