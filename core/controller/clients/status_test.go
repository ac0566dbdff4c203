package clients_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// render is a status in lines that a person can check.
func render(r *clientv1.StatusResponse) string {
	var out strings.Builder
	fmt.Fprintf(&out, "model %s on %s controller %s version %s: %s\n", r.GetModel().GetName(), r.GetCloud(), r.GetController(), r.GetVersion(), r.GetModelStatus().GetCurrent())
	for _, a := range r.GetApplications() {
		fmt.Fprintf(&out, "app %s %s life=%s scale=%d version=%s status=%s %q\n", a.GetName(), a.GetCharm(), a.GetLife(), a.GetScaleWanted(), a.GetWorkloadVersion(), a.GetStatus().GetCurrent(), a.GetStatus().GetMessage())
		for _, u := range a.GetUnits() {
			fmt.Fprintf(&out, "  unit %s leader=%v life=%s workload=%s %q agent=%s %q address=%s ports=%v failed=%s\n", u.GetName(), u.GetLeader(), u.GetLife(),
				u.GetWorkload().GetCurrent(), u.GetWorkload().GetMessage(), u.GetAgent().GetCurrent(), u.GetAgent().GetMessage(), u.GetAddress(), u.GetOpenPorts(), u.GetFailed().GetEvent().GetName())
		}
		for _, rel := range a.GetRelations() {
			fmt.Fprintf(&out, "  relation %s -> %s (%s)\n", rel.GetEndpoint(), rel.GetApplication(), rel.GetInterface())
		}
	}
	for _, rel := range r.GetRelations() {
		fmt.Fprintf(&out, "relation %d %s %s %s %s %s %s\n", rel.GetId(), rel.GetProvider(), rel.GetRequirer(), rel.GetInterface(), rel.GetType(), rel.GetStatus(), rel.GetMessage())
	}
	for _, st := range r.GetStorage() {
		fmt.Fprintf(&out, "storage %s %s %s %s\n", st.GetId(), st.GetUnit(), st.GetKind(), st.GetStatus())
	}
	return out.String()
}

func started(pending *controllerv1.Pending) *controllerv1.UnitState {
	return &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Installed: true, Pending: pending, Storage: map[string]*controllerv1.StorageCursor{"data/0": {Attached: true}}}}
}

func says(current, message string) *hookv1.Status {
	return &hookv1.Status{Current: current, Message: message, Since: "2026-11-21T10:00:00Z"}
}

