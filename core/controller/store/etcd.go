package store

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/bangle-dev/bangle/core/crash"
)

// Etcd is a Store and Leases on an etcd client, embedded or external.
type Etcd struct {
	client *clientv3.Client
	epoch  string
	sealer Sealer
	close  func() error
}

// Epoch is the life of the store; it changes with a restore.
func (e *Etcd) Epoch() string { return e.epoch }

// Close ends the client, and the member if it is embedded.
func (e *Etcd) Close() error { return e.close() }

// Txn implements Store.
func (e *Etcd) Txn(ctx context.Context, compares []Compare, then, otherwise []Op) (*TxnResult, error) {
	crash.At("store.before-txn")
	resp, err := e.client.Txn(ctx).If(compareAll(compares)...).Then(e.opAll(then)...).Else(e.opAll(otherwise)...).Commit()
	crash.At("store.after-txn")
	if err != nil {
		return nil, classify("write to the store", err)
	}
	result := &TxnResult{Succeeded: resp.Succeeded, Revision: resp.Header.Revision, Results: make([]OpResult, len(resp.Responses))}
	for i, r := range resp.Responses {
		if got := r.GetResponseRange(); got != nil {
			if result.Results[i].KVs, err = e.kvs(got.Kvs); err != nil {
				return nil, err
			}
		}
		if gone := r.GetResponseDeleteRange(); gone != nil {
			result.Results[i].Deleted = gone.Deleted
		}
	}
	return result, nil
}

// compareAll translates comparisons.
func compareAll(compares []Compare) []clientv3.Cmp {
	cmps := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		switch c.on {
		case onMod:
			cmps[i] = clientv3.Compare(clientv3.ModRevision(c.key), "=", c.rev)
		case onCreate:
			cmps[i] = clientv3.Compare(clientv3.CreateRevision(c.key), "=", c.rev)
		default:
			cmps[i] = clientv3.Compare(clientv3.Value(c.key), "=", string(c.value))
		}
		if c.below {
			cmps[i] = cmps[i].WithPrefix()
		}
	}
	return cmps
}

// opAll translates operations.
func (e *Etcd) opAll(ops []Op) []clientv3.Op {
	out := make([]clientv3.Op, len(ops))
	for i, o := range ops {
		var opts []clientv3.OpOption
		if o.lease != 0 {
			opts = append(opts, clientv3.WithLease(clientv3.LeaseID(o.lease)))
		}
		if o.prefix {
			opts = append(opts, clientv3.WithPrefix())
		}
		switch o.kind {
		case opPut:
			out[i] = clientv3.OpPut(o.key, string(e.sealed(o)), opts...)
		case opDelete:
			out[i] = clientv3.OpDelete(o.key, opts...)
		default:
			out[i] = clientv3.OpGet(o.key, opts...)
		}
	}
	return out
}

// Range implements Store.
func (e *Etcd) Range(ctx context.Context, key string, o RangeOptions) (*RangeResult, error) {
	opts := []clientv3.OpOption{clientv3.WithRev(o.Revision), clientv3.WithLimit(o.Limit)}
	start := key
	if o.Prefix {
		opts = append(opts, clientv3.WithRange(clientv3.GetPrefixRangeEnd(key)))
		if o.From > key {
			start = o.From
		}
	}
	if o.KeysOnly {
		opts = append(opts, clientv3.WithKeysOnly())
	}
	resp, err := e.client.Get(ctx, start, opts...)
	if err != nil {
		return nil, classify("read the store", err)
	}
	found, err := e.kvs(resp.Kvs)
	return &RangeResult{KVs: found, Revision: resp.Header.Revision, More: resp.More}, err
}

// kvs translates what was found.
func (e *Etcd) kvs(found []*mvccpb.KeyValue) (_ []KV, err error) {
	out := make([]KV, len(found))
	for i, kv := range found {
		if out[i], err = e.opened(fromKV(kv)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fromKV(kv *mvccpb.KeyValue) KV {
	return KV{Key: string(kv.Key), Value: kv.Value, Create: kv.CreateRevision, Mod: kv.ModRevision, Version: kv.Version, Lease: LeaseID(kv.Lease)}
}

// Watch implements Store.
func (e *Etcd) Watch(ctx context.Context, prefix string, revision int64) <-chan Batch {
	out := make(chan Batch, 64)
	go func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the watch in the client too
		in := e.client.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithRev(revision))
		for resp := range in {
			if resp.CompactRevision != 0 {
				send(ctx, out, Batch{Err: &CompactedError{Revision: resp.CompactRevision}})
				return
			}
			if err := resp.Err(); err != nil {
				send(ctx, out, Batch{Err: classify("watch the store", err)})
				return
			}
			for _, b := range e.byRevision(resp.Events) {
				if !send(ctx, out, b) || b.Err != nil {
					return
				}
			}
		}
	}()
	return out
}

// send hands a batch over unless the watcher has gone.
func send(ctx context.Context, out chan<- Batch, b Batch) bool {
	select {
	case out <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// byRevision cuts the events of a response where the revision changes. A revision never spans two responses, since
// fragments are not asked for.
func (e *Etcd) byRevision(events []*clientv3.Event) []Batch {
	var batches []Batch
	for _, ev := range events {
		if n := len(batches); n == 0 || batches[n-1].Revision != ev.Kv.ModRevision {
			batches = append(batches, Batch{Revision: ev.Kv.ModRevision})
		}
		b := &batches[len(batches)-1]
		kv, err := e.opened(fromKV(ev.Kv))
		if err != nil {
			return append(batches[:len(batches)-1], Batch{Err: err})
		}
		b.Changes = append(b.Changes, Change{KV: kv, Deleted: ev.Type == clientv3.EventTypeDelete})
	}
	return batches
}

// Grant implements Leases.
func (e *Etcd) Grant(ctx context.Context, seconds int64) (LeaseID, error) {
	resp, err := e.client.Grant(ctx, seconds)
	if err != nil {
		return 0, classify("make a lease", err)
	}
	return LeaseID(resp.ID), nil
}

// KeepAlive implements Leases.
func (e *Etcd) KeepAlive(ctx context.Context, id LeaseID) (int64, error) {
	resp, err := e.client.KeepAliveOnce(ctx, clientv3.LeaseID(id))
	if err != nil {
		return 0, classify("renew a lease", err)
	}
	return resp.TTL, nil
}

// Revoke implements Leases.
func (e *Etcd) Revoke(ctx context.Context, id LeaseID) error {
	_, err := e.client.Revoke(ctx, clientv3.LeaseID(id))
	if err = classify("end a lease", err); notFound(err) {
		return nil
	}
	return err
}
