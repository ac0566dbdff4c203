package resolver

import (
	"maps"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// created: a unit that is installed and stays is told of every relation before anything else about it.
func created(in Input) (Decision, bool) {
	if !in.Cursor.Installed || in.dying() || in.queued() != "" {
		return none()
	}
	for _, rel := range in.Model.Relations {
		if known := in.Cursor.Relations[rel.ID]; known.GetCreated() && !known.GetBroken() || !standing(rel) {
			continue
		}
		ev := &hookv1.Event{Kind: api.EventRelationCreated}
		return in.unheard(rel.Implicit(), address(ev, rel.ID, rel.Own.Name, rel.Remote.Application))
	}
	return none()
}

// standing says whether the relation is to be there.
func standing(rel *source.Relation) bool {
	return rel != nil && rel.Record.Life == controllerv1.Life_LIFE_ALIVE && !rel.Record.Suspended
}

// address says which relation the event is about.
func address(ev *hookv1.Event, id int32, endpoint, remote string) *hookv1.Event {
	ev.RelationId, ev.Endpoint, ev.RemoteApp = id, endpoint, remote
	ev.Name = api.HookName(ev.Kind, endpoint)
	return ev
}

// relations: what is owed in the first relation, by id, that owes anything.
func relations(in Input) (Decision, bool) {
	for _, id := range slices.Sorted(maps.Keys(in.Cursor.Relations)) {
		known := in.Cursor.Relations[id]
		if !known.Created || known.Broken {
			continue
		}
		if ev := inRelation(in, known, in.Model.Relation(id)); ev != nil {
			return in.unheard(known.Implicit, address(ev, id, known.Endpoint, known.RemoteApp))
		}
	}
	return none()
}

// unheard commits the event without running it if the charm is not to hear of it: the unit is in an implicit relation
// like any other, so that the other side meets it, but its charm never declared the endpoint.
func (in Input) unheard(implicit bool, ev *hookv1.Event) (Decision, bool) {
	d, ok := in.run(ev)
	if implicit {
		d.Do, d.Begin = Skip, false
	}
	return d, ok
}

// inRelation is the strict order within one relation: the changed that a joined owes, departed, broken, the
// application's changed, joined, changed. rel is nil when the model has forgotten it.
func inRelation(in Input, known *controllerv1.RelationCursor, rel *source.Relation) *hookv1.Event {
	if known.OwedChanged != "" {
		return &hookv1.Event{Kind: api.EventRelationChanged, RemoteUnit: known.OwedChanged}
	}
	leaving := in.dying() || !standing(rel)
	if known.Implicit && !leaving {
		return nil
	}
	var present []string
	if !leaving {
		present = in.others(rel)
	}
	if ev := departed(in, known, present); ev != nil {
		return ev
	}
	if leaving {
		if known.Peer {
			return nil
		}
		return &hookv1.Event{Kind: api.EventRelationBroken}
	}
	if v := rel.Bags[known.RemoteApp].GetVersion(); v != 0 && v != known.AppVersion && !(known.Peer && in.Model.Leads()) {
		return &hookv1.Event{Kind: api.EventRelationChanged}
	}
	for _, unit := range present {
		if _, ok := known.Members[unit]; !ok {
			return &hookv1.Event{Kind: api.EventRelationJoined, RemoteUnit: unit}
		}
	}
	for _, unit := range present {
		if rel.Bags[unit].GetVersion() != known.Members[unit] {
			return &hookv1.Event{Kind: api.EventRelationChanged, RemoteUnit: unit}
		}
	}
	return nil
}

// departed is owed for every unit that the charm was told of and that is not there any more.
func departed(in Input, known *controllerv1.RelationCursor, present []string) *hookv1.Event {
	gone := ""
	for unit := range known.Members {
		if !slices.Contains(present, unit) && (gone == "" || event.Compare(unit, gone) < 0) {
			gone = unit
		}
	}
	if gone == "" {
		return nil
	}
	leaver := gone
	if in.dying() || in.Model.Application.GetLife() != controllerv1.Life_LIFE_ALIVE {
		leaver = in.Model.Name
	}
	return &hookv1.Event{Kind: api.EventRelationDeparted, RemoteUnit: gone, DepartingUnit: leaver}
}

// others lists the units on the other side that the unit meets, or the other units among peers.
func (in Input) others(rel *source.Relation) []string {
	var list []string
	for _, u := range rel.Units {
		if in.Model.Meets(rel, u) {
			list = append(list, u)
		}
	}
	return list
}

// besidePrincipal says whether a subordinate's principal is in one of the relations that put the unit there. Until then
// the unit waits: Juju makes it no sooner, so its charm finds its principal installed.
func (in Input) besidePrincipal() bool {
	principal := in.Model.Unit.GetPrincipal()
	return principal == "" || slices.ContainsFunc(in.Model.Relations, func(rel *source.Relation) bool {
		return rel.Container() && slices.Contains(rel.Units, principal)
	})
}

// alone says whether no subordinates live beside the unit any more; a dying unit stays until they are gone.
func (in Input) alone() (Decision, bool) {
	if left := in.Model.Unit.GetSubordinates(); len(left) > 0 {
		return wait(in.never(), "waiting for its subordinates to be removed: "+strings.Join(left, ", "))
	}
	return none()
}
