package agents_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/agents"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func TestJoin(t *testing.T) {
	c := start(t)
	token := c.token("a")
	h, thief := c.stranger("a"), c.stranger("a")
	if err := h.join("wrong"); !errs.Is(err, errs.Denied) {
		t.Errorf("a wrong token: %v", err)
	}
	h.id = "b"
	if err := h.join(token); !errs.Is(err, errs.Denied) {
		t.Errorf("another agent's token: %v", err)
	}
	h.id = "a"
	for range 2 { // the answer may be lost: the same key may join again
		if err := h.join(token); err != nil {
			t.Fatal(err)
		}
	}
	if err := thief.join(token); !errs.Is(err, errs.Denied) {
		t.Errorf("another key with the token: %v", err)
	}
	if _, err := h.rpc.Report(t.Context(), &controllerv1.ReportRequest{}); err != nil {
		t.Fatalf("with its certificate: %v", err)
	}
	if err := h.join(token); !errs.Is(err, errs.Denied) {
		t.Errorf("joining again after the certificate was used: %v", err)
	}
	c.ahead.Store(int64(25 * time.Hour)) // a laptop that was shut for a day has nothing to renew with
	if err := thief.join(token); !errs.Is(err, errs.Denied) {
		t.Errorf("another key with the token, a day later: %v", err)
	}
	if err := h.join(token); err != nil {
		t.Errorf("joining again with the same key after the certificate ran out: %v", err)
	}
	if _, err := h.rpc.Report(t.Context(), &controllerv1.ReportRequest{}); err != nil {
		t.Errorf("with the certificate of the day after: %v", err)
	}
	c.ahead.Store(0)
	resp, err := h.rpc.Renew(t.Context(), &controllerv1.RenewRequest{Csr: h.csr()})
	if err != nil {
		t.Fatal(err)
	}
	h.take(resp.Certificate)
	if _, err := h.rpc.Report(t.Context(), &controllerv1.ReportRequest{}); err != nil {
		t.Errorf("with the renewed certificate: %v", err)
	}
	if err := thief.join(c.token("a")); err != nil {
		t.Fatalf("a new token for an agent that lost its key: %v", err)
	}
	if _, err := h.rpc.Report(t.Context(), &controllerv1.ReportRequest{}); !errs.Is(err, errs.Denied) {
		t.Errorf("the certificate that was replaced: %v", err)
	}
	expired, err := agents.NewToken(t.Context(), c.store, "x", time.Minute, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.stranger("x").join(expired); !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an old token: %v", err)
	}
	if _, err := h.rpc.Join(t.Context(), &controllerv1.JoinRequest{Token: c.token("y"), Agent: "y", Csr: []byte("no")}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a request that is none: %v", err)
	}
}

// TestConfigChange counts: one write before, one commit, one delta each way.
func TestConfigChange(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	stream, first := a.watch(&controllerv1.WatchRequest{Version: "1"})
	if !first.Full || !first.Synced || first.Epoch != shared.Epoch() {
		t.Fatalf("first %v", first)
	}
	c.store.txns.Store(0)
	changed := c.put("m1", map[key.Key]proto.Message{key.OfApp(key.App, "web"): &controllerv1.Application{Name: "web", CharmDigest: "d-web-m1", ConfigRevision: 1}})
	d, err := stream.Recv()
	if err != nil || d.Revision != changed || len(d.Objects) != 1 || d.Objects[0].GetApplication().GetConfigRevision() != 1 {
		t.Fatalf("told %v, %v", d, err)
	}
	resp, err := a.rpc.Commit(t.Context(), &controllerv1.CommitRequest{Guard: guard(a, "m1", "web/0"), CommitId: strings.Repeat("1", 32),
		Event: &hookv1.Event{Id: "1-config-changed", Kind: "config-changed", Name: "config-changed"}, Cursor: &controllerv1.Cursor{Sequence: 1, ConfigRevision: 1, Relations: map[int32]*controllerv1.RelationCursor{2: {}}},
		Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: &hookv1.Changeset{EventId: "1-config-changed", UnitStatus: &hookv1.Status{Current: "active"}}}}})
	if err != nil || resp.Refusal != nil {
		t.Fatalf("%v %v", resp.GetRefusal(), err)
	}
	d, err = stream.Recv()
	if err != nil || d.Revision != resp.Revision || len(d.Objects) != 2 {
		t.Fatalf("told %v, %v; want state and status", d, err)
	}
	if n := c.store.txns.Load(); n != 1 || resp.Revision != changed+1 {
		t.Errorf("%d transactions by the commit, revisions %d → %d; want 1 and the next", n, changed, resp.Revision)
	}
}

