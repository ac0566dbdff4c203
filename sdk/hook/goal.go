package hook

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// GoalStateSection is the goal state's name among the sections that a view leaves out, and the operation that asks a host
// for it.
const GoalStateSection = "goal-state"

// GoalState is what the model is heading for: all units of the application and who is on the other side of its relations.
// It is what the view holds or else what the host says when it is first asked for; the hook then keeps that answer. So it
// may be newer than the rest of the view, and never changes under the hook.
func (c *Context) GoalState(ctx context.Context) (*hookv1.GoalState, error) {
	if !slices.Contains(c.view.GetOnDemand(), GoalStateSection) {
		return c.view.GetGoalState(), nil
	}
	if c.goal != nil {
		return c.goal, nil
	}
	answer, err := c.call(ctx, GoalStateSection, "{}")
	if err != nil {
		return nil, err
	}
	if c.goal, err = decodeGoal(answer); err != nil {
		return nil, err
	}
	return c.goal, nil
}

// goalJSON is a goal state as a host answers it: the form that goal-state prints and that an event's input has.
type goalJSON struct {
	Units     map[string]goalStatusJSON            `json:"units"`
	Relations map[string]map[string]goalStatusJSON `json:"relations"`
}

type goalStatusJSON struct {
	Status string `json:"status"`
	Since  string `json:"since"`
}

// EncodeGoal writes a host's answer to the operation GoalStateSection.
func EncodeGoal(g *hookv1.GoalState) (string, error) {
	out := goalJSON{Units: goalStatuses(g.GetUnits()), Relations: map[string]map[string]goalStatusJSON{}}
	for endpoint, r := range g.GetRelations() {
		out.Relations[endpoint] = goalStatuses(r.GetMembers())
	}
	data, err := json.Marshal(out)
	if err != nil {
		return "", errs.E(errs.Internal, "cannot encode the goal state: %w", err)
	}
	return string(data), nil
}

func goalStatuses(all map[string]*hookv1.GoalStatus) map[string]goalStatusJSON {
	out := make(map[string]goalStatusJSON, len(all))
	for name, s := range all {
		out[name] = goalStatusJSON{s.GetStatus(), s.GetSince()}
	}
	return out
}

// decodeGoal reads what EncodeGoal wrote.
func decodeGoal(answer string) (*hookv1.GoalState, error) {
	var in goalJSON
	if err := json.Unmarshal([]byte(answer), &in); err != nil {
		return nil, errs.E(errs.Internal, "cannot read the goal state: the host answered %w", err)
	}
	read := func(all map[string]goalStatusJSON) map[string]*hookv1.GoalStatus {
		out := make(map[string]*hookv1.GoalStatus, len(all))
		for name, s := range all {
			out[name] = &hookv1.GoalStatus{Status: s.Status, Since: s.Since}
		}
		return out
	}
	g := &hookv1.GoalState{Units: read(in.Units), Relations: map[string]*hookv1.GoalRelation{}}
	for endpoint, members := range in.Relations {
		g.Relations[endpoint] = &hookv1.GoalRelation{Members: read(members)}
	}
	return g, nil
}
