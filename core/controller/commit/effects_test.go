package commit_test

import (
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// relationEvent makes the request one of relation 2.
func relationEvent(r *controllerv1.CommitRequest, relation int32) *controllerv1.CommitRequest {
	r.Event.RelationId, r.Event.Endpoint = relation, "db"
	return r
}

func TestRelationCreatedAndBroken(t *testing.T) {
	w := newWorld(t)
	w.commit(relationEvent(w.request("web/0", "relation-created", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 2, Set: map[string]string{"private-address": "me", "k": "v"}}}}), 2))
	bag := get[*controllerv1.Bag](w, key.UnitBag(2, "web/0"))
	want := map[string]string{"ingress-address": "10.0.0.1", "private-address": "me", "egress-subnets": "10.0.0.1/32", "k": "v"}
	for k, v := range want {
		if bag.GetValues()[k] != v {
			t.Errorf("bag[%s] = %q, want %q", k, bag.GetValues()[k], v)
		}
	}
	if !w.has(key.ScopeOf(2, "web/0")) {
		t.Error("no scope")
	}
	w.commit(relationEvent(w.request("db/0", "relation-created", nil), 2))
	if !w.has(key.UnitBag(2, "db/0")) {
		t.Error("a unit without addresses has no bag")
	}
	r := get[*controllerv1.Relation](w, key.OfRelation(2))
	r.Life = controllerv1.Life_LIFE_DYING
	w.put(key.OfRelation(2), r)
	for i, unit := range []string{"web/0", "db/0"} {
		if err := w.c.Sweep(t.Context()); err != nil || !w.has(key.OfRelation(2)) {
			t.Fatalf("swept with %d units in it: %v", 2-i, err)
		}
		w.commit(relationEvent(w.request(unit, "relation-broken", nil), 2))
		if w.has(key.ScopeOf(2, unit)) {
			t.Errorf("%s is still in the relation", unit)
		}
	}
	if err := w.c.Sweep(t.Context()); err != nil || w.has(key.OfRelation(2)) || w.has(key.UnitBag(2, "web/0")) {
		t.Fatalf("the relation stayed: %v", err)
	}
	if !w.has(key.OfRelation(1)) {
		t.Error("another relation went too")
	}
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 2, Set: map[string]string{"late": "1"}}}}))
	if w.has(key.UnitBag(2, "web/0")) {
		t.Error("a write to a relation that is gone made a bag")
	}
}

// A unit that enters again (the relation was suspended), or whose name was another's before, begins with an empty bag.
func TestBagBeginsAnewWithTheScope(t *testing.T) {
	w := newWorld(t)
	enter := func(set map[string]string) *controllerv1.Bag {
		w.commit(relationEvent(w.request("web/0", "relation-created", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 2, Set: set}}}), 2))
		return get[*controllerv1.Bag](w, key.UnitBag(2, "web/0"))
	}
	first := enter(map[string]string{"old": "1", "private-address": "me"})
	w.commit(relationEvent(w.request("web/0", "relation-broken", nil), 2))
	again := enter(map[string]string{"new": "1"})
	if again.Values["old"] != "" || again.Values["new"] != "1" || again.Values["private-address"] != "10.0.0.1" || again.Version <= first.Version {
		t.Errorf("the bag is %v at version %d, after version %d", again.Values, again.Version, first.Version)
	}
}

func TestSweepSeesWhatTheMirrorDoesNot(t *testing.T) {
	w := newWorld(t)
	r := get[*controllerv1.Relation](w, key.OfRelation(2))
	r.Life = controllerv1.Life_LIFE_DYING
	w.put(key.OfRelation(2), r)
	w.freeze()
	w.put(key.ScopeOf(2, "db/0"), &controllerv1.Scope{})
	if err := w.c.Sweep(t.Context()); err != nil || !w.has(key.OfRelation(2)) {
		t.Fatalf("removed under a unit that had come in: %v", err)
	}
}

