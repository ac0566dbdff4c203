package source

import (
	"context"
	"time"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// shared watches all units of an observer on one stream. What breaks is begun anew with every unit: the substrate then says
// again what is. A substrate that has no such stream is followed with one for each unit, from then on.
type shared struct {
	o    *Observer
	side substrate.UnitsWatcher
	wake chan struct{} // of size 1: something is to be asked

	// Under the observer's lock:
	ctx    context.Context // nil until the first unit
	cancel context.CancelFunc
	last   uint64 // id given out
	ids    map[*watched]uint64
	of     map[uint64]member
	begins []uint64
	ends   []uint64
	tries  map[event.Key]*Backoff // units whose watch ended by itself
}

// member is a unit of the stream.
type member struct {
	k event.Key
	w *watched
}

// beginsAtOnce is how many units one message begins.
const beginsAtOnce = 500

func newShared(o *Observer, side substrate.UnitsWatcher) *shared {
	return &shared{o: o, side: side, wake: make(chan struct{}, 1), ids: map[*watched]uint64{}, of: map[uint64]member{}}
}

// begin adds a unit. The observer's lock is held.
func (s *shared) begin(ctx context.Context, k event.Key, w *watched) {
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(ctx)
		s.o.wg.Go(s.run)
	}
	s.last++
	s.ids[w], s.of[s.last] = s.last, member{k, w}
	s.begins = append(s.begins, s.last)
	s.poke()
}

// end takes a unit off. The observer's lock is held.
func (s *shared) end(w *watched) {
	id, ok := s.ids[w]
	if !ok {
		return
	}
	delete(s.ids, w)
	delete(s.of, id)
	s.ends = append(s.ends, id)
	s.poke()
}

func (s *shared) close() {
	if s.cancel != nil {
		s.cancel()
	}
}

func (s *shared) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run keeps the stream until ctx ends.
func (s *shared) run() {
	pause := Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
	for s.ctx.Err() == nil {
		told := false
		s.anew()
		err := s.side.WatchUnits(s.ctx, s.next, func(ev *substratev1.PlaceEvent) error {
			told = true
			s.event(ev)
			return s.ctx.Err()
		})
		if s.ctx.Err() != nil {
			return
		}
		if errs.Is(err, errs.Unsupported) {
			s.split()
			return
		}
		s.o.cfg.Log.Warn("cannot watch the units' places", "err", err)
		if told {
			pause.Reset()
		}
		pause.Wait(s.ctx)
	}
}

// anew has the next stream begin with every unit, under new ids.
func (s *shared) anew() {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	old := s.of
	s.of, s.begins, s.ends = make(map[uint64]member, len(old)), make([]uint64, 0, len(old)), nil
	for _, m := range old {
		s.last++
		s.ids[m.w], s.of[s.last] = s.last, m
		s.begins = append(s.begins, s.last)
	}
}

// split gives every unit a stream of its own.
func (s *shared) split() {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.shared = nil
	for _, m := range s.of {
		s.o.alone(s.ctx, m.k, m.w)
	}
}

// next waits until units are to be begun or ended. A unit that came and went before anybody was told is left out.
func (s *shared) next(ctx context.Context) (*substratev1.WatchUnitsRequest, error) {
	for {
		if req := s.take(); req != nil {
			return req, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take is what is to be asked now, nil for nothing.
func (s *shared) take() *substratev1.WatchUnitsRequest {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	req := &substratev1.WatchUnitsRequest{}
	for len(s.begins) > 0 && len(req.Begin) < beginsAtOnce {
		id := s.begins[0]
		s.begins = s.begins[1:]
		if m, ok := s.of[id]; ok {
			req.Begin = append(req.Begin, &substratev1.WatchedUnit{Id: id, ModelUuid: m.k.Model, Unit: m.k.Unit})
		}
	}
	if len(s.begins) == 0 { // what ends was begun
		s.begins = nil
		req.End, s.ends = s.ends, nil
	}
	if len(req.Begin)+len(req.End) == 0 {
		return nil
	}
	return req
}

// event takes in what is told of one unit; one that was taken off meanwhile is nobody's.
func (s *shared) event(ev *substratev1.PlaceEvent) {
	s.o.mu.Lock()
	m, ok := s.of[ev.Id]
	s.o.mu.Unlock()
	if !ok {
		return
	}
	switch e := ev.Event.(type) {
	case *substratev1.PlaceEvent_Environment:
		s.well(m.k)
		s.o.arrive(m.k, m.w, e.Environment)
	case *substratev1.PlaceEvent_Unit:
		s.o.event(s.ctx, m.k, m.w, e.Unit)
	case *substratev1.PlaceEvent_Ended:
		if e.Ended.Class != string(errs.NotFound) {
			s.o.cfg.Log.Warn("cannot watch the unit's place", "unit", m.k.Unit, "err", e.Ended.Message)
		}
		s.again(ev.Id, m)
	}
}

// well forgets that a unit's watch ended.
func (s *shared) well(k event.Key) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	delete(s.tries, k)
}

// again begins a unit's watch once more after a while.
func (s *shared) again(id uint64, m member) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	if s.tries == nil {
		s.tries = map[event.Key]*Backoff{}
	}
	pause := s.tries[m.k]
	if pause == nil {
		pause = &Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
		s.tries[m.k] = pause
	}
	time.AfterFunc(pause.Next(), func() {
		s.o.mu.Lock()
		defer s.o.mu.Unlock()
		if _, is := s.of[id]; !is || s.ctx.Err() != nil {
			return // forgotten, or begun with a new stream
		}
		delete(s.of, id)
		s.begin(s.ctx, m.k, m.w)
	})
}
