package resolver

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// blockSize is how many members of a relation lie in one record of the store.
const blockSize = 64

// Whole puts the cursor together: the unit's state and, from the blocks beside it, the members of its relations. A
// unit without a state has an empty cursor.
func Whole(s *source.Snapshot) *controllerv1.Cursor {
	c := proto.CloneOf(s.State.GetCursor())
	if c == nil {
		c = &controllerv1.Cursor{}
	}
	for _, b := range s.Blocks {
		known := c.Relations[b.RelationId]
		if known == nil {
			continue
		}
		if known.Members == nil {
			known.Members = make(map[string]uint64, len(b.Members))
		}
		maps.Copy(known.Members, b.Members)
	}
	return c
}

// Split is the reverse of Whole: the cursor as the store keeps it and the blocks that differ from those before, an
// empty one where the last member went. Neither argument is changed.
func Split(before, after *controllerv1.Cursor) (*controllerv1.Cursor, []*controllerv1.MemberBlock) {
	stored := proto.CloneOf(after)
	ids := map[int32]struct{}{}
	for id := range before.GetRelations() {
		ids[id] = struct{}{}
	}
	for id, known := range stored.Relations {
		ids[id] = struct{}{}
		known.Members = nil
	}
	var changed []*controllerv1.MemberBlock
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		old, now := blocks(before.GetRelations()[id]), blocks(after.Relations[id])
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
