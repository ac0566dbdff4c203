package commit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func active(message string) *hookv1.Status {
	return &hookv1.Status{Current: "active", Message: message}
}

func TestConfigChangedIsOneTransaction(t *testing.T) {
	w := newWorld(t)
	resp := w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{UnitStatus: active("up")}))
	if n := w.txns.Load(); n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	if len(w.then) != 2 {
		t.Errorf("%d writes, want state and status", len(w.then))
	}
	st := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0"))
	if st.GetWorkload().GetMessage() != "up" || st.Workload.Since != "2026-11-20T12:00:00Z" {
		t.Errorf("status %v", st)
	}
	var keys []string
	for _, o := range resp.Objects {
		keys = append(keys, o.Key)
		if o.ModRevision != resp.Revision || o.CreateRevision != resp.Revision {
			t.Errorf("%s at %d/%d, want %d", o.Key, o.CreateRevision, o.ModRevision, resp.Revision)
		}
	}
	if slices.Sort(keys); !slices.Equal(keys, []string{"ustat/web/0", "ustate/web/0"}) {
		t.Errorf("the answer holds %v", keys)
	}
}

func TestWhatChangesNothingIsNotWritten(t *testing.T) {
	w := newWorld(t)
	cs := &hookv1.Changeset{UnitStatus: active("up"), AppStatus: active("all"), StateSet: map[string]string{"a": "1"},
		OpenPorts: []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}}, LeaderSettings: map[string]string{"l": "1"},
		Bags: []*hookv1.BagWrite{{RelationId: 1, Set: map[string]string{"k": "v"}}, {RelationId: 2, App: true, Set: map[string]string{"k": "v"}}}}
	w.commit(w.request("web/0", "config-changed", cs))
	if len(w.then) != 8 {
		t.Fatalf("%d writes at first, want 8", len(w.then))
	}
	w.commit(w.request("web/0", "config-changed", proto.CloneOf(cs)))
	if len(w.then) != 1 || !strings.Contains(w.then[0].Key(), "/ustate/") {
		t.Fatalf("the same again writes %d keys, want the state alone", len(w.then))
	}
	if bag := get[*controllerv1.Bag](w, key.AppBag(2, "web")); bag.Version != 1 {
		t.Errorf("bag at version %d, want 1", bag.Version)
	}
}

func TestGuards(t *testing.T) {
	leader := func() *hookv1.Changeset { return &hookv1.Changeset{AppStatus: active("x")} }
	for _, c := range []struct {
		name string
		cs   *hookv1.Changeset
		unit string
		make func(w *world, r *controllerv1.CommitRequest)
		want string // "" = written
	}{
		{"as it should be", nil, "web/0", func(*world, *controllerv1.CommitRequest) {}, ""},
		{"a dying unit commits", nil, "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.put(key.OfUnit(key.Unit, "web/0"), &controllerv1.Unit{Name: "web/0", Agent: agent, Life: controllerv1.Life_LIFE_DYING})
		}, ""},
		{"old cursor", nil, "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.put(key.OfUnit(key.State, "web/0"), &controllerv1.UnitState{CommitId: "other"})
		}, commit.Conflict},
		{"cursor that is not there", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Guard.StateRevision = 3 }, commit.Conflict},
		{"another incarnation", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Guard.Incarnation = "other" }, commit.Conflict},
		{"taken over", nil, "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.put(key.OfUnit(key.Incarnation, "web/0"), &controllerv1.Incarnation{Id: "next", Agent: agent})
		}, commit.Conflict},
		{"taken over by a record of the same id", nil, "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.freeze()
			w.put(key.OfUnit(key.Incarnation, "web/0"), &controllerv1.Incarnation{Id: "next", Agent: agent})
		}, commit.Conflict},
		{"another epoch", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Guard.Epoch = "e" }, commit.Epoch},
		{"leader", leader(), "web/0", func(*world, *controllerv1.CommitRequest) {}, ""},
		{"not the leader", leader(), "web/1", func(*world, *controllerv1.CommitRequest) {}, commit.Denied},
		{"pod spec of a follower", &hookv1.Changeset{PodSpec: new(`{"spec":{}}`)}, "web/1", func(*world, *controllerv1.CommitRequest) {}, commit.Denied},
		{"pod spec of an old term", &hookv1.Changeset{PodSpec: new(`{"spec":{}}`)}, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Guard.LeaderTerm-- }, commit.Denied},
		{"leader settings of an old term", &hookv1.Changeset{LeaderSettings: map[string]string{"k": "v"}}, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Guard.LeaderTerm-- }, commit.Denied},
		{"application bag of an old term", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 2, App: true, Set: map[string]string{"k": "v"}}}}, "web/0",
			func(_ *world, r *controllerv1.CommitRequest) { r.Guard.LeaderTerm-- }, commit.Denied},
		{"old term", leader(), "web/0", func(w *world, r *controllerv1.CommitRequest) { r.Guard.LeaderTerm-- }, commit.Denied},
		{"leader lost while in flight", leader(), "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.before = func() { w.put(key.OfApp(key.Lead, "web"), &controllerv1.Lead{Unit: "web/1"}) }
		}, commit.Denied},
		{"lost leadership does not matter to others' writes", nil, "web/0", func(w *world, _ *controllerv1.CommitRequest) {
			w.put(key.OfApp(key.Lead, "web"), &controllerv1.Lead{Unit: "web/1"})
		}, ""},
		{"foreign relation", &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: 1, Set: map[string]string{"k": "v"}}}}, "db/0",
			func(*world, *controllerv1.CommitRequest) {}, commit.Denied},
		{"bad status", &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "fine"}}, "web/0", func(*world, *controllerv1.CommitRequest) {}, commit.Invalid},
		{"no cursor", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Cursor = nil }, commit.Invalid},
		{"no outcome", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) { r.Outcome = nil }, commit.Invalid},
		{"member in a wrong block", nil, "web/0", func(_ *world, r *controllerv1.CommitRequest) {
			r.Members = []*controllerv1.MemberBlock{{RelationId: 1, Block: 0, Members: map[string]uint64{"web/64": 1}}}
		}, commit.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.request(c.unit, "config-changed", c.cs)
			c.make(w, r)
			before := w.load().Model(w.uuid)
			if c.want == "" {
				w.commit(r)
				return
			}
			w.refused(r, c.want)
			if after := w.load().Model(w.uuid); after.Len() != before.Len() || get[*controllerv1.UnitState](w, key.OfUnit(key.State, c.unit)).GetCommitId() == r.CommitId {
				t.Error("a refused commit wrote")
			}
		})
	}
}

