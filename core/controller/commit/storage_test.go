package commit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// storageWorld has web/0 with data/0; its charm allows one to three of data and exactly one of logs.
func storageWorld(t testing.TB) *world {
	w := newWorld(t)
	w.alone = true
	w.charm = &controllerv1.Charm{Digest: "d-web", Name: "web", Runtime: "python", Files: map[string][]byte{"metadata.yaml": []byte(`
name: web
summary: s
description: d
storage:
  data: {type: filesystem, location: /srv, minimum-size: 2G, multiple: {range: 1-3}}
  logs: {type: filesystem}
`)}}
	w.put(key.Named(key.Storage, "data/0"), &controllerv1.StorageInstance{Id: "data/0", Name: "data", Owner: "web/0", Life: controllerv1.Life_LIFE_ALIVE, Status: "pending"})
	w.put(key.Named(key.Storage, "data/1"), &controllerv1.StorageInstance{Id: "data/1", Name: "data", Owner: "web/1", Life: controllerv1.Life_LIFE_ALIVE, Status: "attached"})
	w.counter(2)
	return w
}

func (w *world) counter(n int) {
	w.t.Helper()
	if _, err := w.store.Txn(context.Background(), nil, []store.Op{store.Put(store.In(w.uuid, key.Named(key.Next, "storage")), []byte(fmt.Sprint(n)))}, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stored(id string) *controllerv1.StorageInstance {
	return get[*controllerv1.StorageInstance](w, key.Named(key.Storage, id))
}

func adds(name string, count uint32) *hookv1.Changeset {
	return &hookv1.Changeset{StorageAdd: []*hookv1.StorageAdd{{Name: name, Count: count}}}
}

func TestStorageAddIsPartOfTheCommit(t *testing.T) {
	w := storageWorld(t)
	resp := w.commit(w.request("web/0", "config-changed", adds("data", 2)))
	for _, id := range []string{"data/2", "data/3"} {
		st := w.stored(id)
		if st.GetOwner() != "web/0" || st.GetStatus() != "pending" || st.GetSizeBytes() != 2<<30 || st.GetSince() != "2026-11-20T12:00:00Z" {
			t.Errorf("%s is %v", id, st)
		}
		if !slices.ContainsFunc(resp.Objects, func(o *controllerv1.Object) bool { return o.Key == "stor/"+id }) {
			t.Errorf("the answer does not tell of %s", id)
		}
	}
	w.refused(w.request("web/0", "config-changed", adds("data", 1)), "invalid")
	w.commit(w.request("web/1", "config-changed", adds("data", 1)))
	if w.stored("data/4").GetOwner() != "web/1" {
		t.Error("the numbers do not go on")
	}
}

func TestStorageAddIsRefusedWithWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		name  string
		count uint32
		want  string
	}{
		{"data", 3, `allows 1 to 3 of storage "data" for each unit; it has 1 and 3 more`},
		{"logs", 2, "exactly 1"}, {"none", 1, `charm "web" has no storage "none"`}, {"data", 1 << 30, "at most 100 at once"},
	} {
		w := storageWorld(t)
		r := w.refused(w.request("web/0", "config-changed", adds(c.name, c.count)), "invalid")
		if !strings.Contains(r.Message, c.want) {
			t.Errorf("%s=%d: %q does not say %q", c.name, c.count, r.Message, c.want)
		}
		if w.stored("data/2") != nil || w.has(key.OfUnit(key.State, "web/0")) {
			t.Errorf("%s=%d: a refused commit wrote", c.name, c.count)
		}
	}
}

// TestStorageAddNumbersAgain lets somebody else take the number first.
func TestStorageAddNumbersAgain(t *testing.T) {
	w := storageWorld(t)
	w.before = func() { w.counter(7) }
	w.commit(w.request("web/0", "config-changed", adds("data", 1)))
	if w.stored("data/2") != nil || w.stored("data/7") == nil {
		t.Error("want data/7 after a lost race, and nothing else")
	}
}

