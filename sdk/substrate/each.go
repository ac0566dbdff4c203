package substrate

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// How long a place that is not there yet is waited for before it is asked for again.
const (
	placeSoon = 50 * time.Millisecond
	placeLate = 2 * time.Second
)

// Each makes a UnitsWatcher of a side that knows one unit at a time: a goroutine for each.
func Each(side UnitSide) UnitsWatcher { return each{side} }

// each is one.
type each struct{ side UnitSide }

// WatchUnits implements UnitsWatcher.
func (e each) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	var units sync.WaitGroup
	defer units.Wait()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	watched := map[uint64]context.CancelFunc{}
	for {
		req, err := next(ctx)
		if err != nil {
			<-ctx.Done() // what was begun is told until the stream ends
			return context.Cause(ctx)
		}
		for _, u := range req.GetBegin() {
			if end := watched[u.GetId()]; end != nil {
				return errs.E(errs.Invalid, "cannot watch unit %s: id %d is used already", u.GetUnit(), u.GetId())
			}
			unit, end := context.WithCancel(ctx)
			watched[u.GetId()] = end
			units.Go(func() {
				if err := e.one(unit, u, send); err != nil {
					fail(err)
				}
			})
		}
		for _, id := range req.GetEnd() {
			if end := watched[id]; end != nil {
				end()
				delete(watched, id)
			}
		}
	}
}

// errSend is why a watch ended that nobody reads any more.
type errSend struct{ error }

// one tells of one unit until ctx ends. The error is that of send.
func (e each) one(ctx context.Context, u *substratev1.WatchedUnit, send func(*substratev1.PlaceEvent) error) error {
	tell := func(ev *substratev1.PlaceEvent) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		ev.Id = u.GetId()
		if err := send(ev); err != nil {
			return errSend{err}
		}
		return nil
	}
	err := e.follow(ctx, u, tell)
	if unread, ok := errors.AsType[errSend](err); ok {
		return unread.error
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the agent took the unit off, and wants to hear no more of it
	}
	ended := &substratev1.WatchEnded{Class: string(errs.Unavailable), Message: "the watch ended"}
	if err != nil {
		ended.Class, ended.Message = string(errs.Class(err)), err.Error()
	}
	return send(&substratev1.PlaceEvent{Id: u.GetId(), Event: &substratev1.PlaceEvent_Ended{Ended: ended}})
}

// follow waits for the unit's place and watches it.
func (e each) follow(ctx context.Context, u *substratev1.WatchedUnit, tell func(*substratev1.PlaceEvent) error) error {
	for pause := placeSoon; ; pause = min(2*pause, placeLate) {
		env, err := e.side.Environment(ctx, &substratev1.EnvironmentRequest{ModelUuid: u.GetModelUuid(), Unit: u.GetUnit()})
		if err == nil {
			if err := tell(&substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Environment{Environment: env}}); err != nil {
				return err
			}
			return e.side.Watch(ctx, &substratev1.WatchRequest{ModelUuid: u.GetModelUuid(), Unit: u.GetUnit()}, func(ev *substratev1.UnitEvent) error {
				return tell(&substratev1.PlaceEvent{Event: &substratev1.PlaceEvent_Unit{Unit: ev}})
			})
		}
		if !errs.Is(err, errs.NotFound) {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
