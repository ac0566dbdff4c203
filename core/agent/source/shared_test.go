package source_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin/plugintest"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// observed is an observer of a side, and what its units are waited for with.
type observed struct {
	*source.Observer
	t    *testing.T
	ctx  context.Context
	woke chan struct{}
}

func observe(t *testing.T, side substrate.UnitSide) *observed {
	ctx, cancel := context.WithCancel(t.Context())
	o := &observed{t: t, ctx: ctx, woke: make(chan struct{}, 1)}
	o.Observer = source.NewObserver(source.ObserverConfig{Side: side, Notices: source.SupervisorClient{}, Log: slog.New(slog.DiscardHandler), Wake: func(event.Key) {
		select {
		case o.woke <- struct{}{}:
		default:
		}
	}})
	t.Cleanup(o.Close)
	t.Cleanup(cancel)
	return o
}

func unit(n int) event.Key { return event.Key{Model: agenttest.Model, Unit: fmt.Sprintf("web/%d", n)} }

// until waits for something to be seen of a unit.
func (o *observed) until(k event.Key, what string, is func(*source.Observation) bool) {
	o.t.Helper()
	limit := time.After(30 * time.Second)
	for !is(o.Of(o.ctx, k)) {
		select {
		case <-o.woke:
		case <-limit:
			o.t.Fatalf("waited in vain for %s of %s: %+v", what, k.Unit, o.Of(o.ctx, k))
		}
	}
}

func placed(s *source.Observation) bool { return s.Environment != nil }

func booted(id string) func(*source.Observation) bool {
	return func(s *source.Observation) bool { return s.BootID == id }
}

func rebooted(id string) *substratev1.UnitEvent {
	return &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Rebooted{Rebooted: &substratev1.Rebooted{BootId: id}}}
}

// served puts a side behind the contract's own client and server.
func served(t *testing.T, side substrate.UnitSide) substrate.UnitSide {
	conn := plugintest.Serve(t, func(to grpc.ServiceRegistrar) { substrate.Register(to, nil, side) }).Conn
	client, err := substrate.UnitClient(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestUnitsAtRestHaveNoGoroutine: the agent's side and the substrate's, with gRPC between, have as many goroutines for a
// thousand units as for one, and one stream.
func TestUnitsAtRestHaveNoGoroutine(t *testing.T) {
	side := agenttest.NewTogether(&substratev1.EnvironmentResponse{BootId: "boot-1"})
	o := observe(t, served(t, side))
	o.until(unit(0), "the place", placed)
	one := runtime.NumGoroutine()
	for n := range 1000 {
		o.Of(o.ctx, unit(n))
	}
	for n := range 1000 {
		o.until(unit(n), "the place", placed)
	}
	side.Tell("web/999", rebooted("boot-2"))
	o.until(unit(999), "the reboot", booted("boot-2"))
	limit := time.After(30 * time.Second)
	for runtime.NumGoroutine() > one {
		select {
		case <-limit:
			t.Fatalf("%d goroutines with 1,000 units, %d with one", runtime.NumGoroutine(), one)
		case <-time.After(time.Millisecond):
		}
	}
	if streams, _ := side.Opened(); streams != 1 {
		t.Errorf("%d streams, want 1", streams)
	}
}

// TestBrokenStreamIsBegunAnew: what happened while there was no stream is told by the next, also of units that came meanwhile.
func TestBrokenStreamIsBegunAnew(t *testing.T) {
	side := agenttest.NewTogether(&substratev1.EnvironmentResponse{BootId: "boot-1"})
	o := observe(t, side)
	o.until(unit(0), "the place", placed)
	o.until(unit(1), "the place", placed)
	side.Refuse(errs.E(errs.Unavailable, "the plugin is not there"))
	side.Break()
	o.Forget(unit(1))
	o.Of(o.ctx, unit(2))
	side.Tell("web/0", rebooted("boot-2"))
	if o.Of(o.ctx, unit(0)).BootID != "boot-1" {
		t.Error("told without a stream")
	}
	side.Refuse(nil)
	o.until(unit(0), "what happened meanwhile", booted("boot-2"))
	o.until(unit(2), "the place of a new unit", placed)
	side.Tell("web/2", rebooted("boot-3"))
	o.until(unit(2), "what happens then", booted("boot-3"))
	if o.Known(unit(1)) != nil {
		t.Error("a unit that was forgotten is known")
	}
	if streams, _ := side.Opened(); streams != 2 {
		t.Errorf("%d streams, want 2", streams)
	}
}

// TestSideWithoutTheSharedStream: an older plugin, at once or after one that had it, is followed with a stream for each unit.
func TestSideWithoutTheSharedStream(t *testing.T) {
	side := agenttest.NewTogether(&substratev1.EnvironmentResponse{BootId: "boot-1"})
	unknown := errs.E(errs.Unsupported, "no such call")
	for _, c := range []struct {
		name  string
		side  substrate.UnitSide
		older func()
	}{
		{"from the beginning, in this process", side.Side, func() {}},
		{"from the beginning, as the agent's own side tells", side, func() { side.Refuse(unknown) }},
		{"after a restart", side, func() {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			side.Refuse(nil)
			c.older()
			o := observe(t, c.side)
			o.until(unit(0), "the place", placed)
			side.Refuse(unknown)
			side.Break()
			o.until(unit(1), "the place", placed)
			side.Side.Tell("web/0", rebooted(c.name))
			o.until(unit(0), "an event on its own stream", booted(c.name))
			o.Forget(unit(0))
			o.until(unit(2), "the place", placed)
		})
	}
}

// TestOneUnitsWatchEnds: it is begun again after a while; the others' go on, and one that was forgotten stays so.
func TestOneUnitsWatchEnds(t *testing.T) {
	side := agenttest.NewTogether(&substratev1.EnvironmentResponse{BootId: "boot-1"})
	o := observe(t, side)
	for n := range 3 {
		o.until(unit(n), "the place", placed)
	}
	_, before := side.Opened()
	side.Fail("web/0", errs.E(errs.Internal, "its record cannot be read"))
	side.Fail("web/1", errs.E(errs.NotFound, "its place is gone"))
	o.Forget(unit(1))
	side.Side.Tell("web/0", rebooted("boot-2")) // nobody hears that
	o.until(unit(0), "what is told when it begins again", booted("boot-2"))
	side.Tell("web/2", rebooted("boot-3"))
	o.until(unit(2), "an event of another", booted("boot-3"))
	limit := time.After(30 * time.Second)
	for !slices.Equal(side.Ended(), []string{"web/1"}) {
		select {
		case <-limit:
			t.Fatalf("taken off: %v, want web/1", side.Ended())
		case <-time.After(time.Millisecond):
		}
	}
	if streams, after := side.Opened(); streams != 1 || after > before+2 {
		t.Errorf("%d streams and %d messages more, want 1 and at most 2", streams, after-before)
	}
}
