package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Memory is a store in this process alone: what is written to it is gone with it. A fork of a model lives in one. It keeps
// every revision since it was made, so it is not for long.
type Memory struct {
	mu     sync.Mutex
	base   int64 // its first revision; what was before is unknown
	rev    int64
	keys   map[string]KV
	order  []string // of keys
	log    []written
	moved  chan struct{} // closed at the next revision
	ended  chan struct{}
	leases map[LeaseID]*memoryLease
	lease  LeaseID // the last one given
}

// written is what one revision changed, and what was there before.
type written struct {
	batch Batch
	old   map[string]KV // of the changed keys; without a key if there was none
}

type memoryLease struct {
	seconds int64
	timer   *time.Timer
}

// NewMemory makes a store that has the given keys, with their revisions, at the given revision.
func NewMemory(seed []KV, revision int64) *Memory {
	m := &Memory{base: revision, rev: revision, keys: make(map[string]KV, len(seed)), moved: make(chan struct{}), ended: make(chan struct{}), leases: map[LeaseID]*memoryLease{}}
	for _, kv := range seed {
		kv.Lease = 0 // whoever renews it does not know this store
		m.keys[kv.Key] = kv
	}
	m.order = slices.Sorted(maps.Keys(m.keys))
	return m
}

// Revision is that of the last write.
func (m *Memory) Revision() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rev
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.leases {
		l.timer.Stop()
	}
	m.leases = map[LeaseID]*memoryLease{}
	select {
	case <-m.ended:
	default:
		close(m.ended)
	}
	return nil
}

// open refuses a call to a store that ended, or of a caller who did.
func (m *Memory) open(ctx context.Context, doing string) error {
	select {
	case <-m.ended:
		return errs.E(errs.Unavailable, "cannot %s: it is closed", doing)
	case <-ctx.Done():
		return errs.E(errs.Canceled, "cannot %s: %w", doing, ctx.Err())
	default:
		return nil
	}
}

// below lists the keys that begin with prefix, from a key on, in their order; the lock is held.
func (m *Memory) below(prefix, from string) []string {
	first, _ := slices.BinarySearch(m.order, max(prefix, from))
	n := 0
	for first+n < len(m.order) && strings.HasPrefix(m.order[first+n], prefix) {
		n++
	}
	return m.order[first : first+n]
}

// holds says whether a comparison does; the lock is held.
func (m *Memory) holds(c Compare) bool {
	if c.below {
		return len(m.below(c.key, "")) == 0
	}
	kv, ok := m.keys[c.key]
	switch c.on {
	case onMod:
		return kv.Mod == c.rev
	case onCreate:
		return kv.Create == c.rev
	}
	return ok && bytes.Equal(kv.Value, c.value)
}

// Txn implements Store.
func (m *Memory) Txn(ctx context.Context, compares []Compare, then, otherwise []Op) (*TxnResult, error) {
	if err := m.open(ctx, "write to the store"); err != nil {
		return nil, err
	}
	if err := fits(max(len(compares), len(then), len(otherwise)), then); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &TxnResult{Succeeded: !slices.ContainsFunc(compares, func(c Compare) bool { return !m.holds(c) })}
	ops := then
	if !r.Succeeded {
		ops = otherwise
	}
	w := written{old: map[string]KV{}}
	for _, o := range ops {
		r.Results = append(r.Results, m.do(o, &w))
	}
	m.land(w)
	r.Revision = m.rev
	return r, nil
}

// fits holds a transaction against the limits of a store on disk, so that what does not pass there does not pass here.
func fits(operations int, then []Op) error {
	size, put := 0, map[string]bool{}
	for _, o := range then {
		size += o.Size()
		if o.kind == opPut && put[o.key] {
			return errs.E(errs.Invalid, "cannot write to the store: key %s is written twice", o.key)
		}
		put[o.key] = put[o.key] || o.kind == opPut
	}
	if operations > MaxTxnOps || size > MaxRequestBytes {
		return errs.E(errs.Exhausted, "cannot write to the store: %d operations, %d bytes; write less in one step", operations, size)
	}
	return nil
}