func TestStorageEventsMoveTheRecord(t *testing.T) {
	w := storageWorld(t)
	event := func(kind string) {
		r := w.request("web/0", kind, nil)
		r.Event.StorageId = "data/0"
		w.commit(r)
	}
	event("storage-attached")
	if st := w.stored("data/0"); st.GetStatus() != "attached" || st.GetAttached() != "web/0" {
		t.Errorf("after storage-attached: %v", st)
	}
	event("storage-detaching")
	if st := w.stored("data/0"); st.GetStatus() != "detached" || st.GetOwner() != "" || st.GetAttached() != "" {
		t.Errorf("after storage-detaching: %v", st)
	}
	event("storage-detaching") // told twice, of what is another's by now
	r := w.request("web/0", "storage-detaching", nil)
	r.Event.StorageId = "data/1"
	w.commit(r)
	if w.stored("data/1").GetOwner() != "web/1" {
		t.Error("a unit detached another's storage")
	}
}

func TestSetStorage(t *testing.T) {
	w := storageWorld(t)
	set := func(unit, id, inc, status, location string) error {
		return w.c.SetStorage(context.Background(), agent, &controllerv1.SetStorageRequest{Model: w.uuid, Unit: unit, Incarnation: inc, Storage: id, Status: status, Location: location})
	}
	for _, c := range []struct {
		unit, id, inc, status, location string
		want                            errs.Kind
	}{
		{"web/0", "data/0", "old", "attached", "/x", errs.Conflict}, {"web/0", "data/1", incarnation, "attached", "/x", errs.Denied},
		{"web/0", "data/9", incarnation, "attached", "/x", errs.Denied}, {"web/0", "data/0", incarnation, "mine", "/x", errs.Invalid},
		{"web/0", "data/0", incarnation, "attached", "x", errs.Invalid}, {"web/0", "data/0", incarnation, "failed", strings.Repeat("/", 17<<10), errs.Invalid},
	} {
		if err := set(c.unit, c.id, c.inc, c.status, c.location); !errs.Is(err, c.want) {
			t.Errorf("%v: %v, want class %s", c, err, c.want)
		}
	}
	if err := set("web/0", "data/0", incarnation, "attached", "/x"); err != nil || w.stored("data/0").GetLocation() != "/x" || w.stored("data/0").GetAttached() != "web/0" {
		t.Errorf("%v, %v", err, w.stored("data/0"))
	}
	before := w.txns.Load()
	if err := set("web/0", "data/0", incarnation, "attached", "/x"); err != nil || w.txns.Load() != before {
		t.Errorf("said twice: %v, %d transactions", err, w.txns.Load()-before)
	}
	if err := set("web/0", "data/0", incarnation, "detached", ""); err != nil || w.stored("data/0").GetStatus() != "pending" || w.stored("data/0").GetOwner() != "web/0" {
		t.Errorf("lost by its place: %v, %v", err, w.stored("data/0"))
	}
	going := w.stored("data/0")
	going.Status = "detaching"
	w.put(key.Named(key.Storage, "data/0"), going)
	if err := set("web/0", "data/0", incarnation, "attached", "/x"); err != nil || w.stored("data/0").GetStatus() != "detaching" {
		t.Errorf("attached while it is detached: %v, %v", err, w.stored("data/0"))
	}
}

func TestPurgedUnitLeavesItsStorage(t *testing.T) {
	for _, c := range []struct {
		name, status      string
		destroy, removing bool
	}{
		{"kept", "attached", false, false}, {"destroyed", "attached", true, true}, {"never attached", "pending", false, true},
	} {
		w := storageWorld(t)
		st := w.stored("data/0")
		st.Status = c.status
		w.put(key.Named(key.Storage, "data/0"), st)
		w.put(key.OfUnit(key.Unit, "web/0"), &controllerv1.Unit{Name: "web/0", Life: controllerv1.Life_LIFE_DEAD, DestroyStorage: c.destroy})
		if err := w.c.PurgeUnit(context.Background(), w.uuid, "web/0"); err != nil {
			t.Fatal(err)
		}
		var u *controllerv1.Unit
		w.Read(func(s *model.State) { u, _ = s.Model(w.uuid).Unit("web/0") })
		st = w.stored("data/0")
		if u != nil || st.GetOwner() != "" || st.GetStatus() != "detached" || st.GetDestroy() != c.removing || (st.GetLife() == controllerv1.Life_LIFE_DYING) != c.removing {
			t.Errorf("%s: unit %v, storage %v", c.name, u, st)
		}
	}
}
