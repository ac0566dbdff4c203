package model

import (
	"cmp"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Goal is what the model is heading for around a unit: all units of its application, and the applications and units on the
// other side of its relations whether they have entered or not. Of a relation of scope container it has only the
// counterpart. Nil when there is no such unit.
func (g *Graph) Goal(unit string) *hookv1.GoalState {
	if u, _ := g.Unit(unit); u == nil {
		return nil
	}
	app := key.AppOf(unit)
	goal := &hookv1.GoalState{Units: map[string]*hookv1.GoalStatus{}, Relations: map[string]*hookv1.GoalRelation{}}
	for _, name := range g.Units(app) {
		if s := g.heading(name); s != nil {
			goal.Units[name] = s
		}
	}
	for _, id := range g.Relations(app) {
		r, _ := g.Relation(id)
		own, remote := Ends(r, app)
		if r.GetLife() == controllerv1.Life_LIFE_DEAD {
			continue
		}
		to := goal.Relations[own.GetName()]
		if to == nil {
			to = &hookv1.GoalRelation{Members: map[string]*hookv1.GoalStatus{}}
			goal.Relations[own.GetName()] = to
		}
		to.Members[remote.GetApplication()] = &hookv1.GoalStatus{Status: relationStatus(r), Since: r.GetCreated()}
		for _, name := range g.Units(remote.GetApplication()) {
			if s := g.heading(name); s != nil && g.Meets(id, unit, name, app, remote.GetApplication()) {
				to.Members[name] = s
			}
		}
	}
	return goal
}

// heading is one unit's status as others' goal state shows it, nil for one that is as good as gone.
func (g *Graph) heading(unit string) *hookv1.GoalStatus {
	u, _ := g.Unit(unit)
	status, _ := Get[*controllerv1.UnitStatus](g, key.OfUnit(key.Status, unit))
	now := &hookv1.GoalStatus{Status: cmp.Or(status.GetWorkload().GetCurrent(), "waiting"), Since: cmp.Or(status.GetWorkload().GetSince(), u.GetCreated())}
	switch u.GetLife() {
	case controllerv1.Life_LIFE_DEAD:
		return nil
	case controllerv1.Life_LIFE_DYING:
		now.Status = LifeName(u.GetLife())
	}
	return now
}

// relationStatus is the word for a relation's state.
func relationStatus(r *controllerv1.Relation) string {
	switch {
	case r.GetLife() == controllerv1.Life_LIFE_DYING:
		return "broken"
	case r.GetSuspended():
		return "suspended"
	}
	return "joined"
}
