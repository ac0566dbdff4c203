package resolver

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// blockSize is how many members of a relation lie in one record of the store.
const blockSize = 64

// Whole puts the cursor together: the unit's state and, from the blocks beside it, the members of its relations. A
// unit without a state has an empty cursor. What it knows of relations is shared with the snapshot and must not be changed.
func Whole(s *source.Snapshot) *controllerv1.Cursor {
	c := copied(s.State.GetCursor())
	own := map[int32]bool{}
	for _, b := range s.Blocks {
		known := c.Relations[b.RelationId]
		if known == nil {
			continue
		}
		if !own[b.RelationId] {
			known, own[b.RelationId] = proto.CloneOf(known), true
			c.Relations[b.RelationId] = known
		}
		if known.Members == nil {
			known.Members = make(map[string]uint64, len(b.Members))
		}
		maps.Copy(known.Members, b.Members)
	}
	return c
}

// copied is a cursor of one's own, but for what it knows of each relation: an event changes one of perhaps a thousand. Whoever
// changes one makes a copy of it first.
func copied(c *controllerv1.Cursor) *controllerv1.Cursor {
	if c == nil {
		return &controllerv1.Cursor{}
	}
	own := proto.CloneOf(without(c))
	own.Relations = maps.Clone(c.Relations)
	return own
}

// without is the cursor without its relations; it shares everything else.
func without(c *controllerv1.Cursor) *controllerv1.Cursor {
	out := &controllerv1.Cursor{}
	from, to := c.ProtoReflect(), out.ProtoReflect()
	from.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.Name() != "relations" {
			to.Set(field, v)
		}
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return out
}

// Split is the reverse of Whole: the cursor as the store keeps it and the blocks that differ from those before, an
// empty one where the last member went. Neither argument is changed; the answer shares what it can with them.
func Split(before, after *controllerv1.Cursor) (*controllerv1.Cursor, []*controllerv1.MemberBlock) {
	stored := without(after)
	ids := map[int32]struct{}{} // of relations with members that may be others
	note := func(id int32) {
		if was, is := before.GetRelations()[id], after.GetRelations()[id]; was != is && len(was.GetMembers())+len(is.GetMembers()) > 0 {
			ids[id] = struct{}{}
		}
	}
	for id := range before.GetRelations() {
		note(id)
	}
	if after.GetRelations() != nil {
		stored.Relations = make(map[int32]*controllerv1.RelationCursor, len(after.Relations))
	}
	for id, known := range after.GetRelations() {
		note(id)
		stored.Relations[id] = lean(known)
	}
	var changed []*controllerv1.MemberBlock
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		old, now := blocks(before.GetRelations()[id]), blocks(after.GetRelations()[id])
		for n := range old {
			if now[n] == nil {
				now[n] = map[string]uint64{}
			}
		}
		for _, n := range slices.Sorted(maps.Keys(now)) {
			if !maps.Equal(old[n], now[n]) {
				changed = append(changed, &controllerv1.MemberBlock{RelationId: id, Block: n, Members: now[n]})
			}
		}
	}
	return stored, changed
}

// lean is what is known of a relation without its members.
func lean(known *controllerv1.RelationCursor) *controllerv1.RelationCursor {
	if known.GetMembers() == nil {
		return known
	}
	out := &controllerv1.RelationCursor{}
	from, to := known.ProtoReflect(), out.ProtoReflect()
	from.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.Name() != "members" {
			to.Set(field, v)
		}
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return out
}

// blocks sorts the members of a relation into their blocks.
func blocks(known *controllerv1.RelationCursor) map[uint32]map[string]uint64 {
	all := map[uint32]map[string]uint64{}
	for unit, version := range known.GetMembers() {
		n := uint32(event.Number(unit) / blockSize)
		if all[n] == nil {
			all[n] = map[string]uint64{}
		}
		all[n][unit] = version
	}
	return all
}