func TestRemoveAndPurge(t *testing.T) {
	w := newWorld(t)
	w.commit(relationEvent(w.request("web/0", "relation-created", nil), 1))
	w.put(key.Named(key.Storage, "data/0"), &controllerv1.StorageInstance{Id: "data/0", Owner: "web/0"})
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); !errs.Is(err, errs.Conflict) {
		t.Fatalf("purging a living unit: %v", err)
	}
	w.commit(w.request("web/0", "remove", nil))
	if u := get[*controllerv1.Unit](w, key.OfUnit(key.Unit, "web/0")); u.Life != controllerv1.Life_LIFE_DEAD || u.Agent != agent {
		t.Errorf("unit %v", u)
	}
	for _, k := range []key.Key{key.OfUnit(key.Incarnation, "web/0"), key.ScopeOf(1, "web/0"), key.OfApp(key.Lead, "web")} {
		if w.has(k) {
			t.Errorf("%s outlives the unit", k)
		}
	}
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.load().Model(w.uuid).OfUnit("web/0") {
		t.Errorf("%s was not purged", e.Name)
	}
	if !w.has(key.UnitBag(1, "web/0")) {
		t.Error("members cannot read the bag of who left")
	}
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil {
		t.Errorf("purging twice: %v", err)
	}
}

func TestPurgedSubordinateLeavesItsPrincipal(t *testing.T) {
	w := newWorld(t)
	principal := get[*controllerv1.Unit](w, key.OfUnit(key.Unit, "web/0"))
	principal.Subordinates = []string{"log/3", "ntp/0"}
	w.put(key.OfUnit(key.Unit, "web/0"), principal)
	for _, sub := range []string{"ntp/0", "log/3"} {
		w.put(key.OfUnit(key.Unit, sub), &controllerv1.Unit{Name: sub, Agent: agent, Life: controllerv1.Life_LIFE_DEAD, Principal: "web/0"})
	}
	for done, sub := range []string{"ntp/0", "log/3"} {
		if err := w.c.PurgeUnit(t.Context(), w.uuid, sub); err != nil || w.has(key.OfUnit(key.Unit, sub)) {
			t.Fatalf("%s: %v", sub, err)
		}
		if got := get[*controllerv1.Unit](w, key.OfUnit(key.Unit, "web/0")); len(got.Subordinates) != 1-done || got.Life != controllerv1.Life_LIFE_ALIVE {
			t.Errorf("after %s the principal is %v", sub, got)
		}
	}
	w.put(key.OfUnit(key.Unit, "ntp/9"), &controllerv1.Unit{Name: "ntp/9", Agent: agent, Life: controllerv1.Life_LIFE_DEAD, Principal: "web/77"})
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "ntp/9"); err != nil {
		t.Errorf("whose principal is gone already: %v", err)
	}
}

// A forced unit's agent may live on with a promise, so its leadership runs out by itself; a dead one's goes along.
func TestLeadershipOfAPurgedUnit(t *testing.T) {
	for life, stays := range map[controllerv1.Life]bool{controllerv1.Life_LIFE_DYING: true, controllerv1.Life_LIFE_DEAD: false} {
		w := newWorld(t)
		w.put(key.OfUnit(key.Unit, "web/0"), &controllerv1.Unit{Name: "web/0", Agent: agent, Forced: true, Life: life})
		if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil || w.has(key.OfUnit(key.Unit, "web/0")) || w.has(key.OfApp(key.Lead, "web")) != stays {
			t.Errorf("%s: %v, leader %v, want %v", life, err, w.has(key.OfApp(key.Lead, "web")), stays)
		}
	}
}

