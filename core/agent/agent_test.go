package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent"
	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a controller, a place and a charm, in which an agent may be started, killed and started again.
type world struct {
	t       *testing.T
	store   *agenttest.Store
	server  *agenttest.Server
	client  controllerv1.AgentsClient
	reach   substrate.UnitSide // side, or what goes around it
	side    *agenttest.Side
	runtime *agenttest.Runtime
	notices voice
	dir     string
	digest  string
	kill    func()
	workers int
	now     func() time.Time
	tidy    time.Duration
	agent   *agent.Agent // the one that runs
}

// voice is a supervisor that says what it is given.
type voice chan []source.Notice

func (v voice) Wait(ctx context.Context, _ string, _ time.Time) ([]source.Notice, error) {
	select {
	case list := <-v:
		return list, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (v voice) Checks(context.Context, string) (map[string]bool, error) { return nil, nil }

func newWorld(t *testing.T, code agenttest.Charm) *world {
	w := &world{t: t, store: agenttest.New(), notices: make(voice), dir: t.TempDir()}
	w.server = agenttest.NewServer(w.store)
	w.client = w.server.Dial(t)
	w.side = agenttest.NewSide(&substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1"})
	w.runtime = agenttest.NewRuntime(t, code)
	var file string
	file, w.digest = agenttest.Pack(t, "web", map[string]string{
		"config.yaml":   "options:\n  port: {type: int, default: 80}\n  name: {type: string}\n",
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\nrequires:\n  db: {interface: db}\npeers:\n  cluster: {interface: cluster}\n",
	})
	w.server.AddCharm(w.digest, file)
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs an agent; the returned function ends it as SIGTERM would, w.kill as SIGKILL.
func (w *world) start() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	if w.reach == nil {
		w.reach = w.side
	}
	a, err := agent.New(agent.Config{ID: agenttest.Agent, Incarnation: agenttest.Place, Dir: w.dir, RunDir: filepath.Join(w.dir, "run"),
		Agents: w.client, Side: w.reach, Runtimes: w.runtime, Notices: w.notices, Grace: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Workers: w.workers, Now: w.now, Tidy: w.tidy})
	if err != nil {
		w.t.Fatal(err)
	}
	var done sync.WaitGroup
	w.agent = a
	done.Go(func() { a.Run(ctx) })
	w.kill = func() { stop(); done.Wait() }
}

func (w *world) stop() {
	if w.kill != nil {
		w.kill()
		w.kill = nil
	}
}

func (w *world) deploy(units int, peers ...string) {
	w.store.Deploy(agenttest.App{Name: "web", Digest: w.digest, Runtime: "python", Units: units, Peers: peers})
}

// until waits for a condition.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain until %s; runs %v, cursor %v", what, w.runtime.Runs(), w.cursor("web/0"))
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (w *world) cursor(unit string) *controllerv1.Cursor {
	return w.store.Get(key.OfUnit(key.State, unit)).GetUnitState().GetCursor()
}

func (w *world) started(unit string) { w.untilEvents(unit, 4) }

func (w *world) untilEvents(unit string, n uint64) {
	w.t.Helper()
	w.until("the events are committed", func() bool { return w.cursor(unit).GetSequence() >= n && w.cursor(unit).Pending == nil })
}

func (w *world) ran(event string) int {
	n := 0
	for _, r := range w.runtime.Runs() {
		if r == event {
			n++
		}
	}
	return n
}

func ok(cs *hookv1.Changeset) *charmruntimev1.Done {
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Changeset: cs}
}

// TestFirstHooksCountTheirWrites: install is a Begin and a Commit, everything after it a Commit; a config change is
// exactly one Commit, and the charm sees the new value and the default.
func TestFirstHooksCountTheirWrites(t *testing.T) {
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		return ok(&hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "active", Message: s.Event.Name}}), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	want := []string{"web/0 1-install", "web/0 2-leader-elected", "web/0 3-config-changed", "web/0 4-start"}
	if got := w.runtime.Runs(); !slices.Equal(got, want) {
		t.Fatalf("ran %v, want %v", got, want)
	}
	if b, c := w.store.Count("Begin"), w.store.Count("Commit"); b != 1 || c != 4 {
		t.Errorf("%d Begin and %d Commit, want 1 and 4", b, c)
	}
	if n := w.store.Count("SetAddresses"); n != 1 {
		t.Errorf("%d SetAddresses, want 1", n)
	}
	w.store.Config("web", "name", "x")
	w.untilEvents("web/0", 5)
	if b, c := w.store.Count("Begin"), w.store.Count("Commit"); b != 1 || c != 5 {
		t.Errorf("after a config change %d Begin and %d Commit, want 1 and 5", b, c)
	}
	v := w.runtime.View("web/0", "config-changed")
	if v.Config["name"].GetStringValue() != "x" || v.Config["port"].GetIntValue() != 80 || v.Unit.PrivateAddress != "10.0.0.7" {
		t.Errorf("the charm saw config %v and address %s", v.Config, v.Unit.PrivateAddress)
	}
	if st := w.store.Get(key.OfUnit(key.Status, "web/0")).GetUnitStatus(); st.Workload.Message != "config-changed" {
		t.Errorf("status is %v", st)
	}
	w.until("the journal came", func() bool { return len(w.server.Journal()) == 5 })
	if j := w.server.Journal()[4]; j.Wrote != "status" || j.Outcome != "ok" || j.Revision == 0 {
		t.Errorf("the journal says %v", j)
	}
}

