package source_test

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// woken collects who was woken.
type woken struct {
	mu   sync.Mutex
	keys []string
}

func (w *woken) wake(k event.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = append(w.keys, k.Unit)
}

// take answers who was woken since the last take, sorted, each once.
func (w *woken) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.keys
	w.keys = nil
	event.SortUnits(list)
	return slices.Compact(list)
}

func pump(s *agenttest.Store, r *source.Replica) {
	deltas, _ := s.Since(r.Position())
	for _, d := range deltas {
		r.Apply(d)
	}
}

func snapshot(t *testing.T, r *source.Replica, unit string) *source.Snapshot {
	t.Helper()
	s, ok := r.Snapshot(event.Key{Model: agenttest.Model, Unit: unit})
	if !ok {
		t.Fatalf("there is no unit %s", unit)
	}
	return s
}

// TestWakesThoseConcerned: a change wakes the units that may have something to do, and no others.
func TestWakesThoseConcerned(t *testing.T) {
	w, store := &woken{}, agenttest.New()
	r := source.NewReplica(agenttest.Agent, w.wake)
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 2, Peers: []string{"cluster"}})
	store.Deploy(agenttest.App{Name: "db", Digest: "d", Units: 1})
	pump(store, r)
	w.take()
	var id int32
	var task string
	cases := []struct {
		what string
		do   func()
		want []string
	}{
		{"config", func() { store.Config("web", "a", "b") }, []string{"web/0", "web/1"}},
		{"relation", func() { id = store.Integrate("web", "db", "db", "db") }, []string{"db/0", "web/0", "web/1"}},
		{"bag", func() { store.WriteBag(id, "db", "a", "b") }, []string{"db/0", "web/0", "web/1"}},
		{"peer bag", func() { store.WriteBag(1, "web/0", "a", "b") }, []string{"web/0", "web/1"}},
		{"task", func() { task = store.Run("web/1", "a", "{}") }, []string{"web/1"}},
		{"leader", func() { store.Lead("db", "db/0") }, []string{"db/0"}},
		{"unit", func() { store.RemoveUnit("web/1", false) }, []string{"web/1"}},
		{"model", func() { store.ModelConfig("a", "b") }, []string{"db/0", "web/0", "web/1"}},
		{"resolved", func() { store.Resolve("db/0", true) }, []string{"db/0"}},
	}
	for _, c := range cases {
		c.do()
		pump(store, r)
		if got := w.take(); !slices.Equal(got, c.want) {
			t.Errorf("%s woke %v, want %v", c.what, got, c.want)
		}
	}
	if s := snapshot(t, r, "web/1"); len(s.Tasks) != 1 || s.Tasks[0].Id != task {
		t.Errorf("tasks of web/1: %v", s.Tasks)
	}
}

func status(revision int64, text string) *controllerv1.Object {
	return &controllerv1.Object{Model: agenttest.Model, Key: "ustat/web/0", ModRevision: revision,
		Value: &controllerv1.Object_UnitStatus{UnitStatus: &controllerv1.UnitStatus{Version: text}}}
}

// TestWakesTheCounterpart: in a relation of scope container what one unit writes is only its counterpart's business.
func TestWakesTheCounterpart(t *testing.T) {
	w, store := &woken{}, agenttest.New()
	r := source.NewReplica(agenttest.Agent, w.wake)
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 2})
	store.Deploy(agenttest.App{Name: "log", Digest: "d"})
	id := store.Tie("log", "host", "web", "logs")
	pump(store, r)
	w.take()
	for _, c := range []struct {
		owner string
		want  []string
	}{
		{"log/0", []string{"log/0", "web/0"}}, {"web/1", []string{"log/1", "web/1"}}, {"log", []string{"log/0", "log/1", "web/0", "web/1"}},
	} {
		store.WriteBag(id, c.owner, "k", "v")
		pump(store, r)
		if got := w.take(); !slices.Equal(got, c.want) {
			t.Errorf("the bag of %s woke %v, want %v", c.owner, got, c.want)
		}
	}
}

