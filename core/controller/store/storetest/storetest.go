// Package storetest says what a store must do. Every kind of store passes the same suite.
package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Subject is a store under test: empty, with leases.
type Subject interface {
	store.Store
	store.Leases
}

// Run holds the store against the suite; open returns an open store, the same or a new one, that the suite does not
// close. Keys of different tests do not meet.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(ctx context.Context, t *testing.T, s Subject, at string)
	}{
		{"put get delete", putGetDelete}, {"compares", compares}, {"all or nothing", allOrNothing}, {"duplicate put", duplicatePut},
		{"range", ranges}, {"old revision", oldRevision}, {"watch", watches}, {"watch resumes", watchResumes},
		{"watch of one revision is one batch", oneBatch}, {"large transaction", large}, {"too large", tooLarge},
		{"lease revoke", leaseRevoke}, {"lease renew", leaseRenew}, {"lease ends", leaseEnds}, {"cancelled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c.test(ctx, t, open(t), store.Prefix+"test/"+strings.ReplaceAll(c.name, " ", "-")+"/")
		})
	}
}

// txn runs a transaction that must not fail.
func txn(ctx context.Context, t *testing.T, s store.Store, compares []store.Compare, then, otherwise []store.Op) *store.TxnResult {
	t.Helper()
	r, err := s.Txn(ctx, compares, then, otherwise)
	if err != nil {
		t.Fatalf("Txn: %v", err)
	}
	return r
}

// put writes one key and returns the revision.
func put(ctx context.Context, t *testing.T, s store.Store, key, value string) int64 {
	t.Helper()
	return txn(ctx, t, s, nil, []store.Op{store.Put(key, []byte(value))}, nil).Revision
}

// get reads one key; nil is none.
func get(ctx context.Context, t *testing.T, s store.Store, key string) *store.KV {
	t.Helper()
	r, err := s.Range(ctx, key, store.RangeOptions{})
	if err != nil {
		t.Fatalf("Range: %v", err)
	}
	if len(r.KVs) == 0 {
		return nil
	}
	return &r.KVs[0]
}

func putGetDelete(ctx context.Context, t *testing.T, s Subject, at string) {
	if kv := get(ctx, t, s, at+"a"); kv != nil {
		t.Fatalf("found %v before it was put", kv)
	}
	first := put(ctx, t, s, at+"a", "1")
	second := put(ctx, t, s, at+"a", "2")
	kv := get(ctx, t, s, at+"a")
	if kv == nil || string(kv.Value) != "2" || kv.Create != first || kv.Mod != second || kv.Version != 2 || second <= first {
		t.Fatalf("got %+v after writes at %d and %d", kv, first, second)
	}
	r := txn(ctx, t, s, nil, []store.Op{store.Delete(at + "a"), store.Delete(at + "none")}, nil)
	if r.Results[0].Deleted != 1 || r.Results[1].Deleted != 0 || get(ctx, t, s, at+"a") != nil {
		t.Fatalf("delete did %+v", r.Results)
	}
}

func compares(ctx context.Context, t *testing.T, s Subject, at string) {
	created := put(ctx, t, s, at+"k", "v")
	modified := put(ctx, t, s, at+"k", "w")
	for _, c := range []struct {
		name string
		cmp  store.Compare
		want bool
	}{
		{"mod", store.ModIs(at+"k", modified), true}, {"old mod", store.ModIs(at+"k", created), false}, {"mod 0", store.ModIs(at+"k", 0), false},
		{"create", store.CreateIs(at+"k", created), true}, {"wrong create", store.CreateIs(at+"k", modified), false},
		{"value", store.ValueIs(at+"k", []byte("w")), true}, {"wrong value", store.ValueIs(at+"k", []byte("v")), false},
		{"missing", store.Missing(at + "k"), false}, {"missing none", store.Missing(at + "n"), true}, {"mod 0 of none", store.ModIs(at+"n", 0), true},
		{"none below", store.NoneBelow(at + "k"), false}, {"none below none", store.NoneBelow(at + "n"), true},
		{"value of none", store.ValueIs(at+"n", []byte("x")), false},
	} {
		r := txn(ctx, t, s, []store.Compare{c.cmp}, []store.Op{store.Get(at + "k")}, []store.Op{store.Get(at + "n")})
		if r.Succeeded != c.want {
			t.Errorf("%s: %v, want %v", c.name, r.Succeeded, c.want)
		}
		if got := len(r.Results[0].KVs) == 1; got != c.want {
			t.Errorf("%s: the other branch was run", c.name)
		}
	}
}

func allOrNothing(ctx context.Context, t *testing.T, s Subject, at string) {
	put(ctx, t, s, at+"a", "1")
	r := txn(ctx, t, s, []store.Compare{store.ValueIs(at+"a", []byte("1")), store.ValueIs(at+"a", []byte("2"))},
		[]store.Op{store.Put(at+"b", nil), store.Put(at+"c", nil)}, nil)
	if r.Succeeded || get(ctx, t, s, at+"b") != nil || get(ctx, t, s, at+"c") != nil {
		t.Fatal("a refused transaction wrote")
	}
	r = txn(ctx, t, s, nil, []store.Op{store.Put(at+"b", nil), store.Put(at+"c", nil), store.DeleteAll(at + "a")}, nil)
	b, c := get(ctx, t, s, at+"b"), get(ctx, t, s, at+"c")
	if b == nil || c == nil || b.Mod != c.Mod || b.Mod != r.Revision || get(ctx, t, s, at+"a") != nil {
		t.Fatalf("b %+v c %+v of one transaction at %d", b, c, r.Revision)
	}
}

func duplicatePut(ctx context.Context, t *testing.T, s Subject, at string) {
	_, err := s.Txn(ctx, nil, []store.Op{store.Put(at+"a", nil), store.Put(at+"a", nil)}, nil)
	if !errs.Is(err, errs.Invalid) {
		t.Fatalf("a key put twice: %v, want class Invalid", err)
	}
}

func ranges(ctx context.Context, t *testing.T, s Subject, at string) {
	for i := range 5 {
		put(ctx, t, s, fmt.Sprintf("%sp/%d", at, i), "v")
	}
	put(ctx, t, s, at+"q/0", "v")
	var got []string
	from := ""
	for pages := 0; ; pages++ {
		r, err := s.Range(ctx, at+"p/", store.RangeOptions{Prefix: true, Limit: 2, From: from, KeysOnly: true})
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, kv := range r.KVs {
			got = append(got, strings.TrimPrefix(kv.Key, at))
			from = kv.Key + "\x00"
			if len(kv.Value) != 0 {
				t.Error("KeysOnly brought a value")
			}
		}
		if !r.More {
			break
		}
	}
	if strings.Join(got, " ") != "p/0 p/1 p/2 p/3 p/4" {
		t.Fatalf("pages hold %v", got)
	}
}

func oldRevision(ctx context.Context, t *testing.T, s Subject, at string) {
	old := put(ctx, t, s, at+"a", "old")
	put(ctx, t, s, at+"a", "new")
	r, err := s.Range(ctx, at+"a", store.RangeOptions{Revision: old})
	if err != nil || len(r.KVs) != 1 || string(r.KVs[0].Value) != "old" {
		t.Fatalf("at %d: %+v, %v", old, r, err)
	}
}