// TestLostAnswers: whatever is lost, each event's writes are there once and no charm hears an event twice.
func TestLostAnswers(t *testing.T) {
	for _, call := range []string{"Begin", "Commit"} {
		for _, fault := range []agenttest.Fault{agenttest.LoseRequest, agenttest.LoseAnswer} {
			t.Run(call+" "+string(fault), func(t *testing.T) {
				w := newWorld(t, nil)
				w.server.Fail(call, fault, fault, fault)
				w.start()
				w.deploy(1)
				w.started("web/0")
				if got := w.runtime.Runs(); len(got) != 4 {
					t.Errorf("ran %v, want each event once", got)
				}
				if n := w.store.Count("Commit written"); n != 4 {
					t.Errorf("%d commits were written, want 4", n)
				}
			})
		}
	}
}

// TestActionWhoseBeginWasLostRunsOnce: it was recorded and never ran, so it is not interrupted.
func TestActionWhoseBeginWasLostRunsOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.server.Fail("Begin", agenttest.LoseAnswer)
	id := w.store.Run("web/0", "backup", "{}")
	w.until("the action is done", func() bool { return w.task(id).Status == "completed" })
	if n := w.ran("web/0 5-backup"); n != 1 {
		t.Errorf("it ran %d times", n)
	}
}

func (w *world) task(id string) *controllerv1.Task {
	return w.store.Get(key.Named(key.Task, id)).GetTask()
}

// TestKilledInAHook: a paired event that was cut off comes again, an action never.
func TestKilledInAHook(t *testing.T) {
	var hang atomic.Pointer[string]
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if name := hang.Load(); name != nil && *name == s.Event.Name {
			<-ctx.Done()
			return nil, errs.E(errs.Canceled, "ended")
		}
		return ok(nil), nil
	})
	for i, hook := range []string{"install", "config-changed", "backup"} {
		hang.Store(&hook)
		w.start()
		if i == 0 {
			w.deploy(1)
		}
		if hook == "backup" {
			w.store.Run("web/0", hook, "{}")
		}
		w.until(hook+" runs", func() bool { return strings.HasSuffix(last(w.runtime.Runs()), hook) })
		w.stop()
		hang.Store(nil)
	}
	w.start()
	w.until("the action is failed", func() bool { return w.task("1").Status == "failed" })
	if msg := w.task("1").Message; !strings.Contains(msg, "interrupted") {
		t.Errorf("the task says %q", msg)
	}
	w.started("web/0")
	if a, b, c := w.count("install"), w.count("config-changed"), w.count("backup"); a != 2 || b != 2 || c != 1 {
		t.Errorf("install ran %d times, config-changed %d, backup %d; want 2, 2, 1: %v", a, b, c, w.runtime.Runs())
	}
}

