package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// next takes one batch that must come and be whole.
func next(ctx context.Context, t *testing.T, in <-chan store.Batch) store.Batch {
	t.Helper()
	select {
	case b, ok := <-in:
		if !ok || b.Err != nil {
			t.Fatalf("the watch ended: %v", b.Err)
		}
		return b
	case <-ctx.Done():
		t.Fatal("no batch came")
	}
	return store.Batch{}
}

func watches(ctx context.Context, t *testing.T, s Subject, at string) {
	start := put(ctx, t, s, at+"a", "0")
	watch, stop := context.WithCancel(ctx)
	in := s.Watch(watch, at, start+1)
	put(ctx, t, s, store.Prefix+"test/elsewhere", "x")
	changed := put(ctx, t, s, at+"a", "1")
	deleted := txn(ctx, t, s, nil, []store.Op{store.Delete(at + "a")}, nil).Revision
	b := next(ctx, t, in)
	if b.Revision != changed || len(b.Changes) != 1 || string(b.Changes[0].KV.Value) != "1" || b.Changes[0].KV.Create != start || b.Changes[0].Deleted {
		t.Fatalf("got %+v, want the write at %d", b, changed)
	}
	b = next(ctx, t, in)
	if b.Revision != deleted || len(b.Changes) != 1 || !b.Changes[0].Deleted || b.Changes[0].KV.Key != at+"a" || b.Changes[0].KV.Mod != deleted {
		t.Fatalf("got %+v, want the delete at %d", b, deleted)
	}
	stop()
	for range in { // ends, or the test does
	}
}

func watchResumes(ctx context.Context, t *testing.T, s Subject, at string) {
	var revisions []int64
	for i := range 5 {
		revisions = append(revisions, put(ctx, t, s, at+"a", fmt.Sprint(i)))
	}
	in := s.Watch(ctx, at, revisions[2])
	for i := 2; i < 5; i++ {
		if b := next(ctx, t, in); b.Revision != revisions[i] || string(b.Changes[0].KV.Value) != fmt.Sprint(i) {
			t.Fatalf("got %+v, want write %d at %d", b, i, revisions[i])
		}
	}
}

func oneBatch(ctx context.Context, t *testing.T, s Subject, at string) {
	start := put(ctx, t, s, at+"z", "")
	const keys = 500
	for round := range 3 {
		var ops []store.Op
		for i := range keys {
			ops = append(ops, store.Put(fmt.Sprintf("%s%03d", at, i), fmt.Append(nil, round)))
		}
		txn(ctx, t, s, nil, ops, nil)
	}
	in := s.Watch(ctx, at, start+1)
	for range 3 {
		if b := next(ctx, t, in); len(b.Changes) != keys {
			t.Fatalf("a batch with %d of %d changes", len(b.Changes), keys)
		}
	}
}

func large(ctx context.Context, t *testing.T, s Subject, at string) {
	ops := make([]store.Op, 4000)
	for i := range ops {
		ops[i] = store.Put(fmt.Sprintf("%s%04d", at, i), make([]byte, 2000)) // 8 MB
	}
	r := txn(ctx, t, s, []store.Compare{store.Missing(at + "0000")}, ops, nil)
	if !r.Succeeded {
		t.Fatal("refused")
	}
	if r := txn(ctx, t, s, nil, []store.Op{store.DeleteAll(at)}, nil); r.Results[0].Deleted != int64(len(ops)) {
		t.Fatalf("deleted %d", r.Results[0].Deleted)
	}
}

func tooLarge(ctx context.Context, t *testing.T, s Subject, at string) {
	many := make([]store.Op, store.MaxTxnOps+1)
	for i := range many {
		many[i] = store.Put(fmt.Sprintf("%s%05d", at, i), nil)
	}
	if _, err := s.Txn(ctx, nil, many, nil); !errs.Is(err, errs.Exhausted) {
		t.Errorf("%d operations: %v, want class Exhausted", len(many), err)
	}
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put(at+"a", make([]byte, 12<<20))}, nil); !errs.Is(err, errs.Exhausted) {
		t.Errorf("12 MiB: %v, want class Exhausted", err)
	}
	if get(ctx, t, s, at+"a") != nil {
		t.Error("it was written all the same")
	}
}

func leaseRevoke(ctx context.Context, t *testing.T, s Subject, at string) {
	lease, err := s.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	txn(ctx, t, s, nil, []store.Op{store.PutLeased(at+"a", []byte("x"), lease)}, nil)
	if kv := get(ctx, t, s, at+"a"); kv == nil || kv.Lease != lease {
		t.Fatalf("got %+v", kv)
	}
	for range 2 {
		if err := s.Revoke(ctx, lease); err != nil {
			t.Fatal(err)
		}
	}
	if get(ctx, t, s, at+"a") != nil {
		t.Fatal("the key outlives its lease")
	}
}

func leaseRenew(ctx context.Context, t *testing.T, s Subject, _ string) {
	lease, err := s.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	if ttl, err := s.KeepAlive(ctx, lease); err != nil || ttl != 60 {
		t.Fatalf("KeepAlive = %d, %v", ttl, err)
	}
	if err := s.Revoke(ctx, lease); err != nil {
		t.Fatal(err)
	}
	if _, err := s.KeepAlive(ctx, lease); !errs.Is(err, errs.NotFound) {
		t.Fatalf("renewing what is over: %v, want class NotFound", err)
	}
}

func leaseEnds(ctx context.Context, t *testing.T, s Subject, at string) {
	lease, err := s.Grant(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := txn(ctx, t, s, nil, []store.Op{store.PutLeased(at+"a", nil, lease)}, nil).Revision
	if b := next(ctx, t, s.Watch(ctx, at, start+1)); !b.Changes[0].Deleted {
		t.Fatalf("got %+v, want the end of the key", b)
	}
}

func cancelled(ctx context.Context, t *testing.T, s Subject, at string) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put(at+"a", nil)}, nil); !errs.Is(err, errs.Canceled) {
		t.Errorf("Txn: %v, want class Canceled", err)
	}
	if _, err := s.Range(ctx, at+"a", store.RangeOptions{}); !errs.Is(err, errs.Canceled) {
		t.Errorf("Range: %v, want class Canceled", err)
	}
	for b := range s.Watch(ctx, at, 1) {
		if b.Err == nil {
			t.Errorf("a watch of an ended context delivers %+v", b)
		}
	}
}
