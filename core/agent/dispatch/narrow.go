package dispatch

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// concerns says whether the charm hears of an event: one of a relation that it does not see is none of its business.
func concerns(c *Charm, ev *hookv1.Event) bool {
	return ev.GetRelationId() == 0 || c.Relates(ev.GetEndpoint())
}

// unheard is an event that the charm does not hear of. It is committed as one without a handler: the relation goes on as
// the model has it, and nothing waits for the charm.
func unheard() Result {
	return Result{Done: &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED}, Started: true}
}

// narrow leaves out of a view every relation that the charm does not see, and what would tell of one: its bindings, the
// grants of secrets in it, its bags that can be asked for. What is left out does not exist to the charm: the rules of its
// calls and its changeset are those of the view, so a relation that it guesses is not found.
func narrow(c *Charm, v *hookv1.View) {
	if c.RelatesToAll() {
		return
	}
	hidden := map[int32]bool{}
	v.Relations = slices.DeleteFunc(slices.Clone(v.Relations), func(r *hookv1.RelationView) bool {
		hidden[r.GetId()] = !c.Relates(r.GetEndpoint())
		return hidden[r.GetId()]
	})
	v.Networks = slices.DeleteFunc(slices.Clone(v.Networks), func(n *hookv1.NetworkView) bool {
		_, endpoint := c.Meta.Endpoint(n.GetBinding())
		return endpoint && !c.Relates(n.GetBinding())
	})
	v.OnDemand = slices.DeleteFunc(slices.Clone(v.OnDemand), func(section string) bool {
		var id int32
		_, err := fmt.Sscanf(section, "bag/%d/", &id)
		return err == nil && hidden[id]
	})
	for _, s := range v.Secrets {
		s.Access = slices.DeleteFunc(slices.Clone(s.Access), func(a *hookv1.SecretAccess) bool { return hidden[a.GetRelationId()] })
	}
	v.GoalState = narrowGoal(c.Relates, v.GoalState)
}

// narrowed is a view for another charm than the one that it was made for; the view itself stays.
func narrowed(c *Charm, v *hookv1.View) *hookv1.View {
	v = proto.CloneOf(v)
	if v != nil {
		narrow(c, v)
	}
	return v
}

// narrowGoal leaves out of a goal state the relations of endpoints that the charm does not see.
func narrowGoal(relates func(endpoint string) bool, g *hookv1.GoalState) *hookv1.GoalState {
	if g == nil || relates == nil {
		return g
	}
	out := &hookv1.GoalState{Units: g.GetUnits(), Relations: map[string]*hookv1.GoalRelation{}}
	for endpoint, members := range g.GetRelations() {
		if relates(endpoint) {
			out.Relations[endpoint] = members
		}
	}
	return out
}