func (w *world) count(hook string) int {
	n := 0
	for _, r := range w.runtime.Runs() {
		if strings.HasSuffix(r, "-"+hook) {
			n++
		}
	}
	return n
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// TestKilledWithAnOpenCommit: the next start asks about the same commit first, and does not run the event again.
func TestKilledWithAnOpenCommit(t *testing.T) {
	for _, fault := range []agenttest.Fault{agenttest.LoseRequest, agenttest.LoseAnswer} {
		t.Run(string(fault), func(t *testing.T) {
			w := newWorld(t, nil)
			w.start()
			w.deploy(1)
			w.started("web/0")
			before := w.store.Count("Commit")
			w.server.Fail("Commit", slices.Repeat([]agenttest.Fault{fault}, 50)...)
			w.store.Config("web", "name", "x")
			w.until("the answer is lost", func() bool { return w.ran("web/0 5-config-changed") == 1 && len(w.open()) == 1 })
			w.stop()
			w.server.Clear("Commit")
			w.start()
			w.untilEvents("web/0", 5)
			w.until("nothing is open", func() bool { return len(w.open()) == 0 })
			if n := w.ran("web/0 5-config-changed"); n != 1 {
				t.Errorf("config-changed ran %d times", n)
			}
			if n := w.store.Count("Commit written"); n != before+1 {
				t.Errorf("%d commits were written, want %d", n, before+1)
			}
			w.until("the journal knows of it", func() bool {
				return slices.ContainsFunc(w.server.Journal(), func(e *controllerv1.JournalEntry) bool { return e.Event.Id == "5-config-changed" && e.Revision > 0 })
			})
		})
	}
}

// open lists the commits that are kept because they were not answered.
func (w *world) open() []string {
	list, err := filepath.Glob(filepath.Join(w.dir, "run", "*", "commit.pb"))
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(path string) bool {
		text, err := os.ReadFile(path)
		return err != nil || len(text) > 12 && bytes.Equal(text[8:12], make([]byte, 4)) // a length of 0
	})
}

// TestConflict: what an older view led to is thrown away; the agent waits for the newer one and decides anew.
func TestConflict(t *testing.T) {
	var w *world
	var once sync.Once
	w = newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name == "config-changed" {
			once.Do(func() { w.store.Touch("web/0") }) // somebody else wrote the cursor
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	if n := w.ran("web/0 3-config-changed"); n != 2 {
		t.Errorf("config-changed ran %d times, want once more after the conflict", n)
	}
}

// TestNotLeaderAnyMore: a leader's write that comes too late runs once more with a view that says so, then it is the
// charm's failure.
func TestNotLeaderAnyMore(t *testing.T) {
	var w *world
	var stubborn atomic.Bool
	w = newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		cs := &hookv1.Changeset{}
		if s.Event.Name == "config-changed" && s.View.Config["name"].GetStringValue() == "x" && (s.View.Leadership.Leader || stubborn.Load()) {
			if s.View.Leadership.Leader {
				w.store.Depose("web")
			}
			cs.AppStatus = &hookv1.Status{Current: "active"}
		}
		return ok(cs), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Config("web", "name", "x")
	w.untilEvents("web/0", 5)
	if n := w.ran("web/0 5-config-changed"); n != 2 || w.runtime.View("web/0", "config-changed").Leadership.Leader {
		t.Errorf("config-changed ran %d times, want twice, the second time as a follower", n)
	}
	stubborn.Store(true)
	w.store.Lead("web", "web/0")
	w.untilEvents("web/0", 6)
	w.store.Config("web", "name", "x")
	w.until("it failed", func() bool { return w.cursor("web/0").GetPending().GetStep() == "failed" })
	if msg := w.cursor("web/0").Pending.Message; !strings.Contains(msg, "not the leader") {
		t.Errorf("it failed with %q", msg)
	}
}

// TestFailedHookIsDurable: the error is in the model, an action runs beneath it, and resolved runs it again.
func TestFailedHookIsDurable(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name == "config-changed" && broken.Load() {
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: 1, Message: "KeyError: 'x'", Detail: "Traceback\nKeyError: 'x'"}, nil
		}
		return ok(nil), nil
	})
	w.store.ModelConfig("automatically-retry-hooks", "false")
	w.start()
	w.deploy(1)
	w.until("it failed", func() bool { return w.cursor("web/0").GetPending().GetStep() == "failed" })
	if p := w.cursor("web/0").Pending; p.Message != "KeyError: 'x'" || p.Attempt != 1 || p.ExitCode != 1 {
		t.Errorf("the cursor says %v", p)
	}
	w.stop() // an agent that starts again knows it too
	w.start()
	id := w.store.Run("web/0", "backup", "{}")
	w.until("the action is done", func() bool { return w.task(id).Status == "completed" })
	if w.cursor("web/0").GetPending().GetStep() != "failed" {
		t.Error("the action took the error away")
	}
	broken.Store(false)
	w.store.Resolve("web/0", true)
	w.until("it is resolved", func() bool { return w.cursor("web/0").Started })
	w.until("the traceback is in the log", func() bool {
		return slices.ContainsFunc(w.server.Logs(), func(l *controllerv1.LogRecord) bool {
			return l.Level == "ERROR" && strings.Contains(l.Message, "Traceback") && l.Entity == "unit-web-0" && l.Module == "unit.web/0.config-changed"
		})
	})
}

