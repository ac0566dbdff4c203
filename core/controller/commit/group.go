package commit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Bounds of the grouping of commits.
const (
	flights   = 2                // transactions of commits on their way at a time before others queue
	groupSize = 64               // commits in one transaction
	flightMax = 10 * time.Second // a group belongs to no caller's context
)

// group merges commits that wait into one transaction. It never waits itself: what comes while two transactions are on
// their way is taken along by the next. A group whose comparisons do not hold is sent again in halves.
type group struct {
	store store.Store

	mu      sync.Mutex
	flying  int
	waiting []*flight
}

// flight is one commit's share.
type flight struct {
	compares  []store.Compare
	then      []store.Op
	otherwise []store.Op
	done      chan landing // of size 1: nobody may wait any more
}

type landing struct {
	result *store.TxnResult
	err    error
}

// send does the commit's transaction, alone or with others. The results of a group's operations are not given; commits
// read only in the other branch.
func (g *group) send(ctx context.Context, compares []store.Compare, then, otherwise []store.Op) (*store.TxnResult, error) {
	f := &flight{compares, then, otherwise, make(chan landing, 1)}
	g.mu.Lock()
	if g.flying < flights {
		g.flying++
		g.mu.Unlock()
		defer g.next()
		return g.store.Txn(ctx, compares, then, otherwise)
	}
	g.waiting = append(g.waiting, f)
	g.mu.Unlock()
	select {
	case l := <-f.done:
		return l.result, l.err
	case <-ctx.Done():
		return nil, errs.E(errs.Canceled, "cannot wait for the commit: %w", ctx.Err())
	}
}

// next ends a flight and lets those who wait follow.
func (g *group) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.flying--
		return
	}
	var batch []*flight
	batch, g.waiting = pick(g.waiting)
	go g.fly(batch)
}

// pick takes from the front those that can share a transaction: no one writes what another compares or writes.
func pick(waiting []*flight) (batch, left []*flight) {
	compared, written := map[string]bool{}, map[string]bool{}
	keys, bytes := 0, 0
	for _, f := range waiting {
		size := 0
		for _, op := range f.then {
			size += op.Size()
		}
		clash := len(batch) >= groupSize || keys+len(f.then) > MaxKeys || bytes+size > MaxBytes ||
			slices.ContainsFunc(f.then, func(op store.Op) bool { return compared[op.Key()] || written[op.Key()] }) ||
			slices.ContainsFunc(f.compares, func(c store.Compare) bool { return written[c.Key()] })
		if clash && len(batch) > 0 {
			left = append(left, f)
			continue
		}
		batch, keys, bytes = append(batch, f), keys+len(f.then), bytes+size
		for _, op := range f.then {
			written[op.Key()] = true
		}
		for _, c := range f.compares {
			compared[c.Key()] = true
		}
	}
	return batch, left
}

// fly sends a batch.
func (g *group) fly(batch []*flight) {
	ctx, cancel := context.WithTimeout(context.Background(), flightMax)
	defer cancel()
	defer g.next()
	g.land(ctx, batch)
}

// land sends commits in one transaction, and in two halves when something that one of them compares had moved.
func (g *group) land(ctx context.Context, batch []*flight) {
	if len(batch) == 1 {
		f := batch[0]
		result, err := g.store.Txn(ctx, f.compares, f.then, f.otherwise)
		f.done <- landing{result, err}
		return
	}
	var compares []store.Compare
	var then []store.Op
	for _, f := range batch {
		compares, then = append(compares, f.compares...), append(then, f.then...)
	}
	result, err := g.store.Txn(ctx, compares, then, nil)
	together := err == nil && result.Succeeded || err != nil && !errs.Is(err, errs.Exhausted)
	if !together {
		half := len(batch) / 2
		g.land(ctx, batch[:half])
		g.land(ctx, batch[half:])
		return
	}
	for _, f := range batch { // written for all, or unknown for all
		f.done <- landing{result, err}
	}
}
