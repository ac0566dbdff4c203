package substratetest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// needsStorage skips the case where there is none.
func (b *bench) needsStorage(t testing.TB) {
	t.Helper()
	info, err := b.Provider.Info(b.ctx(t))
	if err != nil || !slices.Contains(info.GetCapabilities(), "storage") {
		t.Skipf("the substrate has no storage (%v)", err)
	}
}

// stored is the specification with the storage of each unit, in the order of the
// units; "data/0-" is on its way out.
func stored(spec *substratev1.ApplicationSpec, units ...[]string) *substratev1.ApplicationSpec {
	spec.Storage = []*substratev1.Storage{{Name: "data", Kind: "filesystem", SizeBytes: 1 << 20}}
	for i, ids := range units {
		for _, id := range ids {
			a := &substratev1.StorageAttachment{Id: id, Name: "data", Kind: "filesystem", SizeBytes: 1 << 20}
			if last := len(id) - 1; id[last] == '-' {
				a.Id, a.Detaching = id[:last], true
			}
			spec.Units[i].Storage = append(spec.Units[i].Storage, a)
		}
	}
	return spec
}

// mounts waits until the unit's environment has exactly this storage and says
// where each lies.
func (b *bench) mounts(t testing.TB, unit string, ids ...string) map[string]string {
	t.Helper()
	var at map[string]string
	if !suite.Eventually(b.cfg.Patience, func() bool {
		env, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: modelA, Unit: unit})
		at = map[string]string{}
		for _, m := range env.GetStorage() {
			at[m.GetId()] = m.GetLocation()
		}
		return err == nil && len(at) == len(ids) && !slices.ContainsFunc(ids, func(id string) bool { return !filepath.IsAbs(at[id]) })
	}) {
		t.Fatalf("unit %s has storage %v, want %v", unit, at, ids)
	}
	return at
}

// storageComesAndGoes adds storage to a running unit and takes it away again.
// Both are told by Watch, and the unit's containers run on.
func storageComesAndGoes(t testing.TB, b *bench) {
	b.needsStorage(t)
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0"}))
	p := b.up(t, modelA, "web/0")
	b.mounts(t, "web/0", "data/0")
	told := b.watch(t, modelA, "web/0")
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0", "data/1"}))
	at := b.mounts(t, "web/0", "data/0", "data/1")
	if at["data/0"] == at["data/1"] {
		t.Errorf("two storages share %s", at["data/0"])
	}
	storageTold(t, b, told, "data/1", "attached")
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0", "data/1-"}))
	if again := b.mounts(t, "web/0", "data/0", "data/1"); again["data/1"] != at["data/1"] {
		t.Errorf("storage that the unit has not let go of moved from %s to %s", at["data/1"], again["data/1"])
	}
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0"}))
	b.mounts(t, "web/0", "data/0")
	storageTold(t, b, told, "data/1", "detaching")
	p.still(t, "after storage came and went")
}

// storageMoves gives storage of one unit to another.
func storageMoves(t testing.TB, b *bench) {
	b.needsStorage(t)
	b.ensure(t, stored(b.spec(modelA, "web", "0", "1"), []string{"data/0"}, nil))
	b.up(t, modelA, "web/0")
	b.up(t, modelA, "web/1")
	b.keep(t, b.mounts(t, "web/0", "data/0")["data/0"])
	b.ensure(t, stored(b.spec(modelA, "web", "0", "1"), nil, nil))
	b.mounts(t, "web/0")
	b.ensure(t, b.spec(modelA, "web", "1")) // who had it is gone
	b.ensure(t, stored(b.spec(modelA, "web", "1"), []string{"data/0"}))
	b.kept(t, b.mounts(t, "web/1", "data/0")["data/0"])
}

// storageRemoved removes one storage that nobody has any more.
func storageRemoved(t testing.TB, b *bench) {
	b.needsStorage(t)
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0", "data/1"}))
	p := b.up(t, modelA, "web/0")
	at := b.mounts(t, "web/0", "data/0", "data/1")
	b.keep(t, at["data/0"])
	b.keep(t, at["data/1"])
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0"}))
	b.mounts(t, "web/0", "data/0")
	req := &substratev1.RemoveRequest{ModelUuid: modelA, Storage: "data/1", DestroyStorage: true, TimeoutMs: b.cfg.Patience.Milliseconds()}
	for range 2 { // what is gone is removed at once
		if err := b.Provider.Remove(b.ctx(t), req, func(p *substratev1.RemoveProgress) error {
			if p.GetBlocking() != "" {
				t.Errorf("removing storage is blocked: %v", p)
			}
			return nil
		}); err != nil {
			t.Fatalf("cannot remove storage: %v", err)
		}
	}
	p.still(t, "after a storage was removed")
	b.kept(t, b.mounts(t, "web/0", "data/0")["data/0"])
	b.ensure(t, stored(b.spec(modelA, "web", "0"), []string{"data/0", "data/1"}))
	if _, err := os.Stat(filepath.Join(b.mounts(t, "web/0", "data/0", "data/1")["data/1"], "kept")); err == nil {
		t.Error("storage that was removed has its data still")
	}
}

func (b *bench) keep(t testing.TB, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "kept"), []byte("yes"), 0o600); err != nil {
		t.Fatalf("cannot write to the storage: %v", err)
	}
}

func (b *bench) kept(t testing.TB, dir string) {
	t.Helper()
	if content, err := os.ReadFile(filepath.Join(dir, "kept")); string(content) != "yes" {
		t.Errorf("the storage lost its file: %v", err)
	}
}

// storageTold waits until Watch tells a state of a storage.
func storageTold(t testing.TB, b *bench, events <-chan *substratev1.UnitEvent, id, state string) {
	t.Helper()
	deadline := time.After(b.cfg.Patience)
	for {
		select {
		case ev := <-events:
			if s := ev.GetStorage(); s.GetId() == id && s.GetState() == state {
				return
			}
		case <-deadline:
			t.Errorf("Watch did not tell that storage %s is %s", id, state)
			return
		}
	}
}