// TestRuntimeDies: an event whose runtime dies is derived again; one that always takes it along is the charm's failure.
func TestRuntimeDies(t *testing.T) {
	var deaths atomic.Int64
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name == "install" && deaths.Add(1) == 1 || s.Event.Name == "start" {
			return nil, errs.E(errs.Unavailable, "the runtime died")
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(1)
	w.until("start failed", func() bool { return w.cursor("web/0").GetPending().GetStep() == "failed" })
	if n := w.ran("web/0 1-install"); n != 2 {
		t.Errorf("install ran %d times, want 2", n)
	}
	if n := w.ran("web/0 4-start"); n != 3 {
		t.Errorf("start ran %d times before it was the charm's failure, want 3", n)
	}
}

// TestPeersSeeEachOther: what one unit writes reaches the other's view, with the membership that it was told.
func TestPeersSeeEachOther(t *testing.T) {
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		cs := &hookv1.Changeset{}
		if s.Event.Kind == "relation-created" {
			cs.Bags = []*hookv1.BagWrite{{RelationId: 1, Set: map[string]string{"who": s.View.Unit.Name}}}
			if n := len(s.View.Relations[0].Members); n != 0 {
				t.Errorf("%s sees %d members in created", s.View.Unit.Name, n)
			}
		}
		return ok(cs), nil
	})
	w.start()
	w.deploy(3, "cluster")
	for _, u := range []string{"web/0", "web/1", "web/2"} {
		w.until(u+" knows its peers", func() bool {
			return w.cursor(u).GetStarted() && w.cursor(u).GetSequence() >= 9
		})
	}
	v := w.runtime.View("web/2", "cluster-relation-changed")
	if m := v.Relations[0].Members; len(m) != 2 || m[0].Bag["who"] != "web/0" || m[1].Bag["who"] != "web/1" {
		t.Errorf("web/2 sees %v", m)
	}
	w.store.RemoveUnit("web/1", false)
	w.until("web/1 is dead", func() bool {
		return w.store.Get(key.OfUnit(key.Unit, "web/1")).GetUnit().GetLife() == controllerv1.Life_LIFE_DEAD
	})
	w.until("web/2 was told", func() bool { return w.runtime.View("web/2", "cluster-relation-departed") != nil })
	v = w.runtime.View("web/2", "cluster-relation-departed")
	if r := v.Relations[0]; len(r.Members) != 1 || len(r.Departed) != 1 || r.Departed[0].Bag["who"] != "web/1" {
		t.Errorf("in departed web/2 sees members %v and departed %v", r.Members, r.Departed)
	}
	w.until("the unit's files are gone", func() bool {
		_, err := os.Stat(filepath.Join(w.dir, "units", agenttest.Model[:8], "web-1"))
		return os.IsNotExist(err)
	})
}