// TestNeverGoesBack: what a commit's answer brought stays, though the stream says older things afterwards: also of
// records that it deleted, and also in a whole listing that was made before.
func TestNeverGoesBack(t *testing.T) {
	w, store := &woken{}, agenttest.New()
	r := source.NewReplica(agenttest.Agent, w.wake)
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 1})
	pump(store, r)
	epoch, at := r.Position()
	w.take()
	r.Merge(epoch, "web/0", []*controllerv1.Object{status(at+10, "new"),
		{Model: agenttest.Model, Key: key.OfUnit(key.Resolved, "web/0").String(), ModRevision: at + 10, Deleted: true}})
	if len(w.take()) != 0 {
		t.Error("a commit's answer woke the unit itself")
	}
	older := &controllerv1.Object{Model: agenttest.Model, Key: "resolved/web/0", ModRevision: at + 5,
		Value: &controllerv1.Object_Resolved{Resolved: &controllerv1.Resolved{EventId: "1-x"}}}
	r.Apply(&controllerv1.Delta{Epoch: epoch, Revision: at + 5, Objects: []*controllerv1.Object{status(at+5, "old"), older}})
	check := func(when string) {
		t.Helper()
		if s := snapshot(t, r, "web/0"); s.Status.GetVersion() != "new" || s.Resolved != nil {
			t.Errorf("%s: status %v, resolved %v", when, s.Status, s.Resolved)
		}
	}
	check("after an older delta")
	full := fullOf(store)
	full.Objects = append(full.Objects, older)
	r.Apply(full)
	check("after an older listing")
	r.Apply(&controllerv1.Delta{Epoch: epoch, Revision: at + 10, Objects: []*controllerv1.Object{status(at+10, "new")}})
	if got := w.take(); slices.Contains(got, "web/1") {
		t.Errorf("the echo woke %v", got)
	}
	check("after the echo")
}

func fullOf(s *agenttest.Store) *controllerv1.Delta {
	deltas, _ := s.Since("", 0)
	return deltas[0]
}

// TestListingComesWhole: half a listing is not seen, and forgotten when its stream breaks.
func TestListingComesWhole(t *testing.T) {
	w, store := &woken{}, agenttest.New()
	r := source.NewReplica(agenttest.Agent, w.wake)
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 1})
	pump(store, r)
	store.AddUnits("web", 1)
	full := fullOf(store)
	half := &controllerv1.Delta{Epoch: full.Epoch, Revision: full.Revision, Full: true}
	r.Apply(half)
	snapshot(t, r, "web/0")
	r.Resume()
	r.Apply(&controllerv1.Delta{Epoch: full.Epoch, Revision: full.Revision, Synced: true})
	snapshot(t, r, "web/0")
	full.Synced = false
	r.Apply(full)
	if _, ok := r.Snapshot(event.Key{Model: agenttest.Model, Unit: "web/1"}); ok {
		t.Error("half a listing is seen")
	}
	r.Apply(&controllerv1.Delta{Epoch: full.Epoch, Revision: full.Revision, Synced: true})
	snapshot(t, r, "web/1")
}

// TestNewEpochForgets: of another life of the store nothing is kept, and its answers are not taken.
func TestNewEpochForgets(t *testing.T) {
	store := agenttest.New()
	r := source.NewReplica(agenttest.Agent, func(event.Key) {})
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 1})
	pump(store, r)
	epoch, at := r.Position()
	store.NewEpoch()
	if !r.Apply(&controllerv1.Delta{Epoch: "other", Full: true, Revision: 1}) {
		t.Error("the new epoch was not noticed")
	}
	if _, ok := r.Snapshot(event.Key{Model: agenttest.Model, Unit: "web/0"}); ok {
		t.Error("a unit of the old epoch is still there")
	}
	r.Merge(epoch, "web/0", []*controllerv1.Object{status(at+1, "old life")})
	r.Apply(fullOf(store))
	if s := snapshot(t, r, "web/0"); s.Status != nil {
		t.Errorf("an answer of the old epoch was taken: %v", s.Status)
	}
}

// TestSnapshotsShare: a thousand peers hold one copy of each bag.
func TestSnapshotsShare(t *testing.T) {
	store := agenttest.New()
	r := source.NewReplica(agenttest.Agent, func(event.Key) {})
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 2, Peers: []string{"cluster"}})
	store.WriteBag(1, "web/0", "a", "b")
	pump(store, r)
	a, b := snapshot(t, r, "web/0"), snapshot(t, r, "web/1")
	if a.Relations[0].Bags["web/0"] != b.Relations[0].Bags["web/0"] || a.Application != b.Application {
		t.Error("two units have two copies of one record")
	}
	store.WriteBag(1, "web/0", "a", "c")
	pump(store, r)
	if a.Relations[0].Bags["web/0"].Values["a"] != "b" {
		t.Error("a snapshot changed after it was given")
	}
	if now := snapshot(t, r, "web/1"); now.Relations[0].Bags["web/0"].Values["a"] != "c" {
		t.Error("a later snapshot does not show the write")
	}
}