// What was asked of a unit that is gone has an end: whoever waits for it is told.
func TestSweepTasksOfUnitsThatAreGone(t *testing.T) {
	w := newWorld(t)
	want := map[string]string{"1": "cancelled", "2": "failed", "3": "aborted", "4": "completed"}
	for id, status := range map[string]string{"1": "pending", "2": "running", "3": "aborting", "4": "completed"} {
		w.put(key.Named(key.Task, id), &controllerv1.Task{Id: id, Unit: "web/0", Status: status})
	}
	w.put(key.Named(key.Task, "5"), &controllerv1.Task{Id: "5", Unit: "web/1", Status: "pending"})
	sweep := func() {
		t.Helper()
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	status := func(id string) string { return get[*controllerv1.Task](w, key.Named(key.Task, id)).GetStatus() }
	sweep()
	if got := status("1"); got != "pending" {
		t.Fatalf("the task of a unit that is there is %s", got)
	}
	w.commit(w.request("web/0", "remove", nil))
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil {
		t.Fatal(err)
	}
	sweep()
	for id, end := range want {
		task := get[*controllerv1.Task](w, key.Named(key.Task, id))
		if task.GetStatus() != end || id != "4" && (task.GetCompleted() == "" || !strings.Contains(task.GetMessage(), "removed")) {
			t.Errorf("task %s is %v, want %s", id, task, end)
		}
	}
	if got := status("5"); got != "pending" {
		t.Errorf("the task of another unit is %s", got)
	}
	before := w.txns.Load()
	sweep()
	if n := w.txns.Load() - before; n != 0 {
		t.Errorf("%d more transactions", n)
	}
}

func TestSweepApplication(t *testing.T) {
	w := newWorld(t)
	w.put(key.OfApp(key.App, "web"), &controllerv1.Application{Name: "web", Life: controllerv1.Life_LIFE_DYING})
	w.put(key.AppBag(1, "web"), &controllerv1.Bag{})
	for _, unit := range []string{"web/0", "web/1", "web/2"} {
		if err := w.c.Sweep(t.Context()); err != nil || !w.has(key.OfApp(key.App, "web")) {
			t.Fatalf("swept with units: %v", err)
		}
		w.commit(w.request(unit, "remove", nil))
		if err := w.c.PurgeUnit(t.Context(), w.uuid, unit); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.c.Sweep(t.Context()); err != nil || !w.has(key.OfApp(key.App, "web")) {
		t.Fatalf("swept while it is related: %v", err)
	}
	r := get[*controllerv1.Relation](w, key.OfRelation(2))
	r.Life = controllerv1.Life_LIFE_DYING
	w.put(key.OfRelation(2), r)
	for range 2 { // the relation, then the application
		if err := w.c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []key.Key{key.OfApp(key.App, "web"), key.OfRelation(1), key.AppBag(1, "web")} {
		if w.has(k) {
			t.Errorf("%s stayed", k)
		}
	}
	if !w.has(key.OfApp(key.App, "db")) {
		t.Error("another application went too")
	}
}

// begin sends a Begin for the unit's next event.
func (w *world) begin(unit, task string) (*controllerv1.CommitResponse, error) {
	r := w.request(unit, "action", nil)
	r.Cursor.Sequence--
	r.Event.TaskId = task
	r.Cursor.Pending = &controllerv1.Pending{Event: r.Event, Step: "begun"}
	return w.c.Begin(w.t.Context(), agent, &controllerv1.BeginRequest{Guard: r.Guard, CommitId: r.CommitId, Cursor: r.Cursor, Task: task})
}

func TestActionRunsAtMostOnce(t *testing.T) {
	w := newWorld(t)
	k := key.Named(key.Task, "1")
	w.put(k, &controllerv1.Task{Id: "1", Unit: "web/0", Status: "pending"})
	if resp, err := w.begin("web/1", "1"); err != nil || resp.GetRefusal().GetKind() != commit.Denied {
		t.Fatalf("another unit's task: %v %v", resp, err)
	}
	if resp, err := w.begin("web/0", "1"); err != nil || resp.Refusal != nil {
		t.Fatalf("Begin: %v %v", resp.GetRefusal(), err)
	}
	if task := get[*controllerv1.Task](w, k); task.Status != "running" || task.Started == "" {
		t.Fatalf("task %v", task)
	}
	if resp, err := w.begin("web/0", "1"); err != nil || resp.GetRefusal().GetKind() != commit.Conflict {
		t.Fatalf("a running task begun again: %v %v", resp, err)
	}
	r := w.request("web/0", "action", &hookv1.Changeset{Action: &hookv1.ActionResult{Results: map[string]string{"a.b": "1"}}})
	r.Event.TaskId = "1"
	r.GetDone().ExitCode, r.GetDone().Stdout = 0, "out"
	w.before = func() { // somebody logs meanwhile
		task := get[*controllerv1.Task](w, k)
		task.Log = append(task.Log, &controllerv1.TaskLog{Message: "line"})
		w.put(k, task)
	}
	w.commit(r)
	if task := get[*controllerv1.Task](w, k); task.Status != "completed" || task.Results["a.b"] != "1" || task.Stdout != "out" || len(task.Log) != 1 || task.Completed == "" {
		t.Fatalf("task %v", task)
	}
}

// TestStateNamesTheLastEvent that was committed, whatever came of it; what was only begun is not it.
func TestStateNamesTheLastEvent(t *testing.T) {
	w := newWorld(t)
	last := func() *controllerv1.Ended {
		return get[*controllerv1.UnitState](w, key.OfUnit(key.State, "web/0")).GetLast()
	}
	r := w.request("web/0", "start", nil)
	r.Event.Attempt = 2
	w.commit(r)
	if l := last(); l.GetEventId() != "1-start" || l.GetAttempt() != 2 || l.GetAtUnixNano() != now.UnixNano() {
		t.Errorf("after a hook: %v", l)
	}
	w.put(key.Named(key.Task, "1"), &controllerv1.Task{Id: "1", Unit: "web/0", Status: "pending"})
	if resp, err := w.begin("web/0", "1"); err != nil || resp.Refusal != nil || last().GetEventId() != "1-start" {
		t.Errorf("after a Begin: %v, %v, %v", last(), resp, err)
	}
	r = w.request("web/0", "action", nil)
	r.Event.TaskId = "1"
	r.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Message: "interrupted"}}
	w.commit(r)
	if l := last(); l.GetEventId() != "2-action" || l.GetAttempt() != 0 {
		t.Errorf("after a failed action: %v", l)
	}
}

func TestTaskEnds(t *testing.T) {
	for _, c := range []struct {
		status string
		failed bool
		action *hookv1.ActionResult
		want   string
	}{
		{"running", true, nil, "failed"}, {"running", false, &hookv1.ActionResult{Failed: true, Message: "no"}, "failed"},
		{"aborting", false, nil, "completed"}, {"running", false, nil, "completed"},
		{"aborting", true, nil, "aborted"}, {"aborting", false, &hookv1.ActionResult{Failed: true, Message: "no"}, "aborted"},
	} {
		w := newWorld(t)
		w.put(key.Named(key.Task, "1"), &controllerv1.Task{Id: "1", Unit: "web/0", Status: c.status})
		r := w.request("web/0", "action", &hookv1.Changeset{Action: c.action})
		r.Event.TaskId = "1"
		if c.failed {
			r.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Message: "interrupted", ExitCode: 1, Stdout: "out", Stderr: "err", Results: map[string]string{"a": "b"}}}
		}
		w.commit(r)
		if task := get[*controllerv1.Task](w, key.Named(key.Task, "1")); task.Status != c.want {
			t.Errorf("%+v ends %s, want %s", c, task.Status, c.want)
		} else if c.failed && (task.Stdout != "out" || task.Stderr != "err" || task.Results["a"] != "b") {
			t.Errorf("%+v has not what it said: %v", c, task)
		}
		if w.has(key.OfUnit(key.Status, "web/0")) {
			t.Error("a task's end is in the unit's status")
		}
	}
}