// TestALostAnswerHidesNoDeletion: the answer that comes instead of a lost one says nothing of what the commit deleted, such
// as the last member of a relation. The stream does, later; until then the unit must not be told a second time.
func TestALostAnswerHidesNoDeletion(t *testing.T) {
	var w *world
	release := make(chan func(), 10)
	w = newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.View.Unit.Name == "web/0" && s.Event.Kind == "relation-departed" && len(release) == 0 {
			release <- w.server.Hold()
			w.server.Fail("Commit", agenttest.LoseAnswer)
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(2, "cluster")
	w.until("web/0 knows its peer", func() bool { return len(w.members("web/0")) == 1 && w.cursor("web/1").GetStarted() })
	w.store.RemoveUnit("web/1", true)
	w.until("web/0 is told of its departure, and the store knows", func() bool {
		return w.runtime.View("web/0", "cluster-relation-departed") != nil && len(w.members("web/0")) == 0
	})
	calls := len(w.server.Calls())
	w.until("the commit is sent again", func() bool {
		return len(w.server.Calls()) > calls || w.store.Count("Commit") > w.store.Count("Commit written")
	})
	(<-release)()
	id := w.store.Run("web/0", "backup", "{}")
	w.until("the action is done", func() bool { return w.task(id).Status == "completed" })
	n := 0
	for _, run := range w.runtime.Runs() {
		if strings.HasPrefix(run, "web/0 ") && strings.HasSuffix(run, "-cluster-relation-departed") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it was told %d times of one departure: %v", n, w.runtime.Runs())
	}
}

// members are the other units that the store has a unit know of.
func (w *world) members(unit string) (all []string) {
	for name := range w.store.Get(key.MembersOf(unit, 1, 0)).GetMembers().GetMembers() {
		all = append(all, name)
	}
	return all
}

// TestLeadershipAndImmediates: a leader's view has a promise, is-leader asks, a status shows before its hook ends.
func TestLeadershipAndImmediates(t *testing.T) {
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name == "start" {
			if answer, err := host.Call(ctx, "is-leader", "{}"); err != nil || answer != "true" {
				t.Errorf("is-leader: %s, %v", answer, err)
			}
			host.Immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Status{Status: &charmruntimev1.StatusSet{Status: &hookv1.Status{Current: "maintenance"}}}})
			if _, err := host.Call(ctx, "secret-get", "{}"); !errs.Is(err, errs.Unsupported) {
				t.Errorf("secret-get: %v", err)
			}
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.until("the status came", func() bool { return len(w.server.Immediates()) == 1 })
	if i := w.server.Immediates()[0]; i.EventId != "4-start" || i.N == 0 || i.Status.Current != "maintenance" {
		t.Errorf("got %v", i)
	}
	w.store.Config("web", "name", "y")
	w.untilEvents("web/0", 5)
	if l := w.runtime.View("web/0", "config-changed").Leadership; !l.Leader || l.SecondsLeft < 30 || l.SecondsLeft > 60 {
		t.Errorf("leadership in the view: %v", l)
	}
}

