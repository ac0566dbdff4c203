package dispatch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// maxBags is how many bytes of other units' bags a view carries; those beyond are read when a hook asks for them.
const maxBags = 1 << 20

// relations are those that the charm was told of, with the one that this event is about.
func relations(in ViewInput) (all []*hookv1.RelationView, onDemand []string) {
	ids := map[int32]struct{}{}
	for id, known := range in.Cursor.Relations {
		if known.Created && !known.Broken {
			ids[id] = struct{}{}
		}
	}
	if in.Event.RelationId != 0 {
		ids[in.Event.RelationId] = struct{}{}
	}
	b := &bagger{left: maxBags}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if v := relation(in, id, b); v != nil {
			all = append(all, v)
		}
	}
	return all, b.onDemand
}

// bagger counts the bags that go into a view.
type bagger struct {
	left     int
	onDemand []string
}

// take answers the bag, or notes that it is left out.
func (b *bagger) take(relation int32, owner string, bag *controllerv1.Bag) map[string]string {
	size := 0
	for k, v := range bag.GetValues() {
		size += len(k) + len(v)
	}
	if size > b.left {
		b.onDemand = append(b.onDemand, fmt.Sprintf("bag/%d/%s", relation, owner))
		return nil
	}
	b.left -= size
	return bag.GetValues()
}

// relation is one as the charm sees it. A relation that the model has forgotten is what the charm was told of it.
func relation(in ViewInput, id int32, b *bagger) *hookv1.RelationView {
	known, rel := in.Cursor.Relations[id], in.Model.Relation(id)
	current := in.Event.RelationId == id
	v := &hookv1.RelationView{Id: id, Endpoint: known.GetEndpoint(), RemoteApp: known.GetRemoteApp(), Life: "dying",
		Broken: current && in.Event.Kind == api.EventRelationBroken}
	if current {
		v.Endpoint, v.RemoteApp = in.Event.Endpoint, in.Event.RemoteApp
	}
	if known.GetPeer() {
		v.Role = "peer"
	}
	bags := map[string]*controllerv1.Bag{}
	if rel != nil {
		bags = rel.Bags
		v.Endpoint, v.RemoteApp, v.Life = rel.Own.Name, rel.Remote.Application, life(rel.Record.Life)
		v.Interface, v.Role, v.Scope = rel.Own.Interface, rel.Own.Role, rel.Own.Scope
	}
	members := membership(in, known, current)
	for _, unit := range members {
		v.Members = append(v.Members, member(id, unit, bags, b))
	}
	for _, unit := range gone(in, rel, v.RemoteApp, members, bags) {
		v.Departed = append(v.Departed, member(id, unit, bags, b))
	}
	own := in.Model.Application.Name
	if v.LocalUnit = bags[in.Model.Name].GetValues(); current && enters(in, rel) {
		v.LocalUnit = hook.BagDefaults(addresses(in))
	}
	if v.LocalAppReadable = in.leader() || v.Role == "peer"; v.LocalAppReadable {
		v.LocalApp = bags[own].GetValues()
	}
	v.RemoteAppBag = b.take(id, v.RemoteApp, bags[v.RemoteApp])
	return v
}

// enters says whether the event takes the unit into the relation: its bag begins anew with the commit.
func enters(in ViewInput, rel *source.Relation) bool {
	return in.Event.Kind == api.EventRelationCreated && rel != nil && !slices.Contains(rel.Units, in.Model.Name)
}

func member(id int32, unit string, bags map[string]*controllerv1.Bag, b *bagger) *hookv1.MemberView {
	return &hookv1.MemberView{Unit: unit, Bag: b.take(id, unit, bags[unit]), Version: bags[unit].GetVersion()}
}

// membership is the cursor's with this event applied.
func membership(in ViewInput, known *controllerv1.RelationCursor, current bool) []string {
	units := map[string]struct{}{}
	for unit := range known.GetMembers() {
		units[unit] = struct{}{}
	}
	if current && in.Event.RemoteUnit != "" {
		switch in.Event.Kind {
		case api.EventRelationDeparted:
			delete(units, in.Event.RemoteUnit)
		default:
			units[in.Event.RemoteUnit] = struct{}{}
		}
	}
	list := slices.Collect(maps.Keys(units))
	event.SortUnits(list)
	return list
}

// gone are the units whose bags are still there though they left: readable until the relation is gone.
func gone(in ViewInput, rel *source.Relation, remote string, members []string, bags map[string]*controllerv1.Bag) []string {
	var list []string
	for owner := range bags {
		left := api.ApplicationOf(owner) == remote && owner != remote && owner != in.Model.Name &&
			!slices.Contains(members, owner) && (rel == nil || !slices.Contains(rel.Units, owner) || owner == in.Event.RemoteUnit)
		if left && (rel == nil || owner == in.Event.RemoteUnit || in.Model.Meets(rel, owner)) {
			list = append(list, owner)
		}
	}
	event.SortUnits(list)
	return list
}
