package substratetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// observeCases are about what the controller is told.
func observeCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "the first listing of nothing is complete at once", Run: syncedEmpty},
		{Name: "an observer who comes late is told everything first", Run: lateObserver},
		{Name: "a slow observer sees the last state", Run: slowObserver},
		{Name: "only what is certainly gone is told so", Run: goneConfirmed},
		{Name: "observing ends with its context", Run: observeEnds},
	}
}

func syncedEmpty(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	o.until(t, "the first listing", func() bool { return o.count() > 0 })
	b.ensure(t, b.spec(modelA, "web", "0"))
	o.running(t, modelA, "web/0")
	if n := o.count(); n != 1 {
		t.Errorf("synced was sent %d times", n)
	}
}

func lateObserver(t testing.TB, b *bench) {
	first := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	first.running(t, modelA, "web/0")
	first.running(t, modelA, "web/1")
	late := b.observe(t, modelA, false)
	late.until(t, "the first listing", func() bool { return late.count() > 0 })
	for _, unit := range []string{"web/0", "web/1"} {
		if got := late.of(modelA, unit).GetPhase(); got != "running" {
			t.Errorf("%s is %q in the first listing, want running", unit, got)
		}
	}
}

func slowObserver(t testing.TB, b *bench) {
	slow, fast := b.observe(t, modelA, true), b.observe(t, modelA, false)
	slow.until(t, "the first listing", func() bool { return slow.count() > 0 })
	for range 3 {
		b.ensure(t, b.spec(modelA, "web", "0", "1", "2"))
		fast.running(t, modelA, "web/2")
		b.ensure(t, b.spec(modelA, "web", "0"))
		fast.gone(t, modelA, "web/2")
	}
	b.ensure(t, b.spec(modelA, "web", "0", "3"))
	fast.running(t, modelA, "web/3")
	close(slow.gate)
	slow.gone(t, modelA, "web/2")
	slow.running(t, modelA, "web/3")
	slow.running(t, modelA, "web/0")
}

func goneConfirmed(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	o.running(t, modelA, "web/0")
	b.crash(t, p.socket) // a container that crashes is not a unit that is gone
	b.restarted(t, modelA, "web/0", p)
	b.ensure(t, b.spec(modelA, "web", "0!"))
	b.ensure(t, b.spec(modelA, "web"))
	o.gone(t, modelA, "web/0")
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, seen := range o.all {
		if seen.GetGoneConfirmed() && seen.GetPhase() != "gone" {
			t.Errorf("gone is confirmed in phase %q: %v", seen.GetPhase(), seen)
		}
	}
}

// restarted waits until another process answers at a place.
func (b *bench) restarted(t testing.TB, model, unit string, before place) place {
	t.Helper()
	var now place
	if !suite.Eventually(b.cfg.Patience, func() bool { now = b.up(t, model, unit); return now.boot != before.boot }) {
		t.Fatalf("the supervisor of %s was not started again", unit)
	}
	return now
}

func observeEnds(t testing.TB, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	provider, synced := b.Provider, make(chan struct{}, 100)
	go func() {
		ended <- provider.Observe(ctx, &substratev1.ObserveRequest{}, func(*substratev1.Observation) error {
			synced <- struct{}{}
			return nil
		})
	}()
	select {
	case <-synced:
	case <-b.ctx(t).Done():
		t.Error("the end of the first listing was not told")
	}
	cancel()
	within(t, b, "Observe", ended)
}

// within wants a call to end soon after its context.
func within(t testing.TB, b *bench, what string, ended <-chan error) {
	t.Helper()
	timer := time.NewTimer(b.cfg.Patience)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil && !errs.Is(err, errs.Canceled) {
			t.Errorf("%s ended with %v, want canceled", what, err)
		}
	case <-timer.C:
		t.Errorf("%s did not end with its context", what)
	}
}

// unitCases are about what an agent finds.
func unitCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "there is no environment before there is a place", Run: noEnvironment},
		{Name: "every container has a socket that answers", Run: sockets},
		{Name: "watching tells at once what is up", Run: watchNow},
		{Name: "watching a unit without place waits for it", Run: watchEarly},
		{Name: "a crashed container is started again and told with a new boot id", Run: watchCrash},
		{Name: "watching ends with its context", Run: watchEnds},
	}
}