func TestTakeOver(t *testing.T) {
	c := start(t)
	c.world()
	old := c.agent("a")
	before, _ := old.watch(&controllerv1.WatchRequest{Version: "1"})
	g := guard(old, "m1", "web/0")
	after, first := old.watch(&controllerv1.WatchRequest{Version: "2", Incarnation: "next"})
	inc := ""
	for _, o := range first.Objects {
		if o.Key == "uinc/web/0" {
			inc = o.GetIncarnation().GetId()
		}
	}
	if inc != "next" {
		t.Fatalf("the unit is spoken for by %q", inc)
	}
	for {
		if _, err := before.Recv(); err != nil {
			if err = plugin.FromStatus(err); !errs.Is(err, errs.Conflict) {
				t.Errorf("the older watch ended with %v", err)
			}
			break
		}
	}
	resp, err := old.rpc.Commit(t.Context(), &controllerv1.CommitRequest{Guard: g, CommitId: strings.Repeat("2", 32), Event: &hookv1.Event{Id: "1-start", Kind: "start"},
		Cursor: &controllerv1.Cursor{Sequence: 1}, Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{}}})
	if err != nil || resp.GetRefusal().GetKind() != "conflict" {
		t.Errorf("a commit of the older process: %v %v", resp, err)
	}
	c.store.txns.Store(0)
	if _, again := old.watch(&controllerv1.WatchRequest{Version: "2", Incarnation: "next", ResumeRevision: first.Revision, Epoch: first.Epoch}); again.Full || len(again.Objects) != 0 {
		t.Errorf("resumed with %v", again)
	}
	if n := c.store.txns.Load(); n != 0 {
		t.Errorf("%d transactions for a watch that changes nothing", n)
	}
	_ = after
	if _, err := old.rpc.Watch(t.Context(), &controllerv1.WatchRequest{}); err != nil {
		t.Fatal(err)
	}
}