// TestCancel ends the task that runs, and only it: the hook before it and the event after it know nothing of it.
func TestCancel(t *testing.T) {
	runs, goOn := make(chan string, 8), make(chan struct{})
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		switch s.Event.Name {
		case "slow":
			runs <- "slow"
			<-ctx.Done()
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Message: "killed: " + context.Cause(ctx).Error(), Limit: "cancel"}, nil
		case "config-changed":
			if s.Event.Id[0] != '1' && s.Event.Id[0] != '2' && s.Event.Id[0] != '3' {
				runs <- "config-changed"
				select {
				case <-goOn:
				case <-ctx.Done():
					t.Error("a hook was cancelled")
				}
			}
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	task := w.store.Run("web/0", "slow", "")
	<-runs
	other := w.store.Run("web/0", "quick", "")
	w.store.Cancel(task)
	w.until("the next task ran", func() bool { return w.store.Task(other).GetStatus() == api.TaskCompleted })
	if got := w.store.Task(task); got.Status != api.TaskAborted || !strings.Contains(got.Message, "cancelled") {
		t.Errorf("the cancelled task is %v", got)
	}
	// One that waits behind a hook never runs, and the hook goes on.
	w.store.Config("web", "name", "y")
	<-runs
	task = w.store.Run("web/0", "slow", "")
	w.store.Cancel(task)
	close(goOn)
	last := w.store.Run("web/0", "quick", "")
	w.until("the last task ran", func() bool { return w.store.Task(last).GetStatus() == api.TaskCompleted })
	if got := w.store.Task(task); got.Status != api.TaskCancelled || len(runs) != 0 {
		t.Errorf("the task that waited is %v, %d tasks ran", got, len(runs))
	}
}

// TestMachineLock: units of one machine run one at a time where they share it, and say whom they wait for; elsewhere, and
// where the model does not want it, they do not wait.
func TestMachineLock(t *testing.T) {
	for _, c := range []struct {
		name, config string
		locked, wait bool
	}{{"shared", "", true, true}, {"own places", "", false, false}, {"switched off", "off", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			inside, goOn := make(chan string, 4), make(chan struct{})
			var busy atomic.Int64
			w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
				if s.Event.Name != "install" {
					return ok(nil), nil
				}
				if n := busy.Add(1); c.wait && n > 1 {
					t.Error("two units of one machine run at once")
				}
				inside <- s.View.Unit.Name
				select {
				case <-goOn:
				case <-ctx.Done():
				}
				busy.Add(-1)
				return ok(nil), nil
			})
			env := &substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1", MachineId: "7"}
			if c.locked {
				env.MachineLock = filepath.Join(w.dir, "machine-lock")
			}
			w.side = agenttest.NewSide(env)
			w.store.ModelConfig("machine-lock", c.config)
			w.start()
			w.deploy(2)
			first := <-inside
			if c.wait {
				w.until("the other one says whom it waits for", func() bool {
					for _, s := range w.server.States() {
						if l := s.GetLock(); s.Unit != first && l != nil && !l.Held && l.HolderUnit == first && l.HolderWhat == "install" && l.Machine == "7" && l.What == "install" &&
							strings.Contains(s.Message, first) && l.HolderSinceUnixNano != 0 {
							return true
						}
					}
					return false
				})
			} else if second := <-inside; second == first {
				t.Errorf("%s ran twice", first)
			}
			close(goOn)
			w.started("web/0")
			w.started("web/1")
		})
	}
}

// TestReboot: after the hook and its commit, or in its middle and without one. Nothing runs until the machine is there again;
// then start runs once more, and what was cut off.
func TestReboot(t *testing.T) {
	for _, now := range []bool{false, true} {
		t.Run(fmt.Sprint("now ", now), func(t *testing.T) {
			var asked atomic.Bool
			w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
				if s.Event.Name != "config-changed" || s.View.Config["name"].GetStringValue() != "y" || asked.Swap(true) {
					return ok(nil), nil
				}
				if now {
					return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: charmruntime.LimitReboot, Changeset: &hookv1.Changeset{Reboot: hookv1.Reboot_REBOOT_NOW}}, nil
				}
				return ok(&hookv1.Changeset{Reboot: hookv1.Reboot_REBOOT_AFTER}), nil
			})
			machine := agenttest.Machine{Side: w.side}
			w.reach = machine
			w.start()
			w.deploy(1)
			w.started("web/0")
			w.store.Config("web", "name", "y")
			w.until("the reboot was asked for", func() bool { return len(machine.Reboots()) == 1 })
			before := len(w.runtime.Runs())
			w.store.Run("web/0", "quick", "")
			w.until("the unit says so", func() bool {
				return slices.ContainsFunc(w.server.States(), func(s *controllerv1.AgentState) bool { return s.Current == api.AgentRebooting })
			})
			if got := w.cursor("web/0").GetSequence(); now && got != 4 || !now && got != 5 {
				t.Errorf("%d events are committed while the machine goes down", got)
			}
			if got := w.runtime.Runs()[before:]; len(got) != 0 {
				t.Errorf("while the machine goes down %v ran", got)
			}
			w.side.Booted("web/0", "boot-2")
			w.untilEvents("web/0", 7)
			var names []string
			for _, run := range w.runtime.Runs()[before:] {
				_, name, _ := strings.Cut(run[strings.Index(run, " ")+1:], "-")
				names = append(names, name)
			}
			slices.Sort(names)
			want := []string{"quick", "start"}
			if now {
				want = []string{"config-changed", "quick", "start"}
			}
			if !slices.Equal(names, want) || len(machine.Reboots()) != 1 {
				t.Errorf("after the boot %v ran, want %v; reboots %v", names, want, machine.Reboots())
			}
		})
	}
}