func noEnvironment(t testing.TB, b *bench) {
	ask := func(model, unit string) {
		t.Helper()
		if _, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: model, Unit: unit}); !errs.Is(err, errs.NotFound) {
			t.Errorf("environment of %s: %v, want not found", unit, err)
		}
	}
	ask(modelA, "web/0")
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	ask(modelA, "web/1")
	ask(modelB, "web/0")
}

func sockets(t testing.TB, b *bench) {
	spec := b.spec(modelA, "web", "0")
	spec.Containers = append(spec.Containers, &substratev1.Container{Name: "side"})
	if b.cfg.Adapt != nil {
		b.cfg.Adapt(spec)
	}
	b.ensure(t, spec)
	b.up(t, modelA, "web/0")
	env, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: modelA, Unit: "web/0"})
	if err != nil {
		t.Fatalf("Environment: %v", err)
	}
	names, seen := []string{}, map[string]bool{}
	for _, c := range env.GetContainers() {
		names = append(names, c.GetName())
		if !suite.Eventually(b.cfg.Patience, func() bool { _, err := bootOf(c.GetSocket()); return err == nil }) || seen[c.GetSocket()] || len(c.GetSocket()) > 107 {
			t.Errorf("socket %q of container %s does not answer, is not its own or is too long", c.GetSocket(), c.GetName())
		}
		seen[c.GetSocket()] = true
	}
	if got := strings.Join(names, " "); got != "main side" {
		t.Errorf("containers = %q, want main side, as the specification has them", got)
	}
}

// watch starts to watch a unit and gives what comes.
func (b *bench) watch(t testing.TB, model, unit string) <-chan *substratev1.UnitEvent {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, ended := make(chan *substratev1.UnitEvent, 1000), make(chan error, 1)
	side := b.Unit
	go func() {
		ended <- side.Watch(ctx, &substratev1.WatchRequest{ModelUuid: model, Unit: unit}, func(e *substratev1.UnitEvent) error {
			events <- e
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		within(t, b, "Watch", ended)
	})
	return events
}

// containerUp waits for a container to come up with a boot id other than the
// given one.
func containerUp(t testing.TB, b *bench, events <-chan *substratev1.UnitEvent, name, other string) *substratev1.ContainerUp {
	t.Helper()
	timer := time.NewTimer(b.cfg.Patience)
	defer timer.Stop()
	for {
		select {
		case e := <-events:
			if up := e.GetContainerUp(); up.GetName() == name && up.GetBootId() != other {
				return up
			}
		case <-timer.C:
			t.Fatalf("container %s was not told to be up with another boot id than %q", name, other)
		}
	}
}

func watchNow(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	for range 2 {
		up := containerUp(t, b, b.watch(t, modelA, "web/0"), "main", "")
		if up.GetSocket() != p.socket {
			t.Errorf("the watcher is told socket %q, the environment %q", up.GetSocket(), p.socket)
		}
	}
}

func watchEarly(t testing.TB, b *bench) {
	events := b.watch(t, modelA, "web/0")
	b.ensure(t, b.spec(modelA, "web", "0"))
	containerUp(t, b, events, "main", "")
}

func watchCrash(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	events := b.watch(t, modelA, "web/0")
	first := containerUp(t, b, events, "main", "")
	b.crash(t, p.socket)
	second := containerUp(t, b, events, "main", first.GetBootId())
	again := b.restarted(t, modelA, "web/0", p)
	if again.socket != second.GetSocket() {
		t.Errorf("the watcher is told socket %q, the environment %q", second.GetSocket(), again.socket)
	}
}

func watchEnds(t testing.TB, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	side := b.Unit
	go func() {
		ended <- side.Watch(ctx, &substratev1.WatchRequest{ModelUuid: modelA, Unit: "web/0"}, func(*substratev1.UnitEvent) error { return nil })
	}()
	cancel()
	within(t, b, "Watch", ended)
}
