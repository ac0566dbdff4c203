package agents_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

const (
	spokes   = 10
	apart    = 100 // relations with each
	thousand = spokes * apart
)

// hub is an application in a thousand relations with ten others; every unit has an agent of its own.
func (c *controller) hub() {
	alive := controllerv1.Life_LIFE_ALIVE
	records := map[key.Key]proto.Message{key.Named(key.Model, "m1"): &controllerv1.Model{Uuid: "m1", Life: alive}}
	add := func(app string) {
		records[key.OfApp(key.App, app)] = &controllerv1.Application{Name: app, Life: alive}
		records[key.OfUnit(key.Unit, app+"/0")] = &controllerv1.Unit{Name: app + "/0", Life: alive, Agent: "of-" + app}
		records[key.OfUnit(key.Incarnation, app+"/0")] = &controllerv1.Incarnation{Id: "i-of-" + app, Agent: "of-" + app}
	}
	add("hub")
	records[key.OfApp(key.Lead, "hub")] = &controllerv1.Lead{Unit: "hub/0"}
	for n := range int32(spokes) {
		app := fmt.Sprintf("spoke%d", n)
		add(app)
		for i := range int32(apart) {
			id := n*apart + i + 1
			records[key.OfRelation(id)] = &controllerv1.Relation{Id: id, Life: alive, Endpoints: []*controllerv1.Endpoint{
				{Application: "hub", Name: fmt.Sprintf("out%d", i)}, {Application: app, Name: fmt.Sprintf("in%d", i)}}}
			records[key.ScopeOf(id, "hub/0")] = &controllerv1.Scope{}
			records[key.ScopeOf(id, app+"/0")] = &controllerv1.Scope{}
		}
	}
	c.put("m1", records)
}

// TestAThousandRelationsInOneHook: what one hook wrote into the databags of a thousand relations, its unit's and its
// application's, is one transaction, and every other side is told of all its part in one message. A hook that lost its
// leadership wrote into none.
func TestAThousandRelationsInOneHook(t *testing.T) {
	c := start(t)
	c.hub()
	hub := c.agent("of-hub")
	hub.watch(&controllerv1.WatchRequest{})
	var sides []grpc.ServerStreamingClient[controllerv1.Delta]
	for n := range spokes {
		stream, _ := c.agent(fmt.Sprintf("of-spoke%d", n)).watch(&controllerv1.WatchRequest{})
		sides = append(sides, stream)
	}
	_, term := c.leader("m1", "hub")
	request := func(id string, term int64) *controllerv1.CommitRequest {
		cs := &hookv1.Changeset{EventId: "1-config-changed"}
		cursor := &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: 1, Relations: map[int32]*controllerv1.RelationCursor{}}
		for r := range int32(thousand) {
			set := map[string]string{"n": fmt.Sprint(r + 1), "hook": id}
			cs.Bags = append(cs.Bags, &hookv1.BagWrite{RelationId: r + 1, App: true, Set: set}, &hookv1.BagWrite{RelationId: r + 1, Set: set})
			cursor.Relations[r+1] = &controllerv1.RelationCursor{Created: true}
		}
		req := &controllerv1.CommitRequest{Guard: guard(hub, "m1", "hub/0"), CommitId: strings.Repeat(id, 32), Cursor: cursor,
			Event:   &hookv1.Event{Id: cs.EventId, Kind: "config-changed", Name: "config-changed"},
			Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: cs}}}
		req.Guard.LeaderTerm = term
		return req
	}
	c.store.txns.Store(0)
	if resp, err := hub.rpc.Commit(t.Context(), request("1", term-1)); err != nil || resp.Refusal.GetKind() != "denied" {
		t.Fatalf("of an older term: %v, %v", resp.GetRefusal(), err)
	}
	if n := len(c.bags()); n != 0 {
		t.Fatalf("a hook that was refused wrote %d databags", n)
	}
	began := time.Now()
	resp, err := hub.rpc.Commit(t.Context(), request("2", term))
	if err != nil || resp.Refusal != nil {
		t.Fatalf("%v, %v", resp.GetRefusal(), err)
	}
	committed := time.Since(began)
	for n, side := range sides {
		d, err := side.Recv()
		if err != nil || d.Revision != resp.Revision || len(d.Objects) != 2*apart {
			t.Fatalf("spoke%d was told of %d records of revision %d, %v; want %d of %d", n, len(d.GetObjects()), d.GetRevision(), err, 2*apart, resp.Revision)
		}
		for _, o := range d.Objects {
			if k, err := key.Parse(o.Key); err != nil || o.GetBag().GetValues()["n"] != fmt.Sprint(k.Relation) || (k.Relation-1)/apart != int32(n) {
				t.Fatalf("spoke%d was told %v", n, o)
			}
		}
	}
	t.Logf("%d databags in %d relations: committed in %v, told to %d agents after %v", 2*thousand, thousand, committed, spokes, time.Since(began))
	if bags := c.bags(); len(bags) != 2*thousand {
		t.Errorf("%d databags", len(bags))
	} else if writes := c.store.txns.Load(); writes > 2 {
		t.Errorf("%d transactions of the controller", writes)
	}
	for name, mod := range c.bags() {
		if mod != resp.Revision {
			t.Errorf("%s is of revision %d, not %d", name, mod, resp.Revision)
		}
	}
}