func TestFailureAndResolved(t *testing.T) {
	w := newWorld(t)
	w.put(key.OfUnit(key.Status, "web/0"), &controllerv1.UnitStatus{Workload: active("was")})
	r := w.request("web/0", "install", nil)
	r.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Attempt: 1, ExitCode: 3, Message: "exit status 3"}}
	r.Cursor.Sequence--
	r.Cursor.Pending = &controllerv1.Pending{Event: r.Event, Step: "failed", Attempt: 1}
	w.commit(r)
	if len(w.then) != 2 {
		t.Errorf("a failure writes %d records, want state and status", len(w.then))
	}
	st := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0"))
	if st.Error.GetMessage() != `hook failed: "install"` || st.Error.Data["reason"] != "exit status 3" || st.Workload.Message != "was" {
		t.Errorf("status %v", st)
	}
	if p := get[*controllerv1.UnitState](w, key.OfUnit(key.State, "web/0")).Cursor.Pending; p.GetStep() != "failed" {
		t.Errorf("pending %v", p)
	}
	w.put(key.OfUnit(key.Resolved, "web/0"), &controllerv1.Resolved{EventId: r.Event.Id, Attempt: 1})
	r = w.request("web/0", "install", nil)
	r.ResolvedUsed = true
	w.commit(r)
	if st := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0")); st.Error != nil || w.has(key.OfUnit(key.Resolved, "web/0")) {
		t.Errorf("after resolved: %v", st)
	}
}