func TestStatus(t *testing.T) {
	b, _ := small(t)
	const fresh = `model m on local controller test version 3.6.14: available
app pg local:pg-0 life= scale=1 version= status=waiting "installing agent"
  unit pg/0 leader=false life= workload=waiting "installing agent" agent=allocating "" address= ports=[] failed=
  relation data -> web (sql)
app web local:web-0 life= scale=2 version= status=waiting "installing agent"
  unit web/0 leader=false life= workload=waiting "installing agent" agent=allocating "" address= ports=[] failed=
  unit web/1 leader=false life= workload=waiting "installing agent" agent=allocating "" address= ports=[] failed=
  relation cluster -> web (gossip)
  relation db -> pg (sql)
relation 1 web:cluster web:cluster gossip peer joined 
relation 2 pg:data web:db sql regular joined 
storage data/0 web/0 filesystem pending
storage data/1 web/1 filesystem pending
`
	look := func(selectors ...string) string {
		return render(ok(t, b.client.Status, &clientv1.StatusRequest{Model: "m", Selectors: selectors}))
	}
	if got := look(); got != fresh {
		t.Errorf("fresh:\n%s\nwant:\n%s", got, fresh)
	}
	b.put(map[key.Key]proto.Message{
		key.OfUnit(key.State, "web/0"):     started(nil),
		key.OfUnit(key.State, "web/1"):     started(&controllerv1.Pending{Step: "failed", Attempt: 1, Event: &hookv1.Event{Id: "4-start", Name: "start"}}),
		key.OfUnit(key.State, "pg/0"):      started(nil),
		key.OfUnit(key.Status, "web/0"):    &controllerv1.UnitStatus{Workload: says("active", "ready"), Version: "1.2"},
		key.OfUnit(key.Status, "web/1"):    &controllerv1.UnitStatus{Workload: says("maintenance", "starting"), Error: says("error", `hook failed: "start"`), Version: "1.1"},
		key.OfUnit(key.Status, "pg/0"):     &controllerv1.UnitStatus{Workload: says("blocked", "no disk")},
		key.OfApp(key.AppStatus, "pg"):     &controllerv1.ApplicationStatus{Status: says("active", "said by the leader")},
		key.OfApp(key.Lead, "web"):         &controllerv1.Lead{Unit: "web/0"},
		key.OfUnit(key.Addresses, "web/0"): &controllerv1.Addresses{Addresses: []string{"10.0.0.5", "::1"}},
		key.OfUnit(key.Ports, "web/0"):     &controllerv1.Ports{Ranges: []*hookv1.PortRange{{Protocol: "udp", From: 53, To: 53}, {Protocol: "tcp", From: 80, To: 81}}},
		key.ScopeOf(2, "web/0"):            &controllerv1.Scope{},
		key.Named(key.Storage, "data/0"):   &controllerv1.StorageInstance{Id: "data/0", Name: "data", Kind: "filesystem", Owner: "web/0", Status: "attached", Life: controllerv1.Life_LIFE_ALIVE},
	})
	b.mu.Lock()
	b.states["web/0"] = &controllerv1.AgentState{Current: "executing", Message: "config-changed"}
	b.mu.Unlock()
	ok(t, b.client.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"2"}})
	const busy = `model m on local controller test version 3.6.14: available
app pg local:pg-0 life= scale=1 version= status=active "said by the leader"
  unit pg/0 leader=false life= workload=blocked "no disk" agent=idle "" address= ports=[] failed=
  relation data -> web (sql)
app web local:web-0 life= scale=2 version=1.2 status=error "hook failed: \"start\""
  unit web/0 leader=true life= workload=active "ready" agent=executing "config-changed" address=10.0.0.5 ports=[53/udp 80-81/tcp] failed=
  unit web/1 leader=false life= workload=error "hook failed: \"start\"" agent=idle "" address= ports=[] failed=start
  relation cluster -> web (gossip)
  relation db -> pg (sql)
relation 1 web:cluster web:cluster gossip peer joined 
relation 2 pg:data web:db sql regular removing 1 units have not left it yet
storage data/0 web/0 filesystem attached
storage data/1 web/1 filesystem pending
`
	if got := look(); got != busy {
		t.Errorf("busy:\n%s\nwant:\n%s", got, busy)
	}
	for selector, want := range map[string]string{"web/1": "web: web/1;", "pg": "pg: pg/0;", "error": "web: web/1;", "*/0": "pg: pg/0; web: web/0;", "none": ""} {
		got := ""
		for _, a := range ok(t, b.client.Status, &clientv1.StatusRequest{Model: "m", Selectors: []string{selector}}).GetApplications() {
			got += a.GetName() + ":"
			for _, u := range a.GetUnits() {
				got += " " + u.GetName() + ";"
			}
			got += " "
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("selector %s: %q, want %q", selector, got, want)
		}
	}
	b.mu.Lock()
	b.away = true
	b.mu.Unlock()
	if got := look("pg"); !strings.Contains(got, `workload=unknown "agent lost`) || !strings.Contains(got, `agent=lost`) {
		t.Errorf("without the agent:\n%s", got)
	}
}

func TestWatchStatusTellsOfChanges(t *testing.T) {
	b, _ := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := b.client.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: "m"}))
	must(t, err)
	defer stream.Close()
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	first := stream.Msg().GetRevision()
	ok(t, b.client.Expose, &clientv1.ExposeRequest{Model: "m", Application: "web", Exposed: true})
	if !stream.Receive() {
		t.Fatal(stream.Err())
	}
	if m := stream.Msg(); !m.GetApplications()[1].GetExposed() || m.GetRevision() <= first {
		t.Fatalf("%v", m)
	}
	cancel()
	for stream.Receive() {
	}
}

