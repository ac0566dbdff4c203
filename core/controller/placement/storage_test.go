package placement_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func stored(id, owner, status string, life controllerv1.Life, destroy bool) *controllerv1.StorageInstance {
	return &controllerv1.StorageInstance{Id: id, Name: "data", Kind: "filesystem", Owner: owner, Status: status, Life: life, Destroy: destroy, SizeBytes: 5}
}

// attachments are what the substrate was told of a unit's storage: "data/0", and "data/1-" on its way out.
func (r *rig) attachments(unit string) (list []string) {
	for _, u := range r.world.Spec(uuid, "web").GetUnits() {
		for _, a := range u.GetStorage() {
			id := a.GetId()
			if a.GetDetaching() {
				id += "-"
			}
			if u.GetName() == unit && a.GetSizeBytes() == 5 && a.GetKind() == "filesystem" {
				list = append(list, id)
			}
		}
	}
	return list
}

// TestStorageOfARunningUnit tells the substrate what a unit is to have, and removes what is nobody's and to go.
func TestStorageOfARunningUnit(t *testing.T) {
	r := newRig(t)
	r.deploy("fake-0")
	put := func(list ...*controllerv1.StorageInstance) {
		records := map[string]proto.Message{}
		for _, st := range list {
			records[at(key.Named(key.Storage, st.Id))] = st
		}
		r.put(records)
	}
	put(stored("data/0", "web/0", "attached", alive, false), stored("data/1", "web/0", "detaching", alive, false), stored("data/2", "", "detached", alive, false))
	r.eventually("the substrate knows what web/0 has", func(*snapshot.Model) bool { return slices.Equal(r.attachments("web/0"), []string{"data/0", "data/1-"}) })
	put(stored("data/1", "", "detached", alive, false))
	r.eventually("what was let go of is left out", func(*snapshot.Model) bool { return slices.Equal(r.attachments("web/0"), []string{"data/0"}) })
	put(stored("data/1", "web/1", "pending", alive, false))
	r.eventually("another unit has it", func(*snapshot.Model) bool { return slices.Equal(r.attachments("web/1"), []string{"data/1"}) })
	put(stored("data/3", "", "detached", dying, true), stored("data/4", "", "detached", dying, false), stored("data/5", "web/1", "detaching", dying, true))
	r.eventually("what is nobody's and to go is gone", func(m *snapshot.Model) bool { return !m.Storage["data/3"].Exists() && !m.Storage["data/4"].Exists() })
	m, _ := r.reader.Model(uuid)
	if got := slices.Compact(r.world.Removed()); !slices.Equal(got, []string{"storage data/3"}) {
		t.Errorf("the substrate removed %v; data/4 was to be left where it is", got)
	}
	for _, id := range []string{"data/0", "data/1", "data/2", "data/5"} {
		if !m.Storage[id].Exists() {
			t.Errorf("%s is gone", id)
		}
	}
}

// TestModelWaitsForItsStorage keeps a dying model until what is to be destroyed with it is.
func TestModelWaitsForItsStorage(t *testing.T) {
	r := newRig(t)
	r.put(map[string]proto.Message{
		store.ModelKey(uuid):                 &controllerv1.Model{Uuid: uuid, Name: "m", Substrate: "fake", Life: dying},
		at(key.Named(key.Storage, "data/0")): stored("data/0", "", "detached", dying, true),
	})
	r.eventually("the model goes", func(m *snapshot.Model) bool { return m == nil })
	if got := slices.Compact(r.world.Removed()); !slices.Equal(got, []string{"storage data/0"}) {
		t.Errorf("removed %v before the model went", got)
	}
}
