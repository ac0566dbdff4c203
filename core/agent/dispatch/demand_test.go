package dispatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// library answers the bags of the model it has, and counts.
type library struct {
	deaf
	bags  map[string]*controllerv1.Bag
	asked map[string]int
}

func (l library) ReadBag(_ context.Context, k event.Key, relation int32, owner string) (map[string]string, error) {
	l.asked[fmt.Sprintf("%s %d %s", k.Unit, relation, owner)]++
	return l.bags[owner].GetValues(), nil
}

// TestSectionsOnDemand: a hook among 300 units with more in their bags than a view carries reads every bag and the whole goal
// state; what the view left out is asked for, each thing once in the event.
func TestSectionsOnDemand(t *testing.T) {
	const units, size = 300, 8 << 10
	l := library{bags: map[string]*controllerv1.Bag{}, asked: map[string]int{}}
	goals := 0
	rt := agenttest.NewRuntime(t, func(ctx context.Context, s *charmruntimev1.Start, h charmruntime.Host) (*charmruntimev1.Done, error) {
		c := hook.New(s.Event, s.View, h)
		for range 2 {
			for n := range units {
				bag, err := c.Bag(ctx, 1, fmt.Sprintf("db/%d", n), false)
				if err != nil || bag["n"] != fmt.Sprint(n) || len(bag["big"]) != size {
					return nil, fmt.Errorf("bag of db/%d: %d keys, %w", n, len(bag), err)
				}
			}
			goal, err := c.GoalState(ctx)
			if err != nil || len(goal.Units) != units || goal.Relations["store"].Members["db/299"].Status != "active" {
				return nil, fmt.Errorf("goal state of %d units, %w", len(goal.GetUnits()), err)
			}
		}
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
	})
	d, job := runnerWith(t, rt, &l, func(_ context.Context, k event.Key) (*hookv1.GoalState, error) {
		goals++
		g := &hookv1.GoalState{Units: map[string]*hookv1.GoalStatus{}, Relations: map[string]*hookv1.GoalRelation{"store": {Members: map[string]*hookv1.GoalStatus{}}}}
		for n := range units {
			g.Units[fmt.Sprintf("web/%d", n)] = &hookv1.GoalStatus{Status: "waiting"}
			g.Relations["store"].Members[fmt.Sprintf("db/%d", n)] = &hookv1.GoalStatus{Status: "active"}
		}
		return g, nil
	})
	rel := job.Model.Relations[0]
	rel.Units, rel.Bags = nil, l.bags
	members := map[string]uint64{}
	for n := range units {
		unit := fmt.Sprintf("db/%d", n)
		rel.Units, members[unit] = append(rel.Units, unit), 1
		l.bags[unit] = &controllerv1.Bag{Values: map[string]string{"n": fmt.Sprint(n), "big": strings.Repeat("x", size)}}
	}
	job.Cursor.Relations[1].Members = members
	if _, err := d.Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	held := 1 << 20 / (size + 10)
	if goals != 1 || len(l.asked) < units-held-1 || len(l.asked) >= units {
		t.Errorf("%d goal states and %d bags were asked for; the view holds about %d of %d", goals, len(l.asked), held, units)
	}
	for what, n := range l.asked {
		if n != 1 || !strings.HasPrefix(what, "web/1 1 ") {
			t.Errorf("%s was asked for %d times", what, n)
		}
	}
}
