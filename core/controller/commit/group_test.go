package commit_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestGroups: many units commit at once while the store holds the first two back; one commit among them is refused. All
// others are written, each once, in fewer transactions than there are commits.
func TestGroups(t *testing.T) {
	w := newWorld(t)
	const units = 60
	for i := range units {
		unit := fmt.Sprintf("many/%d", i)
		w.put(key.OfUnit(key.Unit, unit), &controllerv1.Unit{Name: unit, Agent: agent})
		w.put(key.OfUnit(key.Incarnation, unit), &controllerv1.Incarnation{Id: incarnation, Agent: agent})
	}
	requests := make([]*controllerv1.CommitRequest, units)
	for i := range requests {
		requests[i] = w.request(fmt.Sprintf("many/%d", i), "config-changed", &hookv1.Changeset{UnitStatus: active(fmt.Sprint(i))})
	}
	w.freeze()
	w.put(key.OfUnit(key.State, "many/59"), &controllerv1.UnitState{CommitId: "somebody else"}) // the mirror does not know
	gate := &gated{world: w, open: make(chan struct{}), arrived: make(chan struct{}, 1000)}
	c := commit.New(commit.Config{Store: gate, Mirror: w})
	before := w.txns.Load()
	var wg sync.WaitGroup
	responses := make([]*controllerv1.CommitResponse, units)
	for i, r := range requests {
		wg.Go(func() {
			resp, err := c.Commit(context.Background(), agent, r)
			if err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
			responses[i] = resp
		})
		if i < 2 {
			<-gate.arrived // on its way and held back
		}
	}
	for commit.Waiting(c) < units-2 {
		select { // the others are drafting still
		case <-gate.arrived:
			t.Fatal("a third transaction is on its way")
		default:
		}
	}
	close(gate.open)
	wg.Wait()
	w.frozen = nil
	revisions := map[int64]bool{}
	for i, resp := range responses {
		if i == units-1 {
			if resp.GetRefusal().GetKind() != commit.Conflict {
				t.Errorf("the commit of an old cursor: %v", resp)
			}
			continue
		}
		state := get[*controllerv1.UnitState](w, key.OfUnit(key.State, fmt.Sprintf("many/%d", i)))
		if resp.GetRefusal() != nil || state.GetCommitId() != requests[i].CommitId || state.GetCursor().GetSequence() != 1 {
			t.Errorf("commit %d: %v, stored %v", i, resp.GetRefusal(), state)
		}
		revisions[resp.GetRevision()] = true
	}
	// Two that were on their way, one for all others, and to find the one that did not hold two for each halving; that one
	// was asked a second time by its own commit.
	if n := w.txns.Load() - before; n > 2+1+2*6+1 || len(revisions) >= units/4 {
		t.Errorf("%d transactions and %d revisions for %d commits: too few were grouped", n, len(revisions), units)
	}
}

// gated holds transactions back until it is opened.
type gated struct {
	*world
	open    chan struct{}
	arrived chan struct{}
}

func (g *gated) Txn(ctx context.Context, compares []store.Compare, then, otherwise []store.Op) (*store.TxnResult, error) {
	g.arrived <- struct{}{}
	<-g.open
	return g.world.Txn(ctx, compares, then, otherwise)
}

// BenchmarkCommits32 has 32 units committing at once; compare its rate with BenchmarkTxns32.
func BenchmarkCommits32(b *testing.B) {
	w := newWorld(b)
	next := make(chan string, 32)
	guards := map[string]*controllerv1.CommitRequest{}
	for i := range 32 {
		unit := fmt.Sprintf("many/%d", i)
		w.put(key.OfUnit(key.Unit, unit), &controllerv1.Unit{Name: unit, Agent: agent})
		w.put(key.OfUnit(key.Incarnation, unit), &controllerv1.Incarnation{Id: incarnation, Agent: agent})
		next <- unit
	}
	for range 32 {
		unit := <-next
		guards[unit] = w.request(unit, "start", nil)
		next <- unit
	}
	w.freeze()
	w.frozen.Revision = math.MaxInt64 // the guard compares what the agent knows, not the mirror
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			unit := <-next
			r := guards[unit]
			r.CommitId = fmt.Sprintf("%032d", models.Add(1))
			resp, err := w.c.Commit(context.Background(), agent, r)
			if err != nil || resp.Refusal != nil {
				b.Error(err, resp.GetRefusal())
			}
			r.Guard.StateRevision = resp.GetRevision()
			next <- unit
		}
	})
}

// BenchmarkTxns32 writes as much without a committer.
func BenchmarkTxns32(b *testing.B) {
	w := newWorld(b)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		k := store.In(w.uuid, key.OfUnit(key.State, fmt.Sprintf("n/%d", models.Add(1))))
		last, value := int64(0), make([]byte, 40)
		for pb.Next() {
			r, err := shared.Txn(context.Background(), []store.Compare{store.ModIs(k, last), store.ValueIs(store.EpochKey, []byte(shared.Epoch()))}, []store.Op{store.Put(k, value)}, nil)
			if err != nil || !r.Succeeded {
				b.Error(err)
				return
			}
			last = r.Revision
		}
	})
}