func TestForeignAgent(t *testing.T) {
	w := newWorld(t)
	r := w.request("web/0", "config-changed", nil)
	if _, err := w.c.Commit(t.Context(), "agent-1", r); !errs.Is(err, errs.Denied) {
		t.Fatalf("another agent's commit: %v, want class Denied", err)
	}
	r.Guard.Unit = "none/0"
	if _, err := w.c.Commit(t.Context(), agent, r); !errs.Is(err, errs.Denied) {
		t.Fatalf("a unit that is not there: %v, want class Denied", err)
	}
	r.CommitId = "x"
	if _, err := w.c.Commit(t.Context(), agent, r); !errs.Is(err, errs.Invalid) {
		t.Fatalf("a short commit id: %v, want class Invalid", err)
	}
}

func TestLostAnswerIsGivenAgain(t *testing.T) {
	w := newWorld(t)
	r := w.request("web/0", "config-changed", &hookv1.Changeset{AppStatus: active("x"), Bags: []*hookv1.BagWrite{{RelationId: 1, Set: map[string]string{"n": "1"}}}})
	w.after = func(*store.TxnResult) bool { return true }
	if _, err := w.c.Commit(t.Context(), agent, r); err == nil {
		t.Fatal("the answer was not lost")
	}
	w.put(key.OfApp(key.Lead, "web"), &controllerv1.Lead{Unit: "web/1"}) // and meanwhile it lost the leadership
	resp := w.commit(r)
	state, mod := model.Get[*controllerv1.UnitState](w.load().Model(w.uuid), key.OfUnit(key.State, "web/0"))
	if resp.Revision != mod || state.CommitId != r.CommitId || len(resp.Objects) == 0 || !resp.Again {
		t.Fatalf("answered %d with %d objects (again: %v), written at %d", resp.Revision, len(resp.Objects), resp.Again, mod)
	}
	if bag := get[*controllerv1.Bag](w, key.UnitBag(1, "web/0")); bag.Version != 1 {
		t.Fatalf("the bag was written %d times", bag.Version)
	}
}

