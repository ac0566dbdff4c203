package substratetest

import (
	"context"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// sharedCases are about the one stream that tells an agent of all its units.
func sharedCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "a shared stream tells of every unit, its environment first", Run: sharedTells},
		{Name: "a unit taken off a shared stream is told of no more, the others are", Run: sharedEnds},
		{Name: "a shared stream ends with its context", Run: sharedOver},
	}
}

// sharedStream is an open WatchUnits; events of ids that nobody waits for are kept.
type sharedStream struct {
	asks   chan *substratev1.WatchUnitsRequest
	events chan *substratev1.PlaceEvent
	kept   map[uint64][]*substratev1.PlaceEvent
	cancel context.CancelFunc
	ended  chan error
}

func (b *bench) shared(t testing.TB) *sharedStream {
	t.Helper()
	watcher, ok := substrate.AsUnitsWatcher(b.Unit)
	if !ok {
		t.Skip("the substrate has a stream for each unit")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &sharedStream{asks: make(chan *substratev1.WatchUnitsRequest, 100), events: make(chan *substratev1.PlaceEvent, 10_000),
		kept: map[uint64][]*substratev1.PlaceEvent{}, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		s.ended <- watcher.WatchUnits(ctx, func(ctx context.Context) (*substratev1.WatchUnitsRequest, error) {
			select {
			case req := <-s.asks:
				return req, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, func(ev *substratev1.PlaceEvent) error { s.events <- ev; return nil })
	}()
	t.Cleanup(cancel)
	return s
}

func (s *sharedStream) begin(id uint64, unit string) {
	s.asks <- &substratev1.WatchUnitsRequest{Begin: []*substratev1.WatchedUnit{{Id: id, ModelUuid: modelA, Unit: unit}}}
}

// next is the next event of one id.
func (s *sharedStream) next(t testing.TB, b *bench, id uint64) *substratev1.PlaceEvent {
	t.Helper()
	timer := time.NewTimer(b.cfg.Patience)
	defer timer.Stop()
	for len(s.kept[id]) == 0 {
		select {
		case ev := <-s.events:
			s.kept[ev.GetId()] = append(s.kept[ev.GetId()], ev)
		case err := <-s.ended:
			t.Fatalf("the stream ended: %v", err)
		case <-timer.C:
			t.Fatalf("nothing more was told of id %d", id)
		}
	}
	ev := s.kept[id][0]
	s.kept[id] = s.kept[id][1:]
	if ended := ev.GetEnded(); ended != nil {
		t.Fatalf("the watch of id %d ended: %s: %s", id, ended.GetClass(), ended.GetMessage())
	}
	return ev
}

// arrives wants the environment of a unit as the first event of an id.
func (s *sharedStream) arrives(t testing.TB, b *bench, id uint64, socket string) {
	t.Helper()
	env := s.next(t, b, id).GetEnvironment()
	if env == nil {
		t.Fatalf("the first event of id %d is no environment", id)
	}
	if got := env.GetContainers()[0].GetSocket(); socket != "" && got != socket {
		t.Errorf("id %d has socket %q, want %q", id, got, socket)
	}
}

// up waits for a container with another boot id.
func (s *sharedStream) up(t testing.TB, b *bench, id uint64, socket, other string) string {
	t.Helper()
	for {
		if up := s.next(t, b, id).GetUnit().GetContainerUp(); up != nil && up.GetBootId() != other {
			if socket != "" && up.GetSocket() != socket {
				t.Errorf("the container of id %d is told with socket %q, want %q", id, up.GetSocket(), socket)
			}
			return up.GetBootId()
		}
	}
}

func sharedTells(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	zero := b.up(t, modelA, "web/0")
	s := b.shared(t)
	s.begin(7, "web/0")
	s.begin(3, "web/1")
	s.arrives(t, b, 7, zero.socket)
	first := s.up(t, b, 7, zero.socket, "")
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	s.arrives(t, b, 3, "")
	s.up(t, b, 3, b.up(t, modelA, "web/1").socket, "")
	b.crash(t, zero.socket)
	s.up(t, b, 7, zero.socket, first)
}

func sharedEnds(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	zero, one := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	s := b.shared(t)
	s.begin(1, "web/0")
	s.begin(2, "web/1")
	s.arrives(t, b, 1, zero.socket)
	s.arrives(t, b, 2, one.socket)
	s.up(t, b, 1, zero.socket, "")
	two := s.up(t, b, 2, one.socket, "")
	s.asks <- &substratev1.WatchUnitsRequest{End: []uint64{1}}
	s.begin(3, "web/0")
	s.arrives(t, b, 3, zero.socket) // so the end was read
	s.kept[1] = nil
	again := s.up(t, b, 3, zero.socket, "")
	b.crash(t, zero.socket)
	b.crash(t, one.socket)
	s.up(t, b, 3, zero.socket, again)
	s.up(t, b, 2, one.socket, two)
	if left := s.kept[1]; len(left) > 0 {
		t.Errorf("after its end id 1 was told %v", left)
	}
}

func sharedOver(t testing.TB, b *bench) {
	s := b.shared(t)
	s.begin(1, "web/0")
	s.begin(2, "web/1")
	b.ensure(t, b.spec(modelA, "web", "0"))
	s.arrives(t, b, 1, "")
	s.cancel()
	within(t, b, "WatchUnits", s.ended)
}
