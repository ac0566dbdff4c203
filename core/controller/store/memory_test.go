package store_test

import (
	"testing"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/store/storetest"
)

func memory(t testing.TB, seed []store.KV, revision int64) *store.Memory {
	m := store.NewMemory(seed, revision)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMemory(t *testing.T) {
	m := memory(t, nil, 0)
	storetest.Run(t, func(*testing.T) storetest.Subject { return m })
}

// TestMemoryOfAnother: what it was made of keeps its revisions, the first write comes after them, and what was before is
// said to be gone.
func TestMemoryOfAnother(t *testing.T) {
	at := store.Prefix + "test/"
	m := memory(t, []store.KV{{Key: at + "b", Value: []byte("1"), Create: 3, Mod: 7, Version: 2, Lease: 9}, {Key: at + "a", Create: 4, Mod: 4, Version: 1}}, 10)
	r, err := m.Txn(t.Context(), []store.Compare{store.ModIs(at+"b", 7), store.CreateIs(at+"b", 3)}, []store.Op{store.Put(at+"b", []byte("2")), store.Delete(at + "a")}, nil)
	if err != nil || !r.Succeeded || r.Revision != 11 || m.Revision() != 11 {
		t.Fatalf("got %+v, %v", r, err)
	}
	old, err := m.Range(t.Context(), at, store.RangeOptions{Prefix: true, Revision: 10})
	if err != nil || len(old.KVs) != 2 || string(old.KVs[1].Value) != "1" || old.KVs[1].Mod != 7 || old.KVs[1].Lease != 0 {
		t.Fatalf("at 10: %+v, %v", old, err)
	}
	now, err := m.Range(t.Context(), at, store.RangeOptions{Prefix: true})
	if err != nil || len(now.KVs) != 1 || now.KVs[0].Create != 3 || now.KVs[0].Mod != 11 || now.KVs[0].Version != 3 {
		t.Fatalf("now: %+v, %v", now, err)
	}
	if _, err := m.Range(t.Context(), at, store.RangeOptions{Prefix: true, Revision: 9}); err == nil {
		t.Error("a revision from before it was made was read")
	}
	for b := range m.Watch(t.Context(), at, 5) {
		if b.Err == nil {
			t.Errorf("a watch from before it was made tells %+v", b)
		}
	}
	if b := <-m.Watch(t.Context(), at, 11); len(b.Changes) != 2 || b.Revision != 11 {
		t.Errorf("got %+v", b)
	}
}