// TestRebootThatCannotBe: the charm that insists is in error, or it would run for ever; one that can wait is told in the log.
func TestRebootThatCannotBe(t *testing.T) {
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		switch {
		case s.Event.Name == "start":
			return ok(&hookv1.Changeset{Reboot: hookv1.Reboot_REBOOT_AFTER}), nil
		case s.View.Config["name"].GetStringValue() == "y":
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: charmruntime.LimitReboot, Message: "the charm asked for a reboot"}, nil
		}
		return ok(nil), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.until("the log tells", func() bool {
		return slices.ContainsFunc(w.server.Logs(), func(r *controllerv1.LogRecord) bool {
			return r.Level == "ERROR" && strings.Contains(r.Message, "reboot the machine by hand")
		})
	})
	w.store.Config("web", "name", "y")
	w.until("the hook failed", func() bool {
		p := w.cursor("web/0").GetPending()
		return p.GetStep() == "failed" && strings.Contains(p.GetMessage(), "cannot reboot")
	})
}

// TestHops: a hook costs one message to the charm and one call to the controller, which is its commit, whatever it reads; an
// event with an inverse is recorded before, with one more. Reports are not part of it and go in batches beside.
func TestHops(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	w.deploy(1, "cluster")
	w.untilEvents("web/0", 5)
	count := func(change func(), events uint64) (calls []string, runs int) {
		before, ran, at := len(w.server.Calls()), len(w.runtime.Runs()), w.cursor("web/0").GetSequence()
		change()
		w.untilEvents("web/0", at+events)
		for _, call := range w.server.Calls()[before:] {
			if call != "Report" {
				calls = append(calls, call)
			}
		}
		return calls, len(w.runtime.Runs()) - ran
	}
	if calls, runs := count(func() { w.store.Config("web", "name", "x") }, 1); !slices.Equal(calls, []string{"Commit"}) || runs != 1 {
		t.Errorf("a config change makes calls %v and %d runs, want one commit and one run", calls, runs)
	}
	if calls, runs := count(func() { w.store.Run("web/0", "act", "") }, 1); !slices.Equal(calls, []string{"Begin", "Commit"}) || runs != 1 {
		t.Errorf("an action makes calls %v and %d runs, want its begin, its commit and one run", calls, runs)
	}
}

// TestNewEpoch: after a restore of the store the agent loads everything again and goes on.
func TestNewEpoch(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.NewEpoch()
	w.store.Config("web", "name", "x")
	w.untilEvents("web/0", 5)
}

// TestManyUnits: each unit's events are in order and complete, whatever runs beside them.
func TestManyUnits(t *testing.T) {
	const units = 60
	w := newWorld(t, nil)
	w.start()
	w.deploy(units)
	w.until("all are started", func() bool {
		for _, u := range w.store.Units() {
			if !w.cursor(u).GetStarted() {
				return false
			}
		}
		return len(w.store.Units()) == units
	})
	if n := len(w.runtime.Runs()); n != units*4 {
		t.Errorf("%d events ran, want %d", n, units*4)
	}
}