// TestAnswersWakeOthers: what a unit committed concerns its peers on the same agent; the stream's echo is no news.
func TestAnswersWakeOthers(t *testing.T) {
	w, store := &woken{}, agenttest.New()
	r := source.NewReplica(agenttest.Agent, w.wake)
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 2, Peers: []string{"cluster"}})
	pump(store, r)
	epoch, at := r.Position()
	w.take()
	scope := &controllerv1.Object{Model: agenttest.Model, Key: key.ScopeOf(1, "web/1").String(), ModRevision: at + 1,
		Value: &controllerv1.Object_Scope{Scope: &controllerv1.Scope{}}}
	r.Merge(epoch, "web/1", []*controllerv1.Object{scope})
	if got := w.take(); !slices.Equal(got, []string{"web/0"}) {
		t.Errorf("the answer woke %v, want web/0", got)
	}
	r.Apply(&controllerv1.Delta{Epoch: epoch, Revision: at + 1, Objects: []*controllerv1.Object{scope}})
	if got := w.take(); len(got) != 0 {
		t.Errorf("the echo woke %v", got)
	}
}

func taskAt(revision int64, kind, status string) *controllerv1.Object {
	return &controllerv1.Object{Model: agenttest.Model, Key: "task/7", ModRevision: revision,
		Value: &controllerv1.Object_Task{Task: &controllerv1.Task{Id: "7", Unit: "web/0", Kind: kind, Status: status}}}
}

// TestFinishedTasksAreDropped: the agent holds no more after tasks have come and gone than before, whether their end came as the
// answer to a commit or from the stream; it wakes the unit once, and what came before it is not believed after it.
func TestFinishedTasksAreDropped(t *testing.T) {
	for _, c := range []struct {
		kind, status string
		stays        bool
	}{
		{"action", "completed", false}, {"action", "failed", false}, {"exec", "aborted", false}, {"action", "cancelled", false},
		{"exec", "cancelled", true}, // somebody inside the unit may wait for it
		{"action", "running", true}, {"action", "aborting", true},
	} {
		t.Run(c.kind+" "+c.status, func(t *testing.T) {
			w, store := &woken{}, agenttest.New()
			r := source.NewReplica(agenttest.Agent, w.wake)
			store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 1})
			pump(store, r)
			before := r.Held()
			epoch, at := r.Position()
			delta := func(objects ...*controllerv1.Object) {
				at += 10
				r.Apply(&controllerv1.Delta{Epoch: epoch, Revision: at, Objects: objects})
			}
			delta(taskAt(at+10, c.kind, "pending"))
			if tasks := snapshot(t, r, "web/0").Tasks; len(tasks) != 1 {
				t.Fatalf("tasks: %v", tasks)
			}
			w.take()
			end := taskAt(at+5, c.kind, c.status)
			r.Merge(epoch, "web/1", []*controllerv1.Object{end})
			delta(end)
			if got := w.keys; !slices.Equal(got, []string{"web/0"}) {
				t.Errorf("it woke %v, want web/0 once", got)
			}
			r.Merge(epoch, "web/1", []*controllerv1.Object{taskAt(end.ModRevision-1, c.kind, "pending")})
			if !c.stays {
				delta() // the stream is past it
			}
			tasks, now := snapshot(t, r, "web/0").Tasks, r.Held()
			if c.stays && (len(tasks) != 1 || tasks[0].Status != c.status) || !c.stays && (len(tasks) > 0 || now != before) {
				t.Errorf("tasks %v, %d records, %d before", tasks, now, before)
			}
		})
	}
}

// TestAListingBringsNoFinishedTasks back.
func TestAListingBringsNoFinishedTasks(t *testing.T) {
	store := agenttest.New()
	r := source.NewReplica(agenttest.Agent, func(event.Key) {})
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 1})
	r.Apply(fullOf(store))
	before := r.Held()
	full := fullOf(store)
	full.Objects = append(full.Objects, taskAt(full.Revision, "action", "completed"))
	r.Apply(full)
	if now := r.Held(); now != before || len(snapshot(t, r, "web/0").Tasks) > 0 {
		t.Errorf("%d records after the listing, %d before", now, before)
	}
}

// TestLateAnswersBringNobodyBack: the answer to a unit's last commit may come when the stream has already told that the unit
// is gone.
func TestLateAnswersBringNobodyBack(t *testing.T) {
	store := agenttest.New()
	r := source.NewReplica(agenttest.Agent, func(event.Key) {})
	store.Deploy(agenttest.App{Name: "web", Digest: "d", Units: 2})
	pump(store, r)
	unit := snapshot(t, r, "web/1").Unit
	epoch, revision := r.Position()
	answer := &controllerv1.Object{Model: agenttest.Model, Key: key.OfUnit(key.Unit, "web/1").String(), ModRevision: revision, Value: &controllerv1.Object_Unit{Unit: unit}}
	store.Txn(func() { store.Delete(key.OfUnit(key.Unit, "web/1")) })
	pump(store, r)
	r.Merge(epoch, "web/1", []*controllerv1.Object{answer})
	if got := r.Units(); len(got) != 1 || got[0].Unit != "web/0" {
		t.Errorf("units %v, want web/0 alone", got)
	}
}
