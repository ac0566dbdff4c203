package agent_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// withheld is a controller that answers commits when the test says so.
type withheld struct {
	controllerv1.AgentsClient

	mu      sync.Mutex
	open    chan struct{} // nil: at once
	waiting int
}

// Commit waits to be let through.
func (h *withheld) Commit(ctx context.Context, req *controllerv1.CommitRequest, opts ...grpc.CallOption) (*controllerv1.CommitResponse, error) {
	h.mu.Lock()
	open := h.open
	if open != nil {
		h.waiting++
	}
	h.mu.Unlock()
	if open != nil {
		select {
		case <-open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.AgentsClient.Commit(ctx, req, opts...)
}

func (h *withheld) hold() (open func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = make(chan struct{})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		close(h.open)
		h.open = nil
	}
}

func (h *withheld) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// TestCommitsOnTheirWayHoldNoPlace: with two places, six commits may wait beside them while other units run; then nobody runs
// any more, since what ran is not committed. Every unit ran the event once.
func TestCommitsOnTheirWayHoldNoPlace(t *testing.T) {
	const units, workers, beside = 20, 2, 6
	w := newWorld(t, nil)
	controller := &withheld{AgentsClient: w.client}
	w.client, w.workers = controller, workers
	w.start()
	w.deploy(units)
	for n := range units {
		w.started(fmt.Sprintf("web/%d", n))
	}
	w.until("the answers were taken in", func() bool { return w.agent.Flights() == 0 })
	before := len(w.runtime.Runs())
	open := controller.hold()
	w.store.Config("web", "name", "other")
	w.until("no more commits can wait", func() bool { return controller.count() == workers+beside })
	if ran := len(w.runtime.Runs()) - before; ran != workers+beside {
		t.Errorf("%d units ran while the controller does not answer, want %d", ran, workers+beside)
	}
	open()
	for n := range units {
		w.until("all have committed", func() bool {
			c := w.cursor(fmt.Sprintf("web/%d", n))
			return c.GetSequence() >= 5 && c.Pending == nil
		})
	}
	seen := map[string]bool{}
	for _, run := range w.runtime.Runs()[before:] {
		unit, _, _ := strings.Cut(run, " ")
		if seen[unit] {
			t.Errorf("%s ran twice: %v", unit, w.runtime.Runs()[before:])
		}
		seen[unit] = true
	}
}

// TestAnAgentAtRest: a whole agent has no goroutine for a unit at rest, but for the one that listens on the socket of an
// executable charm's unit.
func TestAnAgentAtRest(t *testing.T) {
	w := newWorld(t, nil)
	w.reach = agenttest.NewTogether(&substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1"})
	w.start()
	w.deploy(1)
	w.started("web/0")
	one := 0
	w.until("one unit is at rest", func() bool { // nothing is begun any more
		last := one
		one = runtime.NumGoroutine()
		return one == last && w.cursor("web/0").Pending == nil
	})
	w.store.AddUnits("web", 49)
	for n := range 50 {
		w.started(fmt.Sprintf("web/%d", n))
	}
	const others = 20 // what one unit's time of rest may have missed; one goroutine more for each unit would be 49
	w.until("fifty units at rest have no goroutine more than their sockets'", func() bool { return runtime.NumGoroutine() <= one+49+others })
}
