// Package store keeps the controller's records: keys and bytes with revisions, in etcd.
//
// The interface is etcd's and no wider, because the same code must run on the embedded member of a laptop and on an
// external cluster. It knows nobody who writes: what the bytes mean is said in keys.go and in controller/v1.
package store

import "context"

// Store is one key space with revisions that only grow. Errors carry a class of sdk/errs: Unavailable (the outcome of
// a transaction is then unknown), Exhausted (too many operations, too large, out of space), Canceled, Invalid.
type Store interface {
	// Txn does then if every comparison holds, otherwise otherwise, in one step at one revision. The same key must
	// not be put twice.
	Txn(ctx context.Context, compares []Compare, then, otherwise []Op) (*TxnResult, error)
	// Range reads one key, or with Prefix all keys below it in their order, at one revision.
	Range(ctx context.Context, key string, o RangeOptions) (*RangeResult, error)
	// Watch delivers what is written below prefix from the given revision on (that revision included), one Batch for
	// each revision, until ctx ends or the store fails; then the channel closes, after a Batch with Err. A revision
	// that was compacted away is a *CompactedError.
	Watch(ctx context.Context, prefix string, revision int64) <-chan Batch
	// Close ends the store; watches end.
	Close() error
}

// Leases lets keys end by themselves.
type Leases interface {
	// Grant makes a lease of the given length in seconds.
	Grant(ctx context.Context, seconds int64) (LeaseID, error)
	// KeepAlive starts the time anew and returns its length in seconds; NotFound if the lease is over.
	KeepAlive(ctx context.Context, id LeaseID) (int64, error)
	// Revoke ends the lease and deletes its keys; ending what is over is no error.
	Revoke(ctx context.Context, id LeaseID) error
}

// LeaseID names a lease; 0 is none.
type LeaseID int64

// KV is one key with its value. Create and Mod are revisions, Version counts the writes since Create.
type KV struct {
	Key     string
	Value   []byte
	Create  int64
	Mod     int64
	Version int64
	Lease   LeaseID
}

// What a comparison looks at.
const (
	onMod = iota
	onCreate
	onValue
)

// Compare is one condition on one key; all are equalities.
type Compare struct {
	key   string
	on    int
	rev   int64
	value []byte
	below bool
}

// ModIs holds if the key was last written at the revision; 0 means that it does not exist.
func ModIs(key string, revision int64) Compare { return Compare{key: key, on: onMod, rev: revision} }

// CreateIs holds if the key was created at the revision; 0 means that it does not exist.
func CreateIs(key string, revision int64) Compare {
	return Compare{key: key, on: onCreate, rev: revision}
}

// ValueIs holds if the key exists with exactly this value.
func ValueIs(key string, value []byte) Compare { return Compare{key: key, on: onValue, value: value} }

// Missing holds if the key does not exist.
func Missing(key string) Compare { return CreateIs(key, 0) }

// NoneBelow holds if no key begins with prefix.
func NoneBelow(prefix string) Compare { return Compare{key: prefix, on: onCreate, below: true} }

// Key is the key that is compared, or the prefix.
func (c Compare) Key() string { return c.key }

// What an operation does.
const (
	opPut = iota
	opDelete
	opGet
)

// Op is one operation of a transaction.
type Op struct {
	kind   int
	key    string
	value  []byte
	lease  LeaseID
	prefix bool
}

// Put writes the value.
func Put(key string, value []byte) Op { return Op{kind: opPut, key: key, value: value} }

// PutLeased writes the value; the key ends with the lease.
func PutLeased(key string, value []byte, lease LeaseID) Op {
	return Op{kind: opPut, key: key, value: value, lease: lease}
}

// Delete removes the key; one that does not exist is no error.
func Delete(key string) Op { return Op{kind: opDelete, key: key} }

// DeleteAll removes every key that begins with prefix.
func DeleteAll(prefix string) Op { return Op{kind: opDelete, key: prefix, prefix: true} }

// Get reads the key within the transaction.
func Get(key string) Op { return Op{kind: opGet, key: key} }

// Key is the key of the operation, or its prefix.
func (o Op) Key() string { return o.key }

// Size is about what the operation takes in a request, in bytes.
func (o Op) Size() int { return len(o.key) + len(o.value) + 16 }

// Writes says whether the operation changes the store.
func (o Op) Writes() bool { return o.kind != opGet }

// TxnResult is what a transaction did.
type TxnResult struct {
	Succeeded bool  // every comparison held
	Revision  int64 // of the store after it: that of the writes if there were any
	// Results has one entry for each operation done: what a Get found (at most one), how many keys a Delete removed.
	Results []OpResult
}

// OpResult is the result of one operation.
type OpResult struct {
	KVs     []KV
	Deleted int64
}

// RangeOptions narrows a Range; the zero value reads one key as it is now.
type RangeOptions struct {
	Prefix   bool
	Revision int64 // 0 = now
	Limit    int64 // 0 = all
	From     string
	KeysOnly bool
}

// RangeResult is what a Range found.
type RangeResult struct {
	KVs      []KV
	Revision int64 // of the store when it was read
	More     bool  // Limit cut it short; go on with From = last key + "\x00"
}

// Change is one key that was written or deleted. After a delete KV has only Key and Mod.
type Change struct {
	KV      KV
	Deleted bool
}

// Batch is everything that one revision changed below the prefix.
type Batch struct {
	Revision int64
	Changes  []Change
	Err      error // set in the last batch of a watch that failed
}

// CompactedError says that the wanted revision is gone; Revision is the oldest that is left. Read everything anew.
type CompactedError struct {
	Revision int64
}

func (e *CompactedError) Error() string {
	return "cannot read the revision: it was compacted away; list everything and watch from there"
}
