package authz_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestFollowerAndContainer: a unit that does not lead, and relations of scope container.
func TestFollowerAndContainer(t *testing.T) {
	g := model.NewGraph("m")
	put := func(k key.Key, v proto.Message) {
		g.Put(&model.Entry{Key: k, Name: k.String(), Value: v, Mod: 1, Create: 1})
	}
	put(key.OfApp(key.Lead, "web"), &controllerv1.Lead{Unit: "web/0"})
	for unit, principal := range map[string]string{"web/0": "", "web/1": "", "log/0": "web/0", "log/1": "web/1"} {
		put(key.OfUnit(key.Unit, unit), &controllerv1.Unit{Name: unit, Principal: principal, Agent: "x-" + unit})
	}
	put(key.OfRelation(1), &controllerv1.Relation{Id: 1, Endpoints: []*controllerv1.Endpoint{{Application: "web", Role: "provider"}, {Application: "log", Role: "requirer", Scope: "container"}}})
	put(key.OfRelation(2), &controllerv1.Relation{Id: 2, Endpoints: []*controllerv1.Endpoint{{Application: "web", Role: "peer"}}})
	for _, c := range []struct {
		unit        string
		key         key.Key
		read, write bool
	}{
		{"web/1", key.AppBag(1, "web"), false, false}, {"web/0", key.AppBag(1, "web"), true, true}, {"web/1", key.AppBag(2, "web"), true, false},
		{"web/1", key.OfApp(key.AppStatus, "web"), true, false}, {"web/1", key.OfUnit(key.Status, "web/0"), false, false},
		{"web/0", key.UnitBag(1, "log/0"), true, false}, {"web/0", key.UnitBag(1, "log/1"), false, false}, {"log/1", key.UnitBag(1, "web/1"), true, false},
		{"log/1", key.UnitBag(1, "web/0"), false, false}, {"log/1", key.AppBag(1, "web"), true, false}, {"log/0", key.ScopeOf(1, "web/0"), true, false},
	} {
		if got := authz.MayRead(g, c.unit, c.key); got != c.read {
			t.Errorf("%s reads %s: %v, want %v", c.unit, c.key, got, c.read)
		}
		if got := authz.AgentMayRead(g, "x-"+c.unit, c.key); got != c.read {
			t.Errorf("the agent of %s reads %s: %v, want %v", c.unit, c.key, got, c.read)
		}
		if got := authz.MayWrite(g, c.unit, c.key); got != c.write {
			t.Errorf("%s writes %s: %v, want %v", c.unit, c.key, got, c.write)
		}
	}
}

func TestSpeaks(t *testing.T) {
	g := model.NewGraph("m")
	k := key.OfUnit(key.Unit, "web/0")
	g.Put(&model.Entry{Key: k, Name: k.String(), Value: &controllerv1.Unit{Name: "web/0", Agent: "a"}})
	for _, c := range []struct {
		g           *model.Graph
		agent, unit string
		may         bool
	}{{g, "a", "web/0", true}, {g, "b", "web/0", false}, {g, "", "web/0", false}, {g, "a", "web/1", false}, {g, "", "web/1", false}, {nil, "a", "web/0", false}} {
		if err := authz.Speaks(c.g, c.agent, c.unit); (err == nil) != c.may || err != nil && !errs.Is(err, errs.Denied) {
			t.Errorf("%q for %s: %v", c.agent, c.unit, err)
		}
	}
}

func TestNobodyCallsWhatHasNoRow(t *testing.T) {
	if authz.CallerOf("NewCall") != authz.Nobody || authz.CallerOf("") != authz.Nobody {
		t.Error("a call without a row is allowed")
	}
}

// BenchmarkAgentMayRead judges a bag for an agent of 10,000 units.
func BenchmarkAgentMayRead(b *testing.B) {
	g := model.NewGraph("m")
	for _, unit := range units(10_000) {
		k := key.OfUnit(key.Unit, unit)
		g.Put(&model.Entry{Key: k, Name: k.String(), Value: &controllerv1.Unit{Name: unit, Agent: "a"}})
	}
	r := key.OfRelation(1)
	g.Put(&model.Entry{Key: r, Name: r.String(), Value: &controllerv1.Relation{Id: 1, Endpoints: []*controllerv1.Endpoint{{Application: "web"}, {Application: "db"}}}})
	for b.Loop() {
		if !authz.AgentMayRead(g, "a", key.UnitBag(1, "db/3")) {
			b.Fatal("no")
		}
	}
}

func units(n int) []string {
	names, _, err := model.NextNames("web", nil, n)
	if err != nil {
		panic(err)
	}
	return names
}
