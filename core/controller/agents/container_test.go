package agents_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestHostileCounterpart: in a relation of scope container an agent sees, reads and writes for its own pair of units only,
// whoever it names; and what the other pair writes later does not come to it either.
func TestHostileCounterpart(t *testing.T) {
	c := start(t)
	c.world()
	alive := controllerv1.Life_LIFE_ALIVE
	records := map[key.Key]proto.Message{
		key.OfApp(key.App, "log"): &controllerv1.Application{Name: "log", Life: alive, CharmDigest: "d-web-m1", Subordinate: true},
		key.OfRelation(3): &controllerv1.Relation{Id: 3, Life: alive, Endpoints: []*controllerv1.Endpoint{
			{Application: "web", Name: "juju-info", Interface: "juju-info", Role: "provider", Scope: "global"},
			{Application: "log", Name: "host", Interface: "juju-info", Role: "requirer", Scope: "container"}}},
		key.AppBag(3, "log"): &controllerv1.Bag{Values: map[string]string{"of": "log"}, Version: 1},
	}
	for n, agent := range []string{"a", "b"} {
		log, web := "log/"+string(rune('0'+n)), "web/"+string(rune('0'+n))
		records[key.OfUnit(key.Unit, log)] = &controllerv1.Unit{Name: log, Life: alive, Agent: agent, Principal: web}
		records[key.OfUnit(key.Unit, web)] = &controllerv1.Unit{Name: web, Life: alive, Agent: agent, Subordinates: []string{log}}
		records[key.OfUnit(key.Incarnation, log)] = &controllerv1.Incarnation{Id: "i-" + agent, Agent: agent}
		records[key.OfUnit(key.State, log)] = &controllerv1.UnitState{}
		for _, unit := range []string{log, web} {
			records[key.UnitBag(3, unit)] = &controllerv1.Bag{Values: map[string]string{"of": unit}, Version: 1}
			records[key.ScopeOf(3, unit)] = &controllerv1.Scope{}
		}
	}
	c.put("m1", records)
	a := c.agent("a")
	stream, d := a.watch(&controllerv1.WatchRequest{})
	told := map[string]bool{}
	for ; ; d, _ = stream.Recv() {
		for _, o := range d.GetObjects() {
			told[o.GetKey()] = true
		}
		if d.GetSynced() {
			break
		}
	}
	for name := range told {
		k, err := key.Parse(name)
		if err == nil && k.Relation == 3 && strings.HasSuffix(k.Unit, "/1") {
			t.Errorf("it is told of %s", name)
		}
	}
	for _, k := range []key.Key{key.UnitBag(3, "log/0"), key.UnitBag(3, "web/0"), key.ScopeOf(3, "log/0"), key.ScopeOf(3, "web/0"), key.AppBag(3, "log"), key.OfUnit(key.Unit, "log/0")} {
		if !told[k.String()] {
			t.Errorf("it is not told of %s", k)
		}
	}
	for _, q := range []struct {
		reader, owner string
		class         errs.Kind
	}{
		{"web/0", "log/0", ""}, {"log/0", "web/0", ""}, {"web/0", "log", ""}, {"log/0", "log", errs.Denied},
		{"web/0", "log/1", errs.Denied}, {"log/0", "web/1", errs.Denied}, {"log/0", "log/1", errs.Denied},
		{"log/1", "web/1", errs.Denied}, {"web/1", "log/1", errs.Denied},
	} {
		_, err := a.rpc.ReadBag(t.Context(), &controllerv1.ReadBagRequest{Model: "m1", Reader: q.reader, RelationId: 3, Owner: q.owner})
		if errs.Class(plugin.FromStatus(err)) != q.class {
			t.Errorf("%s reads the bag of %s: %v, want class %q", q.reader, q.owner, err, q.class)
		}
	}
	c.put("m1", map[key.Key]proto.Message{key.UnitBag(3, "log/1"): &controllerv1.Bag{Values: map[string]string{"secret": "1"}, Version: 2}})
	c.put("m1", map[key.Key]proto.Message{key.UnitBag(3, "log/0"): &controllerv1.Bag{Values: map[string]string{"mine": "1"}, Version: 2}})
	for mine := false; !mine; {
		d, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.GetObjects() {
			if o.GetKey() == key.UnitBag(3, "log/1").String() {
				t.Error("it is told what the other pair writes")
			}
			mine = mine || o.GetKey() == key.UnitBag(3, "log/0").String()
		}
	}
}
