package substratetest

import (
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// lifeCases are about the process.
func lifeCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "units live on when the substrate is killed, and are adopted", Run: adopts},
		{Name: "adopted units that no specification names are ended", Run: adoptsAndEnds},
		{Name: "a unit's environment is known after a restart", Run: environmentAgain},
		{Name: "a crashed container is started again after an adoption", Run: crashAfterAdoption},
		{Name: "the unit's side works in a process of its own", Run: unitBeside},
		{Name: "another life of the unit's side starts and ends nothing", Run: unitBesideAgain},
		{Name: "what runs is recorded for whoever has to end it without the substrate", Run: recorded},
		{Name: "a killed substrate answers Info after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			_, err := b.Provider.Info(b.ctx(t))
			return err
		})},
		{Name: "a killed substrate ensures after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			_, err := b.Provider.Ensure(b.ctx(t), &substratev1.EnsureRequest{Spec: b.spec(modelA, "web", "0"), Revision: 9})
			b.used[[2]string{modelA, "web"}] = true
			return err
		})},
		{Name: "a killed substrate is observed after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			return b.Provider.Observe(b.ctx(t), &substratev1.ObserveRequest{}, func(o *substratev1.Observation) error {
				return errs.E(errs.AlreadyExists, "enough")
			})
		})},
		{Name: "a killed substrate removes after its restart", Run: restarted(func(t testing.TB, b *bench) error {
			return b.Provider.Remove(b.ctx(t), &substratev1.RemoveRequest{ModelUuid: modelA, Application: "web", TimeoutMs: 1000},
				func(*substratev1.RemoveProgress) error { return nil })
		})},
		{Name: "coming and going leaks neither files nor processes", Run: leaks},
	}
}

func (b *bench) mayKill(t testing.TB) {
	t.Helper()
	if b.Kill == nil {
		t.Skip("the substrate runs in this process and cannot be killed")
	}
}

func adopts(t testing.TB, b *bench) {
	b.mayKill(t)
	spec := b.spec(modelA, "web", "0", "1")
	b.ensure(t, spec)
	p, q := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	b.restart(t)
	var names []string
	for _, unit := range b.adopted {
		if unit.GetModelUuid() == modelA && unit.GetProviderId() != "" {
			names = append(names, unit.GetUnit())
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"web/0", "web/1"}) {
		t.Errorf("adopted %q of %v, want both units with their provider ids", names, b.adopted)
	}
	p.still(t, "after the substrate was killed")
	o := b.observe(t, modelA, false)
	b.ensure(t, spec)
	o.running(t, modelA, "web/0")
	o.running(t, modelA, "web/1")
	b.up(t, modelA, "web/0").same(t, p)
	b.up(t, modelA, "web/1").same(t, q)
}

// same wants two places to have one and the same supervisor.
func (p place) same(t testing.TB, before place) {
	t.Helper()
	if p.boot != before.boot || p.socket != before.socket {
		t.Errorf("the unit was started a second time: %v, before %v", p, before)
	}
}

func adoptsAndEnds(t testing.TB, b *bench) {
	b.mayKill(t)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	p, q := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	b.restart(t)
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0"))
	o.gone(t, modelA, "web/1")
	if _, err := bootOf(q.socket); err == nil {
		t.Error("the supervisor of a unit that no specification names answers")
	}
	p.still(t, "after the other unit was ended")
}

func environmentAgain(t testing.TB, b *bench) {
	b.mayKill(t)
	spec := b.spec(modelA, "web", "0")
	b.ensure(t, spec)
	p := b.up(t, modelA, "web/0")
	b.restart(t)
	b.ensure(t, spec)
	b.up(t, modelA, "web/0").same(t, p)
	containerUp(t, b, b.watch(t, modelA, "web/0"), "main", "")
}

func crashAfterAdoption(t testing.TB, b *bench) {
	b.mayKill(t)
	spec := b.spec(modelA, "web", "0")
	b.ensure(t, spec)
	b.up(t, modelA, "web/0")
	b.restart(t)
	b.ensure(t, spec)
	p := b.up(t, modelA, "web/0")
	b.crash(t, p.socket)
	b.restarted(t, modelA, "web/0", p)
}