// TestStrayUnit: a unit placed under an incarnation that ended meanwhile comes to the process that watches.
func TestStrayUnit(t *testing.T) {
	c := start(t)
	c.world()
	c.agent("a").watch(&controllerv1.WatchRequest{Incarnation: "now"})
	c.put("m1", map[key.Key]proto.Message{
		key.OfUnit(key.Unit, "web/5"):        &controllerv1.Unit{Name: "web/5", Agent: "a", Life: controllerv1.Life_LIFE_ALIVE},
		key.OfUnit(key.Incarnation, "web/5"): &controllerv1.Incarnation{Id: "before", Agent: "a"},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.mirror.Wait(ctx, func(s *model.State) bool {
		inc, _ := model.Get[*controllerv1.Incarnation](s.Model("m1"), key.OfUnit(key.Incarnation, "web/5"))
		return inc.GetId() == "now"
	}); err != nil {
		t.Fatal("the unit stays with the incarnation that ended")
	}
}

func TestStopEndsWatches(t *testing.T) {
	c := start(t)
	c.world()
	stream, _ := c.agent("a").watch(&controllerv1.WatchRequest{})
	if !c.presence.Connected("a") {
		t.Error("the agent watches and is not connected")
	}
	c.service.Stop()
	for {
		if _, err := stream.Recv(); err != nil {
			if err = plugin.FromStatus(err); !errs.Is(err, errs.Unavailable) {
				t.Errorf("ended with %v", err)
			}
			return
		}
	}
}

func TestReportFetchAndRead(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	_, err := a.rpc.Report(t.Context(), &controllerv1.ReportRequest{
		Logs:    []*controllerv1.LogRecord{{Model: "m1", Entity: "unit-web-0", Message: "hi"}, {Model: "m1", Entity: "agent-a"}, {Model: "m1", Entity: "machine-0"}},
		States:  []*controllerv1.AgentState{{Model: "m1", Unit: "web/0", Current: "executing"}},
		Journal: []*controllerv1.JournalEntry{{Model: "m1", Unit: "web/0"}},
	})
	if err != nil || len(c.sink.logs) != 3 || len(c.sink.journal) != 1 || c.presence.State("m1", "web/0").GetCurrent() != "executing" {
		t.Errorf("report: %v, %d logs, %d entries", err, len(c.sink.logs), len(c.sink.journal))
	}
	for _, entity := range []string{"controller", "agent-b", "unit-web-1", "unit-", "unit-web", ""} {
		if _, err := a.rpc.Report(t.Context(), &controllerv1.ReportRequest{Logs: []*controllerv1.LogRecord{{Model: "m1", Entity: entity}}}); !errs.Is(err, errs.Denied) {
			t.Errorf("a log of %q: %v", entity, err)
		}
	}
	stream, err := a.rpc.FetchCharm(t.Context(), &controllerv1.FetchCharmRequest{Model: "m1", Digest: "d-web-m1"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := drain(stream); err != nil || n != charmBytes {
		t.Errorf("fetched %d bytes, %v", n, err)
	}
	for owner, want := range map[string]string{"web/0": "web/0", "db/0": "db/0", "db": "db", "web": "web"} {
		bag, err := a.rpc.ReadBag(t.Context(), &controllerv1.ReadBagRequest{Model: "m1", Reader: "web/0", RelationId: 2, Owner: owner})
		if err != nil || bag.Values["of"] != want {
			t.Errorf("bag of %s: %v, %v", owner, bag, err)
		}
	}
	if _, err := a.rpc.ReadBag(t.Context(), &controllerv1.ReadBagRequest{Model: "m1", Reader: "web/0", RelationId: 2, Owner: "web/1"}); !errs.Is(err, errs.Denied) {
		t.Errorf("a sibling's bag: %v", err)
	}
	huge := &controllerv1.ReportRequest{Logs: []*controllerv1.LogRecord{{Model: "m1", Entity: "unit-web-0", Message: strings.Repeat("x", 11<<20)}}}
	if _, err := a.rpc.Report(t.Context(), huge); !errs.Is(err, errs.Exhausted) {
		t.Errorf("a message of 11 MiB: %v", err)
	}
}

// TestNothingLeaks: over a change of agents, leaders and relations every agent holds exactly what it has a right to.
func TestNothingLeaks(t *testing.T) {
	c := start(t)
	c.world()
	held := map[string]map[string]int64{}
	streams := map[string]grpc.ServerStreamingClient[controllerv1.Delta]{}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		stream, first := c.agent(id).watch(&controllerv1.WatchRequest{Version: "1"})
		held[id], streams[id] = map[string]int64{}, stream
		apply(t, held[id], first)
	}
	relation := func(id int32, apps ...string) *controllerv1.Relation {
		r := &controllerv1.Relation{Id: id, Life: controllerv1.Life_LIFE_ALIVE}
		for _, app := range apps {
			r.Endpoints = append(r.Endpoints, &controllerv1.Endpoint{Application: app, Name: "n"})
		}
		return r
	}
	unit := func(name, agent string) *controllerv1.Unit {
		return &controllerv1.Unit{Name: name, Agent: agent, Life: controllerv1.Life_LIFE_ALIVE}
	}
	for i, records := range []map[key.Key]proto.Message{
		{key.OfApp(key.Lead, "web"): &controllerv1.Lead{Unit: "web/1"}},
		{key.OfRelation(3): relation(3, "lonely", "db"), key.UnitBag(3, "lonely/0"): &controllerv1.Bag{Version: 1}},
		{key.OfUnit(key.Unit, "web/0"): unit("web/0", "d")},
		{key.OfUnit(key.Unit, "web/2"): unit("web/2", "c"), key.OfUnit(key.State, "web/2"): &controllerv1.UnitState{}},
		{key.OfApp(key.App, "db"): &controllerv1.Application{Name: "db", CharmDigest: "d-web-m1"}},
		{key.OfUnit(key.Unit, "db/0"): unit("db/0", "")},
		{key.UnitBag(2, "web/1"): &controllerv1.Bag{Version: 2}, key.OfUnit(key.Status, "web/2"): &controllerv1.UnitStatus{Version: "9"}},
	} {
		c.put("m1", records)
		// A record that every agent is told marks the end: each has a unit in a model of its own with it.
		marks := map[key.Key]proto.Message{}
		for id := range held {
			marks[key.OfUnit(key.Unit, "mark/"+fmt.Sprint(id[0]))] = unit("mark/"+fmt.Sprint(id[0]), id)
		}
		last := c.put(fmt.Sprint("marks", i), marks)
		for id, stream := range streams {
			for revision := int64(0); revision < last; {
				d, err := stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				revision = d.Revision
				apply(t, held[id], d)
			}
			if want := c.entitled(id); !maps.Equal(held[id], want) {
				t.Fatalf("step %d: agent %s holds\n%v\nhas a right to\n%v", i, id, held[id], want)
			}
		}
	}
}

func apply(t *testing.T, held map[string]int64, d *controllerv1.Delta) {
	for _, o := range d.Objects {
		if o.Deleted {
			delete(held, o.Model+" "+o.Key)
			continue
		}
		if o.Value == nil {
			t.Errorf("%s came without a value", o.Key)
		}
		held[o.Model+" "+o.Key] = o.ModRevision
	}
}

// entitled asks unit by unit and record by record.
func (c *controller) entitled(agent string) map[string]int64 {
	out := map[string]int64{}
	c.mirror.Read(func(s *model.State) {
		for _, g := range s.Models() {
			for _, unit := range g.AgentUnits(agent) {
				for e := range g.All() {
					if authz.MayRead(g, unit, e.Key) {
						out[g.UUID+" "+e.Name] = e.Mod
					}
				}
				for _, d := range s.Charms() {
					if e := s.CharmEntry(d); authz.MayRead(g, unit, e.Key) {
						out[g.UUID+" "+e.Name] = e.Mod
					}
				}
			}
		}
	})
	return out
}

// TestLeadership: the lowest unit whose agent is connected leads; only its agent renews; who is gone is followed at once.
func TestLeadership(t *testing.T) {
	c := start(t)
	c.world()
	lead := store.In("m1", key.OfApp(key.Lead, "web"))
	if r, err := shared.Txn(t.Context(), nil, []store.Op{store.Delete(lead)}, nil); err != nil || c.mirror.WaitRevision(t.Context(), r.Revision) != nil {
		t.Fatal(err)
	}
	if err := c.elect.Elect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if unit, _ := c.leader("m1", "web"); unit != "" {
		t.Fatalf("%s leads without a connected agent", unit)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.elect.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until := func(want string) int64 {
		t.Helper()
		wait, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var term int64
		if err := c.mirror.Wait(wait, func(s *model.State) bool {
			var unit string
			unit, term = s.Model("m1").Leader("web")
			return unit == want
		}); err != nil {
			t.Fatalf("%s does not lead: %v", want, err)
		}
		return term
	}
	b := c.agent("b")
	b.watch(&controllerv1.WatchRequest{})
	term := until("web/1")
	a := c.agent("a")
	a.watch(&controllerv1.WatchRequest{}) // a lower unit does not take over
	ask := func(h *holder, unit string, term int64) float64 {
		resp, err := h.rpc.Lead(t.Context(), &controllerv1.LeadRequest{Terms: []*controllerv1.LeadTerm{{Model: "m1", Application: "web", Unit: unit, Term: term}}})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Promises[0].Seconds
	}
	for _, q := range []struct {
		h    *holder
		unit string
		term int64
		want float64
	}{{b, "web/1", term, 60}, {b, "web/1", term - 1, 0}, {a, "web/1", term, 0}, {a, "web/0", term, 0}} {
		if got := ask(q.h, q.unit, q.term); got != q.want {
			t.Errorf("%s asks for %s at %d: %v seconds, want %v", q.h.id, q.unit, q.term, got, q.want)
		}
	}
	c.put("m1", map[key.Key]proto.Message{key.OfUnit(key.Unit, "web/1"): &controllerv1.Unit{Name: "web/1", Agent: "b", Life: controllerv1.Life_LIFE_DEAD}})
	if next := until("web/0"); next <= term {
		t.Errorf("term %d after %d", next, term)
	}
	if ask(b, "web/1", term) != 0 {
		t.Error("who is gone was promised leadership")
	}
}

// TestAConnectedStreamRenewsNothing: a stream that looks alive keeps nobody in office; only Lead does.
func TestAConnectedStreamRenewsNothing(t *testing.T) {
	c := start(t)
	c.world()
	c.elect = leadership.New(leadership.Config{Store: c.store, Leases: shared, Mirror: c.mirror, Presence: c.presence, Seconds: 1})
	lead := store.In("m1", key.OfApp(key.Lead, "web"))
	if r, err := shared.Txn(t.Context(), nil, []store.Op{store.Delete(lead)}, nil); err != nil || c.mirror.WaitRevision(t.Context(), r.Revision) != nil {
		t.Fatal(err)
	}
	b := c.agent("b")
	b.watch(&controllerv1.WatchRequest{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.elect.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until := func(unit string) {
		t.Helper()
		wait, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		if err := c.mirror.Wait(wait, func(s *model.State) bool { now, _ := s.Model("m1").Leader("web"); return now == unit }); err != nil {
			t.Fatalf("%s does not lead: %v", unit, err)
		}
	}
	until("web/1")
	c.agent("a").watch(&controllerv1.WatchRequest{})
	if !c.presence.Connected("b") {
		t.Fatal("the leader's agent is not connected")
	}
	until("web/0")
}
