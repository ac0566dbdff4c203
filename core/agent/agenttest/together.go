package agenttest

import (
	"context"
	"sync"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Together is a Side that tells of all units on one stream, without a goroutine for any of them.
type Together struct {
	*Side

	mu      sync.Mutex
	streams map[*stream]bool
	opened  int
	asked   int // messages that named units
	ended   []string
	refuse  error
}

// stream is one of an agent's.
type stream struct {
	end   context.CancelCauseFunc
	send  func(*substratev1.PlaceEvent) error
	units map[uint64]string
}

// NewTogether is NewSide with one stream.
func NewTogether(env *substratev1.EnvironmentResponse) *Together {
	return &Together{Side: NewSide(env), streams: map[*stream]bool{}}
}

// Refuse answers every stream from now on with an error.
func (s *Together) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// Break ends the streams as the end of the plugin does.
func (s *Together) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of := range s.streams {
		of.end(errs.E(errs.Unavailable, "the plugin ended"))
		delete(s.streams, of)
	}
}

// Opened is how many streams were opened so far, and how many messages named units on them.
func (s *Together) Opened() (streams, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.asked
}

// Ended lists the units that were taken off, in order.
func (s *Together) Ended() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.ended...)
}

// Tell lets something happen at a unit's place.
func (s *Together) Tell(unit string, ev *substratev1.UnitEvent) {
	s.Side.Tell(unit, ev)
	s.each(unit, func() *substratev1.PlaceEvent {
		return &substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Unit{Unit: ev}}
	})
}

// Fail ends the watch of one unit, and no other.
func (s *Together) Fail(unit string, err error) {
	s.each(unit, func() *substratev1.PlaceEvent {
		return &substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Ended{Ended: &substratev1.WatchEnded{Class: string(errs.Class(err)), Message: err.Error()}}}
	})
}

// each sends on every stream that has the unit.
func (s *Together) each(unit string, event func() *substratev1.PlaceEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of := range s.streams {
		for id, name := range of.units {
			if name == unit {
				ev := event()
				ev.Id = id
				_ = of.send(ev) // who has gone reads nothing
			}
		}
	}
}

// WatchUnits implements substrate.UnitsWatcher.
func (s *Together) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	of := &stream{end: end, send: send, units: map[uint64]string{}}
	s.mu.Lock()
	refuse := s.refuse
	if refuse == nil {
		s.streams[of] = true
		s.opened++
	}
	s.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, of)
	}()
	for {
		req, err := next(ctx)
		if err != nil {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if err := s.take(of, req); err != nil {
			return err
		}
	}
}

// take begins and ends units.
func (s *Together) take(of *stream, req *substratev1.WatchUnitsRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	for _, u := range req.Begin {
		of.units[u.Id] = u.Unit
		s.Side.mu.Lock()
		env, past := s.env, s.past[u.Unit]
		s.Side.mu.Unlock()
		if err := of.send(&substratev1.PlaceEvent{Id: u.Id, Event: &substratev1.PlaceEvent_Environment{Environment: env}}); err != nil {
			return err
		}
		for _, ev := range past {
			if err := of.send(&substratev1.PlaceEvent{Id: u.Id, Event: &substratev1.PlaceEvent_Unit{Unit: ev}}); err != nil {
				return err
			}
		}
	}
	for _, id := range req.End {
		s.ended = append(s.ended, of.units[id])
		delete(of.units, id)
	}
	return nil
}