// restarted wants a call to be unavailable while the substrate is dead and to
// work in its next life. The class AlreadyExists stands for enough of a stream.
func restarted(call func(testing.TB, *bench) error) func(testing.TB, *bench) {
	works := func(err error) bool { return err == nil || errs.Is(err, errs.AlreadyExists) }
	return func(t testing.TB, b *bench) {
		b.mayKill(t)
		if err := call(t, b); !works(err) {
			t.Fatalf("before: %v", err)
		}
		b.Kill()
		if err := call(t, b); !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.Canceled) {
			t.Errorf("while it is dead: error = %v, want unavailable", err)
		}
		b.restart(t)
		if err := call(t, b); !works(err) {
			t.Errorf("after its restart: %v", err)
		}
	}
}

// beside starts a second life as the agent does: it is configured, and never
// asked to adopt or to ensure anything.
func (b *bench) beside(t testing.TB) *bench {
	t.Helper()
	second := &bench{cfg: b.cfg, dirs: b.dirs, Subject: b.cfg.Start(t, b.dirs)}
	if second.Kill != nil {
		second.Kill = sync.OnceFunc(second.Kill)
		t.Cleanup(second.Kill)
	}
	if err := second.Provider.Configure(b.ctx(t), b.configuration()); err != nil {
		t.Fatalf("Configure of the unit's side: %v", err)
	}
	return second
}

func unitBeside(t testing.TB, b *bench) {
	agent := b.beside(t)
	events := agent.watch(t, modelA, "web/0")
	b.ensure(t, b.spec(modelA, "web", "0"))
	here, there := b.up(t, modelA, "web/0"), agent.up(t, modelA, "web/0")
	there.same(t, here)
	first := containerUp(t, b, events, "main", "")
	b.crash(t, here.socket)
	containerUp(t, b, events, "main", first.GetBootId())
	b.ensure(t, b.spec(modelA, "web"))
	if !suite.Eventually(b.cfg.Patience, func() bool {
		_, err := agent.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: modelA, Unit: "web/0"})
		return errs.Is(err, errs.NotFound)
	}) {
		t.Error("the unit's side still has an environment for a unit that was ended")
	}
}

func unitBesideAgain(t testing.TB, b *bench) {
	b.mayKill(t)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	p, q := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	for range 2 {
		agent := b.beside(t)
		agent.up(t, modelA, "web/0").same(t, p)
		agent.up(t, modelA, "web/1").same(t, q)
		agent.Kill()
	}
	p.still(t, "after the unit's side was killed")
	q.still(t, "after the unit's side was killed")
	b.ensure(t, b.spec(modelA, "web", "0!"))
	agent := b.beside(t)
	containerUp(t, b, agent.watch(t, modelA, "web/0"), "main", "")
	p.still(t, "after the unit's side came back beside a draining unit")
}

// recorded wants a file *.json below one of the directories with the pid, the
// start time and the kernel's boot id of every supervisor: destroy-controller
// ends by it what nobody can be asked to end any more.
func recorded(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	for _, unit := range []string{"web/0", "web/1"} {
		p := b.up(t, modelA, unit)
		pid, err := listener(p.socket)
		if err != nil {
			t.Fatalf("cannot ask who listens: %v", err)
		}
		if pid == os.Getpid() {
			t.Skip("the supervisors run in this process")
		}
		if !suite.Eventually(b.cfg.Patience, func() bool { return b.hasRecord(pid) }) {
			t.Errorf("no file *.json below %s or %s records process %d of %s as pid, start_time and boot_id", b.dirs.State, b.dirs.Run, pid, unit)
		}
	}
}

func leaks(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	run := func(times int) {
		for range times {
			b.ensure(t, b.spec(modelA, "web", "0"))
			o.running(t, modelA, "web/0")
			b.ensure(t, b.spec(modelA, "web"))
			o.gone(t, modelA, "web/0")
		}
	}
	run(2)
	files, children := suite.Descriptors(b.PID), suite.Children(b.PID)
	run(8)
	const slack = 5
	if !suite.Eventually(min(b.cfg.Patience, 5*time.Second), func() bool {
		return suite.Descriptors(b.PID) <= files+slack && suite.Children(b.PID) <= children+slack
	}) {
		t.Errorf("after 8 comings and goings there are %d open files instead of %d, and %d child processes instead of %d",
			suite.Descriptors(b.PID), files, suite.Children(b.PID), children)
	}
}
