package substratetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// ensureCases are about what Ensure brings about.
func ensureCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "a unit comes up", Run: comesUp},
		{Name: "ensuring twice changes nothing", Run: ensureTwice},
		{Name: "an older revision is refused and ignored", Run: olderRevision},
		{Name: "a unit is added beside the others", Run: unitAdded},
		{Name: "a unit left out is ended, the others go on", Run: unitRemoved},
		{Name: "a draining unit keeps its place", Run: draining},
		{Name: "the last of many specifications wins", Run: lastWins},
		{Name: "applications do not touch each other", Run: twoApplications},
		{Name: "a subordinate is beside its principal and goes alone", Run: subordinate},
		{Name: "two models with one application name do not meet", Run: twoModels},
		{Name: "long names work", Run: longNames},
		{Name: "storage is mounted and outlives the substrate", Run: storage},
		{Name: "storage comes and goes while its unit runs", Run: storageComesAndGoes},
		{Name: "detached storage keeps its data for another unit", Run: storageMoves},
		{Name: "removing storage removes it and nothing else", Run: storageRemoved},
		{Name: "removing an application ends its units", Run: removes},
		{Name: "removing what is not there is no error", Run: removesNothing},
		{Name: "removing is bounded and names what it waits for", Run: removesInTime},
	}
}

func comesUp(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	o.running(t, modelA, "web/0")
	seen := o.of(modelA, "web/0")
	if seen.GetApplication() != "web" || seen.GetProviderId() == "" || seen.GetGoneConfirmed() {
		t.Errorf("observation = %v", seen)
	}
	if len(p.socket) > 107 {
		t.Errorf("socket %s has %d bytes", p.socket, len(p.socket))
	}
}

func ensureTwice(t testing.TB, b *bench) {
	spec := b.spec(modelA, "web", "0")
	b.ensureAt(t, spec, 5, true)
	p := b.up(t, modelA, "web/0")
	b.ensureAt(t, spec, 5, true)
	b.ensureAt(t, spec, 6, true)
	p.still(t, "after the same specification at the same and at a newer revision")
}

func olderRevision(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensureAt(t, b.spec(modelA, "web", "0", "1"), 7, true)
	p := b.up(t, modelA, "web/1")
	b.ensureAt(t, b.spec(modelA, "web", "0"), 6, false)
	b.ensureAt(t, b.spec(modelA, "web", "0", "1", "2"), 8, true)
	b.up(t, modelA, "web/2")
	o.running(t, modelA, "web/2")
	p.still(t, "after a refused specification without it")
}

func unitAdded(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	if q := b.up(t, modelA, "web/1"); q.socket == p.socket || q.boot == p.boot {
		t.Errorf("two units share %s", q.socket)
	}
	p.still(t, "after a second unit came")
}

func unitRemoved(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	stays, goes := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	b.ensure(t, b.spec(modelA, "web", "0"))
	o.gone(t, modelA, "web/1")
	if boot, err := bootOf(goes.socket); err == nil {
		t.Errorf("the supervisor %s answers although its unit is gone for sure", boot)
	}
	stays.still(t, "after another unit was left out")
}

func draining(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	p := b.up(t, modelA, "web/1")
	o.running(t, modelA, "web/1")
	b.ensure(t, b.spec(modelA, "web", "0", "1!"))
	b.ensure(t, b.spec(modelA, "web", "0", "1!", "2"))
	b.up(t, modelA, "web/2") // what Ensure began is done
	p.still(t, "while the unit drains")
	if o.of(modelA, "web/1").GetGoneConfirmed() {
		t.Error("a draining unit is told to be gone")
	}
	b.ensure(t, b.spec(modelA, "web", "0", "2"))
	o.gone(t, modelA, "web/1")
}

func lastWins(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	for range 4 {
		b.ensure(t, b.spec(modelA, "web", "0", "1", "2"))
		b.ensure(t, b.spec(modelA, "web", "0"))
	}
	b.ensure(t, b.spec(modelA, "web", "0", "3"))
	o.running(t, modelA, "web/3")
	b.up(t, modelA, "web/0")
	for _, unit := range []string{"web/1", "web/2"} {
		o.until(t, unit+" to be gone or never seen", func() bool {
			seen := o.of(modelA, unit)
			return seen == nil || seen.GetPhase() == "gone"
		})
	}
}

func twoApplications(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.ensure(t, b.spec(modelA, "db", "0"))
	p := b.up(t, modelA, "web/0")
	b.up(t, modelA, "db/0")
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "db"))
	o.gone(t, modelA, "db/0")
	p.still(t, "after another application lost its units")
}