func TestMergesWhatOthersWrote(t *testing.T) {
	w := newWorld(t)
	w.put(key.AppBag(2, "web"), &controllerv1.Bag{Values: map[string]string{"a": "1", "b": "1"}, Version: 1})
	r := w.request("web/0", "config-changed", &hookv1.Changeset{UnitStatus: active("end"), Bags: []*hookv1.BagWrite{{RelationId: 2, App: true, Set: map[string]string{"b": "2", "a": ""}}}})
	w.before = func() {
		w.freeze() // the mirror does not even know
		w.put(key.AppBag(2, "web"), &controllerv1.Bag{Values: map[string]string{"a": "1", "b": "9", "c": "9"}, Version: 2})
		w.put(key.OfUnit(key.Status, "web/0"), &controllerv1.UnitStatus{Workload: active("before the end"), EventId: r.Event.Id, N: 1, Version: "7"})
	}
	w.commit(r)
	w.frozen = nil
	bag := get[*controllerv1.Bag](w, key.AppBag(2, "web"))
	if len(bag.Values) != 2 || bag.Values["b"] != "2" || bag.Values["c"] != "9" || bag.Version != 3 {
		t.Errorf("merged into %v at version %d", bag.Values, bag.Version)
	}
	if st := get[*controllerv1.UnitStatus](w, key.OfUnit(key.Status, "web/0")); st.Workload.Message != "end" || st.Version != "7" {
		t.Errorf("merged into %v", st)
	}
	if n := w.txns.Load(); n != 2 {
		t.Errorf("%d transactions, want 2", n)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	huge := map[string]string{"big": strings.Repeat("x", 1<<20)}
	cs := &hookv1.Changeset{}
	for id := int32(10); id < 20; id++ {
		w.put(key.OfRelation(id), &controllerv1.Relation{Id: id, Life: controllerv1.Life_LIFE_ALIVE, Endpoints: []*controllerv1.Endpoint{{Application: "web", Name: fmt.Sprint("p", id), Role: "peer"}}})
		cs.Bags = append(cs.Bags, &hookv1.BagWrite{RelationId: id, Set: huge})
	}
	why := w.refused(w.request("web/0", "config-changed", cs), commit.Invalid)
	if why.Message == "" {
		t.Fatal("no reason")
	}
	r := w.request("web/0", "config-changed", nil)
	for i := range uint32(commit.MaxKeys) {
		r.Members = append(r.Members, &controllerv1.MemberBlock{RelationId: 1, Block: i, Members: map[string]uint64{fmt.Sprintf("web/%d", i*64): 1}})
	}
	r.Cursor.Relations[1] = &controllerv1.RelationCursor{}
	if why := w.refused(r, commit.Invalid); !strings.Contains(why.Message, "4001 records") || !strings.Contains(why.Message, "ucur (4000)") {
		t.Fatalf("refused with %q", why.Message)
	}
	r.Members = r.Members[:3999]
	w.commit(r)
}

func TestCursor(t *testing.T) {
	w := newWorld(t)
	r := w.request("web/0", "config-changed", nil)
	members := map[string]uint64{}
	for i := range 130 {
		members[fmt.Sprintf("web/%d", i)] = 1
	}
	r.Cursor.Relations[1] = &controllerv1.RelationCursor{Created: true, Members: members}
	r.Cursor.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 42))
	w.commit(r)
	state := get[*controllerv1.UnitState](w, key.OfUnit(key.State, "web/0"))
	if len(state.Cursor.Relations[1].Members) != 0 || !state.Cursor.Relations[1].Created || len(state.Cursor.ProtoReflect().GetUnknown()) == 0 {
		t.Fatalf("stored cursor %v with unknown %x", state.Cursor, state.Cursor.ProtoReflect().GetUnknown())
	}
	for block, want := range []int{64, 64, 2} {
		if got := get[*controllerv1.MemberBlock](w, key.MembersOf("web/0", 1, uint32(block))); len(got.GetMembers()) != want {
			t.Errorf("block %d holds %d, want %d", block, len(got.GetMembers()), want)
		}
	}
	r = w.request("web/0", "config-changed", nil)
	members = map[string]uint64{"web/1": 2}
	for i := range 64 {
		members[fmt.Sprintf("web/%d", 64+i)] = 1
	}
	r.Cursor.Relations[1] = &controllerv1.RelationCursor{Created: true, Members: members}
	w.commit(r)
	if len(w.then) != 3 {
		t.Errorf("%d writes, want state, one block changed, one gone", len(w.then))
	}
	r = w.request("web/0", "config-changed", nil)
	w.commit(r)
	if w.has(key.MembersOf("web/0", 1, 0)) {
		t.Error("blocks outlive the relation's cursor")
	}
	r = w.request("web/0", "config-changed", nil)
	r.Cursor.MinReader = 0
	w.refused(r, commit.Invalid)
}

func BenchmarkCommit(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		b.StopTimer()
		r := w.request("web/0", "config-changed", &hookv1.Changeset{UnitStatus: active(fmt.Sprint(models.Load()))})
		w.frozen = w.load()
		b.StartTimer()
		w.commit(r)
	}
}

// BenchmarkBareTxn writes as much without a committer.
func BenchmarkBareTxn(b *testing.B) {
	w := newWorld(b)
	value := make([]byte, 60)
	for b.Loop() {
		if _, err := w.store.Txn(context.Background(), []store.Compare{store.ValueIs(store.EpochKey, []byte(shared.Epoch())), store.ModIs(store.In(w.uuid, key.OfRelation(9)), 0)},
			[]store.Op{store.Put(store.Prefix+"bench/a", value), store.Put(store.Prefix+"bench/b", value)}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