// TestRefreshKeepsTheUnitsOwnFiles: the charm's files change, those that the unit made stay.
func TestRefreshKeepsTheUnitsOwnFiles(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	w.deploy(1)
	w.started("web/0")
	dir := filepath.Join(w.dir, "units", agenttest.Model[:8], "web-0", "charm")
	if err := os.WriteFile(filepath.Join(dir, ".own.db"), []byte("state"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, digest := agenttest.Pack(t, "web", map[string]string{"new.txt": "new"})
	w.server.AddCharm(digest, file)
	w.store.Refresh("web", digest, false)
	w.untilEvents("web/0", 6)
	for name, want := range map[string]bool{"new.txt": true, ".own.db": true, "config.yaml": false, "dispatch": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	if w.cursor("web/0").CharmDigest != digest {
		t.Error("the cursor names the old charm")
	}
}

// tree is what lies under a directory: names with their contents, links with their targets, directories with "/".
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			all[name] = "/"
			return nil
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRefreshThatCannotBeDone: something is in the way of the new charm's files. The unit is in error with words that say
// what, its old charm is whole, and when the way is free the refresh goes through.
func TestRefreshThatCannotBeDone(t *testing.T) {
	w := newWorld(t, nil)
	file, digest := agenttest.Pack(t, "web", map[string]string{"dispatch": "#!/bin/sh\n: old\n", "a": "old", "is-dir/file": "old", "is-file": "old", "gone": "old"})
	w.server.AddCharm(digest, file)
	w.digest = digest
	w.start()
	w.deploy(1)
	w.started("web/0")
	dir := filepath.Join(w.dir, "units", agenttest.Model[:8], "web-0", "charm")
	if err := os.MkdirAll(filepath.Join(dir, "z", "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	file, digest = agenttest.Pack(t, "web", map[string]string{"dispatch": "#!/bin/sh\n: new\n", "a": "new", "is-dir": "new", "is-file/file": "new", "y/fresh": "new", "z": "new"})
	w.server.AddCharm(digest, file)
	w.store.Refresh("web", digest, false)
	w.until("the refresh failed", func() bool { return w.cursor("web/0").GetPending().GetStep() == "failed" })
	if p := w.cursor("web/0").GetPending(); p.Event.Name != "upgrade-charm" || !strings.Contains(p.Message, "the charm has a file z, where a directory with other files is; move them away") {
		t.Errorf("pending %v", p)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("the old charm was\n%v\nand is\n%v", before, after)
	}
	if err := os.RemoveAll(filepath.Join(dir, "z")); err != nil {
		t.Fatal(err)
	}
	w.store.Resolve("web/0", true)
	w.until("the refresh is done", func() bool { return w.cursor("web/0").GetPending() == nil && w.cursor("web/0").CharmDigest == digest })
	after := tree(t, dir)
	want := map[string]string{"dispatch": "#!/bin/sh\n: new\n", "a": "new", "is-dir": "new", "is-file": "/", "is-file/file": "new", "y": "/", "y/fresh": "new", "z": "new"}
	for name, text := range want {
		if after[name] != text {
			t.Errorf("%s is %q, want %q", name, after[name], text)
		}
	}
	if _, there := after["gone"]; there {
		t.Error("a file that the new charm has no more is there")
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "charm-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLeaderAtRestIsRenewedAfterARestart: the lease must not run out because the leader has nothing to do.
func TestLeaderAtRestIsRenewedAfterARestart(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	w.deploy(2)
	w.started("web/0")
	w.started("web/1")
	w.stop()
	before, runs := w.server.Renewals("web/0"), len(w.runtime.Runs())
	w.start()
	w.until("the leader is renewed", func() bool { return w.server.Renewals("web/0") > before })
	if n := len(w.runtime.Runs()); n != runs || w.server.Renewals("web/1") != 0 {
		t.Errorf("%d events ran after the restart, the other unit was renewed %d times; want none", n-runs, w.server.Renewals("web/1"))
	}
}
