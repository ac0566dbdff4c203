package agents_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestGoalState: an agent that speaks for one unit is told of all 300 of its application and of all 300 on the other side,
// wherever they are and before they entered; not of the dead, nor in a relation of scope container of more than the counterpart.
func TestGoalState(t *testing.T) {
	const units, since = 300, "2026-11-20T12:00:00Z"
	c := start(t)
	alive, dying, dead := controllerv1.Life_LIFE_ALIVE, controllerv1.Life_LIFE_DYING, controllerv1.Life_LIFE_DEAD
	records := map[key.Key]proto.Message{key.Named(key.Model, "m1"): &controllerv1.Model{Uuid: "m1", Life: alive}}
	for _, app := range []string{"web", "db", "side"} {
		records[key.OfApp(key.App, app)] = &controllerv1.Application{Name: app, Life: alive}
		for n := range units {
			u := &controllerv1.Unit{Name: fmt.Sprintf("%s/%d", app, n), Life: alive, Agent: fmt.Sprintf("agent-%s-%d", app, n), Created: since}
			if app == "side" {
				u.Principal = fmt.Sprintf("web/%d", n)
			}
			switch n {
			case 7:
				u.Life = dying
			case 8:
				u.Life = dead
			case 9:
				u.Agent = "" // nowhere yet
			default:
				records[key.OfUnit(key.Status, u.Name)] = &controllerv1.UnitStatus{Workload: &hookv1.Status{Current: "active", Message: "not told", Since: "2026-11-21T00:00:00Z"}}
			}
			records[key.OfUnit(key.Unit, u.Name)] = u
		}
	}
	ends := func(endpoint, other, scope string) []*controllerv1.Endpoint {
		return []*controllerv1.Endpoint{{Application: "web", Name: endpoint, Scope: scope}, {Application: other, Name: endpoint, Scope: scope}}
	}
	records[key.OfRelation(1)] = &controllerv1.Relation{Id: 1, Life: alive, Created: since, Endpoints: []*controllerv1.Endpoint{{Application: "web", Name: "peers", Role: "peer"}}}
	records[key.OfRelation(2)] = &controllerv1.Relation{Id: 2, Life: alive, Created: since, Endpoints: ends("db", "db", "global")}
	records[key.OfRelation(3)] = &controllerv1.Relation{Id: 3, Life: dying, Created: since, Endpoints: ends("side", "side", "container")}
	c.put("m1", records)
	h := c.agent("agent-web-0")
	began := time.Now()
	goal, err := h.rpc.GoalState(t.Context(), &controllerv1.GoalStateRequest{Model: "m1", Unit: "web/0"})
	t.Logf("goal state of %d units and as many on the other side: %v", units, time.Since(began))
	if err != nil {
		t.Fatal(err)
	}
	for what, row := range map[string]struct {
		got  map[string]*hookv1.GoalStatus
		want int
	}{
		"units": {goal.Units, units - 1}, "peers": {goal.Relations["peers"].GetMembers(), units - 2 + 1},
		"db": {goal.Relations["db"].GetMembers(), units - 1 + 1}, "side": {goal.Relations["side"].GetMembers(), 1 + 1},
	} {
		if len(row.got) != row.want {
			t.Errorf("%s: %d entries, want %d", what, len(row.got), row.want)
		}
	}
	for want, got := range map[string]*hookv1.GoalStatus{
		"active 2026-11-21T00:00:00Z": goal.Units["web/299"], "dying " + since: goal.Units["web/7"], "waiting " + since: goal.Units["web/9"],
		"joined " + since: goal.Relations["db"].GetMembers()["db"], "broken " + since: goal.Relations["side"].GetMembers()["side"],
	} {
		if got.GetStatus()+" "+got.GetSince() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if _, other := goal.Relations["side"].GetMembers()["side/0"]; !other {
		t.Error("the subordinate beside it is not in its goal")
	}
}
