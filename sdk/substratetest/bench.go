package substratetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// The suite's models.
const (
	modelA = "aaaaaaaa-0000-4000-8000-000000000001"
	modelB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// bench is what a case works with.
type bench struct {
	Subject
	cfg       Config
	dirs      Dirs
	revisions map[string]uint64
	used      map[[2]string]bool
	adopted   []*substratev1.Adopted
	cleaned   bool
}

// ctx ends with the case's patience.
func (b *bench) ctx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), b.cfg.Patience)
	t.Cleanup(cancel)
	return ctx
}

// spec is an application with one container and the given units; a name with a
// trailing "!" is draining.
func (b *bench) spec(model, app string, units ...string) *substratev1.ApplicationSpec {
	spec := &substratev1.ApplicationSpec{
		ModelUuid: model, ModelName: "model", Application: app, CharmDigest: strings.Repeat("c", 64), Runtime: "python",
		Containers: []*substratev1.Container{{Name: "main"}},
	}
	for _, name := range units {
		unit, draining := strings.CutSuffix(name, "!")
		spec.Units = append(spec.Units, &substratev1.UnitSpec{Name: app + "/" + unit, Draining: draining, Incarnation: "1"})
	}
	if b.cfg.Adapt != nil {
		b.cfg.Adapt(spec)
	}
	return spec
}

// ensure hands over a spec with the next revision.
func (b *bench) ensure(t testing.TB, spec *substratev1.ApplicationSpec) {
	t.Helper()
	key := spec.GetModelUuid() + spec.GetApplication()
	b.revisions[key]++
	b.ensureAt(t, spec, b.revisions[key], true)
}

// ensureAt hands over a spec of any revision.
func (b *bench) ensureAt(t testing.TB, spec *substratev1.ApplicationSpec, revision uint64, accepted bool) {
	t.Helper()
	b.used[[2]string{spec.GetModelUuid(), spec.GetApplication()}] = true
	answer, err := b.Provider.Ensure(b.ctx(t), &substratev1.EnsureRequest{Spec: spec, Revision: revision})
	if err != nil {
		t.Fatalf("Ensure at revision %d: %v", revision, err)
	}
	if answer.GetAccepted() != accepted {
		t.Errorf("Ensure at revision %d: accepted = %v, want %v", revision, answer.GetAccepted(), accepted)
	}
}

// restart kills the substrate and gives it its next life.
func (b *bench) restart(t testing.TB) {
	t.Helper()
	b.Kill()
	b.Subject = b.cfg.Start(t, b.dirs)
	t.Cleanup(func() { b.clean(t) }) // before this life is ended
	b.configure(t)
}

// place is a unit that runs.
type place struct {
	socket  string
	boot    string // which process its first container's supervisor is
	storage []*substratev1.StorageMount
}

// up waits until the unit's place is there and the supervisor of its first
// container answers.
func (b *bench) up(t testing.TB, model, unit string) place {
	t.Helper()
	var p place
	var last error
	if !suite.Eventually(b.cfg.Patience, func() bool {
		env, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: model, Unit: unit})
		if err != nil || len(env.GetContainers()) == 0 {
			last = fmt.Errorf("environment: %v %w", env, err)
			return false
		}
		p = place{socket: env.GetContainers()[0].GetSocket(), storage: env.GetStorage()}
		p.boot, last = bootOf(p.socket)
		return last == nil
	}) {
		t.Fatalf("unit %s did not come up: %v", unit, last)
	}
	return p
}

// still wants the supervisor behind the place to be the same process as before.
func (p place) still(t testing.TB, when string) {
	t.Helper()
	if boot, err := bootOf(p.socket); err != nil || boot != p.boot {
		t.Errorf("%s: the supervisor at %s is process %q, %v; want %q as before", when, p.socket, boot, err, p.boot)
	}
}

// crash ends the supervisor behind a socket.
func (b *bench) crash(t testing.TB, socket string) {
	t.Helper()
	if b.cfg.RestartContainer != nil {
		b.cfg.RestartContainer(t, b.dirs, socket)
		return
	}
	pid, err := listener(socket)
	if err == nil {
		err = unix.Kill(pid, unix.SIGKILL)
	}
	if err != nil {
		t.Fatalf("cannot kill the supervisor at %s: %v", socket, err)
	}
}

// observer follows Observe and keeps the last state of every unit.
type observer struct {
	mu       sync.Mutex
	last     map[string]*substratev1.Observation // model + unit
	all      []*substratev1.Observation
	synced   int
	ended    chan error
	gate     chan struct{} // closed = send on; a slow reader waits for it
	patience time.Duration
}

// observe starts an observer; it ends with the case. slow ones read nothing
// after the first listing until their gate is closed.
func (b *bench) observe(t testing.TB, model string, slow bool) *observer {
	t.Helper()
	o := &observer{last: map[string]*substratev1.Observation{}, ended: make(chan error, 1), gate: make(chan struct{}), patience: b.cfg.Patience}
	if !slow {
		close(o.gate)
	}
	ctx, cancel := context.WithCancel(context.Background())
	provider := b.Provider
	go func() {
		o.ended <- provider.Observe(ctx, &substratev1.ObserveRequest{ModelUuid: model}, func(seen *substratev1.Observation) error {
			o.take(seen)
			if o.count() > 0 {
				select {
				case <-o.gate:
				case <-ctx.Done():
				}
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-o.ended:
			t.Logf("Observe ended with its context: %v", err)
		case <-time.After(o.patience):
			t.Error("Observe did not end with its context")
		}
	})
	return o
}

func (o *observer) take(seen *substratev1.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, seen)
	if seen.GetSynced() {
		o.synced++
		return
	}
	o.last[seen.GetModelUuid()+seen.GetUnit()] = seen
}

// count is how often the observer was told that the first listing is over.
func (o *observer) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.synced
}

// of is the last state of a unit, nil if none was seen.
func (o *observer) of(model, unit string) *substratev1.Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[model+unit]
}

// running waits until the unit is told to run.
func (o *observer) running(t testing.TB, model, unit string) {
	t.Helper()
	o.until(t, unit+" to run", func() bool { return o.of(model, unit).GetPhase() == "running" })
}

// gone waits until the unit is told to be gone for sure.
func (o *observer) gone(t testing.TB, model, unit string) {
	t.Helper()
	o.until(t, unit+" to be gone", func() bool {
		return o.of(model, unit).GetPhase() == "gone" && o.of(model, unit).GetGoneConfirmed()
	})
}

// until waits for a condition.
func (o *observer) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !suite.Eventually(o.patience, holds) {
		o.mu.Lock()
		defer o.mu.Unlock()
		t.Fatalf("waited in vain for %s; last states: %v", what, o.last)
	}
}
