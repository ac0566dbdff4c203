package reference

import (
	"context"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// The mistakes of a shared stream.
const (
	NeverEndsUnits Fault = "a unit that was taken off a shared stream is told of still"
	NoEnvironment  Fault = "a shared stream tells no environment"
	MixesUnits     Fault = "a shared stream tells of one unit under another's id"
)

// Side is the unit's side: the substrate itself, or one whose shared stream has the planted mistake.
func (s *Substrate) Side() substrate.UnitSide {
	switch s.fault {
	case NeverEndsUnits, NoEnvironment, MixesUnits:
		return muddled{s}
	}
	return s
}

// muddled serves a shared stream badly.
type muddled struct{ *Substrate }

// WatchUnits does what the contract wants but for one thing.
func (m muddled) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	return substrate.Each(m.Substrate).WatchUnits(ctx, func(ctx context.Context) (*substratev1.WatchUnitsRequest, error) {
		req, err := next(ctx)
		if err == nil && m.fault == NeverEndsUnits {
			req.End = nil
		}
		return req, err
	}, func(ev *substratev1.PlaceEvent) error {
		switch {
		case m.fault == NoEnvironment && ev.GetEnvironment() != nil:
			return nil
		case m.fault == MixesUnits && ev.GetUnit() != nil:
			ev.Id = 1
		}
		return send(ev)
	})
}