func twoModels(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.ensure(t, b.spec(modelB, "web", "0"))
	p, q := b.up(t, modelA, "web/0"), b.up(t, modelB, "web/0")
	if p.socket == q.socket || p.boot == q.boot {
		t.Fatalf("both models have the place %s", p.socket)
	}
	o := b.observe(t, "", false)
	b.ensure(t, b.spec(modelA, "web"))
	o.gone(t, modelA, "web/0")
	q.still(t, "after the other model's unit was ended")
	only := b.observe(t, modelB, false)
	only.until(t, "the first listing", func() bool { return only.count() > 0 })
	if only.of(modelA, "web/0") != nil || only.of(modelB, "web/0") == nil {
		t.Error("an observer of one model is not told of exactly that model's units")
	}
}

func longNames(t testing.TB, b *bench) {
	app := "a" + strings.Repeat("-long", 12)
	spec := b.spec(modelA, app, "0")
	spec.ModelName = strings.Repeat("m", 60)
	spec.Containers[0].Name = "c" + strings.Repeat("-name", 12)
	b.ensure(t, spec)
	if p := b.up(t, modelA, app+"/0"); len(p.socket) > 107 {
		t.Errorf("socket %s has %d bytes, at most 107 work", p.socket, len(p.socket))
	}
}

func storage(t testing.TB, b *bench) {
	b.needsStorage(t)
	spec := b.spec(modelA, "web", "0")
	spec.Storage = []*substratev1.Storage{{Name: "data", Kind: "filesystem", Count: 1, SizeBytes: 1 << 20}}
	spec.Containers[0].Mounts = []*substratev1.Mount{{Storage: "data", Location: "/data"}}
	spec.Units[0].Storage = []*substratev1.StorageAttachment{{Id: "data/7", Name: "data"}}
	b.ensure(t, spec)
	location := func() string {
		t.Helper()
		for _, m := range b.up(t, modelA, "web/0").storage {
			if m.GetId() == "data/7" && m.GetName() == "data" && filepath.IsAbs(m.GetLocation()) {
				return m.GetLocation()
			}
		}
		t.Fatal("the environment has no storage data/7 with an absolute location")
		return ""
	}
	if err := os.WriteFile(filepath.Join(location(), "kept"), []byte("yes"), 0o600); err != nil {
		t.Fatalf("cannot write to the storage: %v", err)
	}
	if b.Kill != nil {
		b.restart(t)
		b.ensure(t, spec)
	}
	if content, err := os.ReadFile(filepath.Join(location(), "kept")); string(content) != "yes" {
		t.Errorf("the storage lost its file: %v", err)
	}
}

// remove removes and returns what was told on the way.
func (b *bench) remove(t testing.TB, req *substratev1.RemoveRequest) []*substratev1.RemoveProgress {
	t.Helper()
	var told []*substratev1.RemoveProgress
	err := b.Provider.Remove(b.ctx(t), req, func(p *substratev1.RemoveProgress) error {
		told = append(told, p)
		return nil
	})
	if err != nil {
		t.Errorf("Remove: %v", err)
	}
	return told
}

func removes(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0", "1"))
	b.ensure(t, b.spec(modelA, "db", "0"))
	p, q := b.up(t, modelA, "web/0"), b.up(t, modelA, "web/1")
	other := b.up(t, modelA, "db/0")
	told := b.remove(t, &substratev1.RemoveRequest{ModelUuid: modelA, Application: "web", TimeoutMs: 20000})
	if len(told) == 0 {
		t.Error("Remove told nothing")
	}
	for _, gone := range []place{p, q} {
		if _, err := bootOf(gone.socket); err == nil {
			t.Errorf("Remove returned, and the supervisor at %s answers", gone.socket)
		}
	}
	o.gone(t, modelA, "web/0")
	o.gone(t, modelA, "web/1")
	other.still(t, "after another application was removed")
}

func removesNothing(t testing.TB, b *bench) {
	b.remove(t, &substratev1.RemoveRequest{ModelUuid: modelA, Application: "none", TimeoutMs: 1000})
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	for range 2 {
		b.remove(t, &substratev1.RemoveRequest{ModelUuid: modelA, Application: "web", TimeoutMs: 20000})
	}
}

func removesInTime(t testing.TB, b *bench) {
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	for _, p := range b.remove(t, &substratev1.RemoveRequest{ModelUuid: modelA, Application: "web", TimeoutMs: 1}) {
		if p.GetObject() == "" || !slices.Contains([]string{"removing", "removed", "blocked"}, p.GetState()) || p.GetState() == "blocked" && p.GetBlocking() == "" {
			t.Errorf("progress = %v, want an object, a state, and what blocks it", p)
		}
	}
}