func TestShow(t *testing.T) {
	b, _ := small(t)
	b.put(map[key.Key]proto.Message{
		key.ScopeOf(2, "pg/0"):  &controllerv1.Scope{},
		key.UnitBag(2, "pg/0"):  &controllerv1.Bag{Values: map[string]string{"host": "h"}},
		key.AppBag(2, "pg"):     &controllerv1.Bag{Values: map[string]string{"name": "db"}},
		key.UnitBag(2, "web/0"): &controllerv1.Bag{Values: map[string]string{"own": "1"}},
		key.UnitBag(1, "web/1"): &controllerv1.Bag{Values: map[string]string{"peer": "1"}},
	})
	u := ok(t, b.client.ShowUnit, &clientv1.ShowUnitRequest{Model: "m", Units: []string{"web/0"}}).GetUnits()[0]
	if len(u.GetRelations()) != 2 || u.GetAgent() != "local-0" || u.GetCharm() != "local:web-0" {
		t.Fatalf("%v", u)
	}
	peer, db := u.GetRelations()[0], u.GetRelations()[1]
	if peer.GetRelatedUnits()["web/1"].GetData()["peer"] != "1" || peer.GetRelatedUnits()["web/1"].GetInScope() {
		t.Errorf("peer relation %v", peer)
	}
	if db.GetRelatedUnits()["pg/0"].GetData()["host"] != "h" || !db.GetRelatedUnits()["pg/0"].GetInScope() || db.GetApplicationData()["name"] != "db" || db.GetLocalUnitData()["own"] != "1" {
		t.Errorf("relation %v", db)
	}
	if one := ok(t, b.client.ShowUnit, &clientv1.ShowUnitRequest{Model: "m", Units: []string{"web/0"}, Endpoint: "db", App: true}).GetUnits()[0]; len(one.GetRelations()) != 1 || len(one.GetRelations()[0].GetRelatedUnits()) != 0 {
		t.Errorf("%v", one)
	}
	apps := ok(t, b.client.ShowApplication, &clientv1.ShowApplicationRequest{Model: "m"}).GetApplications()
	if len(apps) != 2 || apps[1].GetBase() != "ubuntu@24.04" || !apps[1].GetPrincipal() {
		t.Errorf("%v", apps)
	}
	uuid := b.reader.Models()[0].GetUuid()
	b.book.Journal(&controllerv1.JournalEntry{Model: uuid, Unit: "web/0", Outcome: "ok"})
	if j := ok(t, b.client.Journal, &clientv1.JournalRequest{Model: "m", Unit: "web/0"}).GetEntries(); len(j) != 1 {
		t.Errorf("%v", j)
	}
	b.book.Log(&controllerv1.LogRecord{Model: uuid, Entity: "unit-web-0", Level: "INFO", Message: "hello"})
	stream, err := b.client.DebugLog(t.Context(), connect.NewRequest(&clientv1.DebugLogRequest{Model: "m", Replay: true, Follow: true, Limit: 1}))
	must(t, err)
	defer stream.Close()
	if !stream.Receive() || stream.Msg().GetRecords()[0].GetMessage() != "hello" || stream.Receive() {
		t.Errorf("%v %v", stream.Msg(), stream.Err())
	}
}

// TestJournalReachesTheLastEvent: an agent's report of it may still be under way; one that was lost is not waited for.
func TestJournalReachesTheLastEvent(t *testing.T) {
	b, _ := small(t)
	uuid := b.reader.Models()[0].GetUuid()
	last := func(id string, attempt int32, at time.Time) {
		b.put(map[key.Key]proto.Message{key.OfUnit(key.State, "web/0"): &controllerv1.UnitState{Last: &controllerv1.Ended{EventId: id, Attempt: attempt, AtUnixNano: at.UnixNano()}}})
	}
	entry := func(id string, attempt int32) *controllerv1.JournalEntry {
		return &controllerv1.JournalEntry{Model: uuid, Unit: "web/0", Outcome: "ok", Event: &hookv1.Event{Id: id, Attempt: attempt}}
	}
	ask := &clientv1.JournalRequest{Model: "m", Unit: "web/0", Limit: 1}
	b.book.Journal(entry("3-config-changed", 0))
	last("3-config-changed", 1, time.Now().Add(time.Minute))
	answer := make(chan []*controllerv1.JournalEntry, 1)
	go func() { answer <- ok(t, b.client.Journal, ask).GetEntries() }()
	for range 5 { // time for the question to be asked
		ok(t, b.client.ListOperations, &clientv1.ListOperationsRequest{Model: "m"})
	}
	b.book.Journal(&controllerv1.JournalEntry{Model: uuid, Unit: "web/1"})
	b.book.Journal(entry("3-config-changed", 1))
	if got := <-answer; len(got) != 1 || got[0].GetEvent().GetAttempt() != 1 {
		t.Errorf("the journal ends with %v", got)
	}
	last("4-start", 0, time.Now().Add(-time.Minute))
	if got := ok(t, b.client.Journal, ask).GetEntries(); len(got) != 1 || got[0].GetEvent().GetId() != "3-config-changed" {
		t.Errorf("of a journal that lost an entry comes %v", got)
	}
}

func TestDestroyModelEndsWhenItIsGone(t *testing.T) {
	b, _ := small(t)
	stream, err := b.client.DestroyModel(t.Context(), connect.NewRequest(&clientv1.DestroyModelRequest{Model: "m", DestroyStorage: true}))
	must(t, err)
	defer stream.Close()
	if !stream.Receive() || stream.Msg().GetDone() || stream.Msg().GetMessage() != "2 applications, 3 units" {
		t.Fatalf("%v %v", stream.Msg(), stream.Err())
	}
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	for name, u := range m.Units {
		if u.Value.GetLife() != controllerv1.Life_LIFE_DYING || !u.Value.GetDestroyStorage() {
			t.Errorf("%s is %v", name, u.Value)
		}
	}
	_, err = etcd.Txn(t.Context(), nil, []store.Op{store.DeleteAll(store.InModel(m.UUID)), store.Delete(store.ModelKey(m.UUID)), store.Delete(store.ModelNameKey("m"))}, nil)
	must(t, err)
	last := &clientv1.Progress{}
	for stream.Receive() {
		last = stream.Msg()
	}
	if !last.GetDone() || stream.Err() != nil {
		t.Fatalf("%v %v", last, stream.Err())
	}
}
