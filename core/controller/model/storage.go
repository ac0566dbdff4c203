package model

import (
	"fmt"
	"path"

	"github.com/bangle-dev/bangle/core/charm"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// The statuses of a storage instance.
const (
	StoragePending   = "pending"   // asked for; the unit's place does not have it yet
	StorageAttached  = "attached"  // the unit's place has it
	StorageDetaching = "detaching" // the unit must still run its hook
	StorageDetached  = "detached"  // nobody's; its data stays
	StorageFailed    = "failed"    // the substrate cannot give it, see the message
)

// StorageDirective fills what the user left open of a storage directive from what the
// charm declares.
func StorageDirective(given *controllerv1.StorageDirective, s charm.Storage) *controllerv1.StorageDirective {
	d := &controllerv1.StorageDirective{Pool: given.GetPool(), Count: given.GetCount(), SizeBytes: given.GetSizeBytes()}
	if d.GetCount() == 0 {
		if least, _, err := s.Counts(); err == nil {
			d.Count = uint32(least)
		}
	}
	if d.GetSizeBytes() == 0 {
		if n, err := s.Bytes(); err == nil {
			d.SizeBytes = n
		}
	}
	return d
}

// NewStorage is a new storage instance of a unit; since is now, as records hold
// times.
func NewStorage(name string, number int, unit string, s charm.Storage, d *controllerv1.StorageDirective, since string) *controllerv1.StorageInstance {
	return &controllerv1.StorageInstance{Id: fmt.Sprintf("%s/%d", name, number), Name: name, Kind: s.Type, Owner: unit, Life: controllerv1.Life_LIFE_ALIVE,
		Pool: d.GetPool(), SizeBytes: d.GetSizeBytes(), Shared: s.Shared, ReadOnly: s.ReadOnly, Status: StoragePending, Since: since}
}

// MoreStorage says why a unit that has some instances of a store cannot have
// more of it, nil if it can. Text names the charm and what it allows.
func MoreStorage(ch *charm.Charm, name string, have int, more *controllerv1.StorageDirective) error {
	s, ok := ch.Meta.Storage[name]
	if !ok {
		return fmt.Errorf("charm %q has no storage %q", ch.Meta.Name, name)
	}
	least, most, err := s.Counts()
	if err != nil {
		return err
	}
	if n := have + int(more.GetCount()); most != charm.Unbounded && n > most {
		return fmt.Errorf("charm %q allows %s of storage %q for each unit; it has %d and %d more were asked for", ch.Meta.Name, CountRange(least, most), name, have, more.GetCount())
	}
	size, err := s.LeastBytes()
	if err == nil && more.GetSizeBytes() != 0 && more.GetSizeBytes() < size {
		err = fmt.Errorf("charm %q needs at least %d bytes of storage %q, not %d", ch.Meta.Name, size, name, more.GetSizeBytes())
	}
	return err
}

// StorageLocation is where the charm wants an instance: at the location that it
// declares, or in a directory of its own below when there may be several. ""
// leaves it to the substrate.
func StorageLocation(id string, s charm.Storage) string {
	if _, most, err := s.Counts(); s.Location == "" || err == nil && most == 1 {
		return s.Location
	}
	return path.Join(s.Location, id)
}

// CountRange says how many are allowed.
func CountRange(least, most int) string {
	switch {
	case most == charm.Unbounded:
		return fmt.Sprintf("%d or more", least)
	case least == most:
		return fmt.Sprintf("exactly %d", least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// ReleaseStorage makes a storage nobody's. Its data stays until it is removed.
func ReleaseStorage(st *controllerv1.StorageInstance, since string) {
	st.Owner, st.Attached, st.Status, st.Since, st.Message = "", "", StorageDetached, since, ""
}