// TestNewRelationsAreToldOnce: an agent is told of each new relation once, and what it is sent for one does not grow with those
// that it has.
func TestNewRelationsAreToldOnce(t *testing.T) {
	c := start(t)
	alive := controllerv1.Life_LIFE_ALIVE
	records := map[key.Key]proto.Message{key.Named(key.Model, "m1"): &controllerv1.Model{Uuid: "m1", Life: alive}}
	for _, app := range []string{"hub", "spoke"} {
		records[key.OfApp(key.App, app)] = &controllerv1.Application{Name: app, Life: alive}
		records[key.OfUnit(key.Unit, app+"/0")] = &controllerv1.Unit{Name: app + "/0", Life: alive, Agent: "of-" + app}
		records[key.OfUnit(key.Incarnation, app+"/0")] = &controllerv1.Incarnation{Id: "i-of-" + app, Agent: "of-" + app}
	}
	c.put("m1", records)
	stream, _ := c.agent("of-hub").watch(&controllerv1.WatchRequest{})
	const each = 250
	sent := []int{} // bytes for each further 250
	for made := int32(0); made < thousand; made += each {
		var last int64
		for id := made + 1; id <= made+each; id++ {
			last = c.put("m1", map[key.Key]proto.Message{key.OfRelation(1000 + id): &controllerv1.Relation{Id: 1000 + id, Life: alive, Endpoints: []*controllerv1.Endpoint{
				{Application: "hub", Name: "out"}, {Application: "spoke", Name: "in"}}}})
		}
		told, size := map[string]int{}, 0
		for at := int64(0); at < last; {
			d, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			at, size = d.Revision, size+proto.Size(d)
			for _, o := range d.Objects {
				told[o.Key]++
			}
		}
		for k, n := range told {
			if n != 1 {
				t.Errorf("%s was told %d times", k, n)
			}
		}
		if len(told) != each {
			t.Errorf("told of %d records, want the %d new relations", len(told), each)
		}
		sent = append(sent, size)
	}
	if first, last := sent[0], sent[len(sent)-1]; last > first+first/10 {
		t.Errorf("%v bytes for each %d relations: the last are dearer than the first", sent, each)
	}
}

// bags is the revision of every databag.
func (c *controller) bags() map[string]int64 {
	out := map[string]int64{}
	for name, mod := range c.contents() {
		if strings.HasPrefix(name, "m1 bag/") {
			out[name] = mod
		}
	}
	return out
}