func TestImmediate(t *testing.T) {
	w := newWorld(t)
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{UnitStatus: active("committed")}))
	_, term := w.load().Model(w.uuid).Leader("web")
	send := func(event string, n uint64, change func(*controllerv1.ImmediateRequest)) error {
		r := &controllerv1.ImmediateRequest{Model: w.uuid, Unit: "web/0", EventId: event, N: n, Status: active(event)}
		if change != nil {
			change(r)
		}
		return w.c.Immediate(t.Context(), agent, r)
	}
	app := func(term int64) func(*controllerv1.ImmediateRequest) {
		return func(r *controllerv1.ImmediateRequest) { r.Application, r.LeaderTerm = true, term }
	}
	for _, c := range []struct {
		event  string
		n      uint64
		change func(*controllerv1.ImmediateRequest)
		class  errs.Kind
		want   string // the unit's status afterwards
	}{
		{"1-config-changed", 9, nil, "", "committed"}, {"2-start", 2, nil, "", "2-start"}, {"2-start", 1, nil, "", "2-start"},
		{"3-later", 1, nil, "", "3-later"}, {"2-start", 7, nil, "", "3-later"},
		{"3-later", 2, app(term), "", "3-later"}, {"3-later", 3, app(0), errs.Denied, "3-later"}, {"3-later", 3, app(term - 1), errs.Denied, "3-later"},
		{"4-x", 1, func(r *controllerv1.ImmediateRequest) { r.Status = &hookv1.Status{Current: "odd"} }, errs.Invalid, "3-later"},
		{"4-x", 1, func(r *controllerv1.ImmediateRequest) { r.Unit = "none/1" }, errs.Denied, "3-later"},
	} {
		if err := send(c.event, c.n, c.change); errs.Class(err) != c.class {
			t.Errorf("%s/%d: %v, want class %q", c.event, c.n, err, c.class)
		}
		if got := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0")).Workload.Message; got != c.want {
			t.Errorf("after %s/%d the status is %q, want %q", c.event, c.n, got, c.want)
		}
	}
	if got := get[*controllerv1.ApplicationStatus](w, key.OfApp(key.AppStatus, "web")); got.Status.GetMessage() != "3-later" || got.Term != term {
		t.Errorf("application status %v", got)
	}
	if got := get[*controllerv1.UnitState](w, key.OfUnit(key.State, "web/0")).Cursor.Sequence; got != 1 {
		t.Errorf("the cursor moved to %d", got)
	}
}

// TestImmediateLosesAgainstTheCommit lets the commit land between the look and the write.
func TestImmediateLosesAgainstTheCommit(t *testing.T) {
	w := newWorld(t)
	r := w.request("web/0", "start", &hookv1.Changeset{UnitStatus: active("end")})
	w.freeze()
	w.before = func() { w.commit(r) }
	if err := w.c.Immediate(t.Context(), agent, &controllerv1.ImmediateRequest{Model: w.uuid, Unit: "web/0", EventId: r.Event.Id, N: 1, Status: active("early")}); err != nil {
		t.Fatal(err)
	}
	if got := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0")).Workload.Message; got != "end" {
		t.Fatalf("status %q, want the committed end", got)
	}
}