// do does one operation, at the revision to come; the lock is held.
func (m *Memory) do(o Op, w *written) (r OpResult) {
	switch o.kind {
	case opPut:
		kv := KV{Key: o.key, Value: bytes.Clone(o.value), Create: m.rev + 1, Mod: m.rev + 1, Version: 1, Lease: o.lease}
		old, had := m.keys[o.key]
		if had {
			kv.Create, kv.Version = old.Create, old.Version+1
		} else {
			at, _ := slices.BinarySearch(m.order, o.key)
			m.order = slices.Insert(m.order, at, o.key)
		}
		w.note(old, had, Change{KV: kv})
		m.keys[o.key] = kv
	case opDelete:
		gone := []string{o.key}
		if o.prefix {
			gone = slices.Clone(m.below(o.key, ""))
		}
		r.Deleted = m.drop(gone, w)
	default:
		if kv, ok := m.keys[o.key]; ok {
			r.KVs = []KV{kv}
		}
	}
	return r
}

// drop deletes keys; the lock is held.
func (m *Memory) drop(gone []string, w *written) (n int64) {
	for _, k := range gone {
		old, had := m.keys[k]
		if !had {
			continue
		}
		w.note(old, true, Change{KV: KV{Key: k, Mod: m.rev + 1}, Deleted: true})
		delete(m.keys, k)
		n++
	}
	if n > 0 {
		first, _ := slices.BinarySearch(m.order, gone[0])
		last, _ := slices.BinarySearch(m.order, gone[len(gone)-1]+"\x00")
		m.order = slices.Delete(m.order, first, last) // one key, or all of a prefix: they lie side by side
	}
	return n
}

func (w *written) note(old KV, had bool, c Change) {
	if _, noted := w.old[c.KV.Key]; had && !noted {
		w.old[c.KV.Key] = old
	}
	w.batch.Changes = append(w.batch.Changes, c)
}

// land makes a revision of what was written, if anything was; the lock is held.
func (m *Memory) land(w written) {
	if len(w.batch.Changes) == 0 {
		return
	}
	m.rev++
	w.batch.Revision = m.rev
	m.log = append(m.log, w)
	close(m.moved)
	m.moved = make(chan struct{})
}

// Range implements Store.
func (m *Memory) Range(ctx context.Context, key string, o RangeOptions) (*RangeResult, error) {
	if err := m.open(ctx, "read the store"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	keys, changed := []string{key}, map[string]*KV{}
	if o.Prefix {
		keys = slices.Clone(m.below(key, o.From))
	}
	if o.Revision > 0 && o.Revision < m.rev {
		if o.Revision < m.base {
			return nil, errs.With(errs.Conflict, &CompactedError{Revision: m.base})
		}
		changed = m.since(o.Revision)
		for k := range changed {
			if o.Prefix && strings.HasPrefix(k, key) && k >= o.From && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
	}
	r := &RangeResult{Revision: m.rev}
	for _, k := range keys {
		kv, ok := m.keys[k]
		if was, other := changed[k]; other {
			if ok = was != nil; ok {
				kv = *was
			}
		}
		if !ok {
			continue
		}
		if r.More = o.Limit > 0 && int64(len(r.KVs)) == o.Limit; r.More {
			break
		}
		if o.KeysOnly {
			kv.Value = nil
		}
		r.KVs = append(r.KVs, kv)
	}
	return r, nil
}

// since lists what was there at a revision of all keys that were changed after it, nil for those that were not there; the
// lock is held.
func (m *Memory) since(revision int64) map[string]*KV {
	was := map[string]*KV{}
	for _, w := range slices.Backward(m.log) {
		if w.batch.Revision <= revision {
			break
		}
		for _, c := range w.batch.Changes {
			was[c.KV.Key] = nil
			if old, had := w.old[c.KV.Key]; had {
				was[c.KV.Key] = &old
			}
		}
	}
	return was
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, prefix string, revision int64) <-chan Batch {
	out := make(chan Batch, 64)
	go func() {
		defer close(out)
		if revision <= m.base && m.base > 0 {
			send(ctx, out, Batch{Err: errs.With(errs.Conflict, &CompactedError{Revision: m.base + 1})})
			return
		}
		for next := max(0, int(revision-m.base-1)); ; {
			m.mu.Lock()
			moved, news := m.moved, m.log[min(next, len(m.log)):]
			m.mu.Unlock()
			next = max(next, next+len(news))
			for _, w := range news {
				if b := under(prefix, w.batch); len(b.Changes) > 0 && !send(ctx, out, b) {
					return
				}
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return
			case <-m.ended:
				return
			}
		}
	}()
	return out
}

// under is what a batch has below a prefix.
func under(prefix string, b Batch) Batch {
	b.Changes = slices.DeleteFunc(slices.Clone(b.Changes), func(c Change) bool { return !strings.HasPrefix(c.KV.Key, prefix) })
	return b
}
