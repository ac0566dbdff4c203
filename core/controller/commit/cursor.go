package commit

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// blockSize is how many unit numbers one block of members covers.
const blockSize = 64

// cursor drafts the unit's state, which is the guard of its next commit, and the blocks of members beside it. The cursor
// is kept as sent, fields that this controller does not know included; members that lie in it are moved to their blocks. last is the
// event that was committed last, which may be this one.
func (d *draft) cursor(c *controllerv1.Cursor, blocks []*controllerv1.MemberBlock, last *controllerv1.Ended) *controllerv1.Refusal {
	k := key.OfUnit(key.State, d.guard.Unit)
	if c == nil {
		return refuse(Invalid, k.String(), "a commit must carry the cursor")
	}
	old := value[*controllerv1.UnitState](d.entry(k)).GetCursor()
	switch {
	case c.GetMinReader() < old.GetMinReader() || c.GetSchema() < old.GetSchema():
		return refuse(Invalid, k.String(), "the cursor was written by a newer agent (schema %d, minimum reader %d); this agent must not write it", old.GetSchema(), old.GetMinReader())
	case c.GetSequence() < old.GetSequence():
		return refuse(Conflict, k.String(), "the cursor goes back from event %d to %d", old.GetSequence(), c.GetSequence())
	}
	c = proto.CloneOf(c)
	for _, b := range blocks {
		if refusal := d.block(b); refusal != nil {
			return refusal
		}
	}
	for _, relation := range slices.Sorted(maps.Keys(c.GetRelations())) {
		r := c.Relations[relation]
		if len(r.GetMembers()) == 0 {
			continue
		}
		for _, b := range split(relation, r.Members) {
			if refusal := d.block(b); refusal != nil {
				return refusal
			}
		}
		d.dropBlocks(func(k key.Key) bool { return k.Relation == relation && !holds(r.Members, k.Part) })
		r.Members = nil
	}
	d.dropBlocks(func(k key.Key) bool { return c.GetRelations()[k.Relation] == nil })
	d.put(k, &controllerv1.UnitState{Cursor: c, CommitId: d.id, Last: last})
	return nil
}

// last is the event that the unit committed last.
func (d *draft) last() *controllerv1.Ended {
	return value[*controllerv1.UnitState](d.entry(key.OfUnit(key.State, d.guard.Unit))).GetLast()
}

// block drafts one block of members; an empty one is deleted.
func (d *draft) block(b *controllerv1.MemberBlock) *controllerv1.Refusal {
	k := key.MembersOf(d.guard.Unit, b.GetRelationId(), b.GetBlock())
	if b.GetRelationId() < 1 {
		return refuse(Invalid, k.String(), "there is no relation %d", b.GetRelationId())
	}
	for unit := range b.GetMembers() {
		if n, ok := key.UnitNumber(unit); !ok || uint32(n/blockSize) != b.GetBlock() {
			return refuse(Invalid, k.String(), "member %q does not belong into block %d", unit, b.GetBlock())
		}
	}
	if len(b.GetMembers()) == 0 {
		d.delete(k)
		return nil
	}
	if e := d.entry(k); e == nil || !proto.Equal(e.Value, b) {
		d.put(k, b)
	}
	return nil
}

// dropBlocks deletes those blocks of the unit that gone names and nothing writes.
func (d *draft) dropBlocks(gone func(key.Key) bool) {
	for _, e := range d.g.OfUnit(d.guard.Unit) {
		if _, written := d.touched[e.Name]; e.Key.Kind == key.Members && !written && gone(e.Key) {
			d.delete(e.Key)
		}
	}
}

// split cuts members into blocks.
func split(relation int32, members map[string]uint64) []*controllerv1.MemberBlock {
	blocks := map[uint32]*controllerv1.MemberBlock{}
	for unit, version := range members {
		n, _ := key.UnitNumber(unit)
		block := uint32(n / blockSize)
		if blocks[block] == nil {
			blocks[block] = &controllerv1.MemberBlock{RelationId: relation, Block: block, Members: map[string]uint64{}}
		}
		blocks[block].Members[unit] = version
	}
	var out []*controllerv1.MemberBlock
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		out = append(out, blocks[block])
	}
	return out
}

// holds says whether any member belongs into the block.
func holds(members map[string]uint64, block uint32) bool {
	for unit := range members {
		if n, _ := key.UnitNumber(unit); uint32(n/blockSize) == block {
			return true
		}
	}
	return false
}