// TestImmediateOfARetriedHook: while a hook was in error an action with a higher number ran and set a status; what the
// retried hook says shows all the same, and after its commit no more.
func TestImmediateOfARetriedHook(t *testing.T) {
	w := newWorld(t)
	failed := w.request("web/0", "install", nil)
	failed.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Attempt: 1, ExitCode: 1, Message: "exit status 1"}}
	failed.Cursor.Pending = &controllerv1.Pending{Event: failed.Event, Step: "failed", Attempt: 1}
	w.commit(failed)
	action := w.request("web/0", "action", &hookv1.Changeset{UnitStatus: active("of the action")})
	action.Cursor.Pending = failed.Cursor.Pending
	action.Event.TaskId = "1"
	w.put(key.Named(key.Task, "1"), &controllerv1.Task{Id: "1", Unit: "web/0", Status: "running"})
	w.commit(action)
	say := func(n uint64, text, want string) {
		t.Helper()
		if err := w.c.Immediate(t.Context(), agent, &controllerv1.ImmediateRequest{Model: w.uuid, Unit: "web/0", EventId: failed.Event.Id, N: n, Status: active(text)}); err != nil {
			t.Fatal(err)
		}
		if got := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0")).Workload.Message; got != want {
			t.Errorf("after %q the status is %q, want %q", text, got, want)
		}
	}
	say(7, "again", "again")
	say(6, "before that", "again")
	again := w.request("web/0", "install", &hookv1.Changeset{UnitStatus: active("installed")})
	again.Event.Id = failed.Event.Id
	again.GetDone().Changeset.EventId = failed.Event.Id
	w.commit(again)
	say(8, "late", "installed")
}

func TestTaskLog(t *testing.T) {
	w := newWorld(t)
	w.put(key.Named(key.Task, "1"), &controllerv1.Task{Id: "1", Unit: "web/0", Status: "running"})
	send := func(unit string) error {
		return w.c.Immediate(t.Context(), agent, &controllerv1.ImmediateRequest{Model: w.uuid, Unit: unit, EventId: "1-backup", N: 1, Task: "1", TaskLog: &controllerv1.TaskLog{Message: "half"}})
	}
	if err := send("web/1"); !errs.Is(err, errs.Denied) {
		t.Errorf("another unit's task: %v", err)
	}
	if err := send("web/0"); err != nil || len(get[*controllerv1.Task](w, key.Named(key.Task, "1")).Log) != 1 {
		t.Errorf("log: %v", err)
	}
}

func TestSetAddresses(t *testing.T) {
	w := newWorld(t)
	w.commit(relationEvent(w.request("web/0", "relation-created", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 2, Set: map[string]string{"ingress-address": "vip"}}}}), 2))
	set := func(inc string, addresses ...string) error {
		return w.c.SetAddresses(t.Context(), agent, &controllerv1.SetAddressesRequest{Model: w.uuid, Unit: "web/0", Incarnation: inc, Addresses: addresses})
	}
	if err := set("other", "1.1.1.1"); !errs.Is(err, errs.Conflict) {
		t.Errorf("another incarnation: %v", err)
	}
	if err := set(incarnation, "10.0.0.9"); err != nil {
		t.Fatal(err)
	}
	bag := get[*controllerv1.Bag](w, key.UnitBag(2, "web/0"))
	if bag.Values["ingress-address"] != "vip" || bag.Values["private-address"] != "10.0.0.9" || bag.Values["egress-subnets"] != "10.0.0.9/32" {
		t.Errorf("bag %v", bag.Values)
	}
	if w.has(key.UnitBag(1, "web/0")) {
		t.Error("a relation that the unit is not in got a bag")
	}
	before := w.txns.Load()
	if err := set(incarnation, "10.0.0.9"); err != nil || w.txns.Load() != before {
		t.Errorf("the same addresses again: %v, %d transactions", err, w.txns.Load()-before)
	}
	if hash := get[*controllerv1.Addresses](w, key.OfUnit(key.Addresses, "web/0")).Hash; len(hash) != 16 || strings.Trim(hash, "0123456789abcdef") != "" {
		t.Errorf("hash %q", hash)
	}
}
