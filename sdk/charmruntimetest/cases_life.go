package charmruntimetest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// lifeCases are about the process.
func lifeCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "an event in flight when the runtime is killed is unavailable", Run: killedInFlight},
		{Name: "a killed runtime answers Info after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			_, err := b.Runtime.Info(b.ctx(t))
			return err
		})},
		{Name: "a killed runtime loads after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			_, err := b.Runtime.Load(b.ctx(t), &charmruntimev1.LoadRequest{Digest: digest, Dir: b.cfg.Charm})
			return err
		})},
		{Name: "a killed runtime unloads after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			return b.Runtime.Unload(b.ctx(t), "any")
		})},
		{Name: "a killed runtime dispatches after its restart", Run: restartedDispatch},
		{Name: "the event of a killed runtime runs again", Run: runsAgain},
		{Name: "two hundred events leak neither files nor processes", Run: leaks},
	}
}

func killedInFlight(t testing.TB, b *bench) {
	b.mayKill(t)
	ended := hanging(t, b, t.Context(), b.start(t, b.load(t), "web/0", "hang"))
	b.Kill()
	select {
	case r := <-ended:
		if !errs.Is(r.err, errs.Unavailable) {
			t.Errorf("outcome = %s, error %v; want unavailable: nobody knows what ran", r.done.GetOutcome(), r.err)
		}
	case <-b.ctx(t).Done():
		t.Error("the event did not end with its runtime")
	}
}

// restarted wants a call to be unavailable while the runtime is dead and to
// work in its next life.
func restarted(call func(testing.TB, *bench) error) func(testing.TB, *bench) {
	return func(t testing.TB, b *bench) {
		b.mayKill(t)
		if err := call(t, b); err != nil {
			t.Fatalf("before: %v", err)
		}
		b.Kill()
		if err := call(t, b); !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.Canceled) {
			t.Errorf("while it is dead: error = %v, want unavailable", err)
		}
		b.restart(t)
		if err := call(t, b); err != nil {
			t.Errorf("after its restart: %v", err)
		}
	}
}

func restartedDispatch(t testing.TB, b *bench) {
	b.mayKill(t)
	handle := b.load(t)
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
	b.restart(t)
	if _, err := b.Runtime.Dispatch(b.ctx(t), b.start(t, handle, "web/0"), newHost()); !errs.Is(err, errs.NotFound) {
		t.Errorf("an event for a handle of an earlier life: %v, want not found", err)
	}
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "state a b"), newHost()), "a", "b")
}

func runsAgain(t testing.TB, b *bench) {
	b.mayKill(t)
	ended := hanging(t, b, t.Context(), b.start(t, b.load(t), "web/0", "state a 1", "hang"))
	b.restart(t)
	<-ended
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "state a 2"), newHost()), "a", "2")
}

func leaks(t testing.TB, b *bench) {
	const units = 8 // at once: what executable charms cost is mostly waiting
	handle := b.load(t)
	run := func(events int) {
		var running sync.WaitGroup
		for unit := range units {
			start := b.start(t, handle, "web/"+strconv.Itoa(unit), "state a b")
			running.Go(func() {
				for range events / units {
					done, err := b.Runtime.Dispatch(b.ctx(t), start, newHost())
					if err != nil || done.GetChangeset().GetStateSet()["a"] != "b" {
						t.Errorf("outcome = %s with %v, %v; want ok", done.GetOutcome(), done.GetChangeset(), err)
						return
					}
				}
			})
		}
		running.Wait()
	}
	run(3 * units)
	files, children := suite.Descriptors(b.PID), suite.Children(b.PID)
	run(200)
	const slack = 8 // connections of the test itself come and go
	if !suite.Eventually(min(b.cfg.Patience, 5*time.Second), func() bool {
		return suite.Descriptors(b.PID) <= files+slack && suite.Children(b.PID) <= children+slack
	}) {
		t.Errorf("after 200 events there are %d open files instead of %d, and %d child processes instead of %d",
			suite.Descriptors(b.PID), files, suite.Children(b.PID), children)
	}
}
