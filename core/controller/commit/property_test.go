package commit_test

import (
	"context"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// process is one of two processes that believe to speak for the same unit; each counts in a databag what it ran.
type process struct {
	name  string
	w     *world
	open  *controllerv1.CommitRequest // sent, and not answered yet
	lost  bool                        // an answer to it was lost
	done  []string                    // acknowledged commits, by their line
	maybe int                         // refused after a lost answer: written, then overtaken by the other, or never
}

// step sends what is open again, or the next event.
func (p *process) step(t *rapid.T, lose bool) {
	if p.open == nil {
		p.open = p.next()
	}
	p.w.after = func(*store.TxnResult) bool { return lose }
	resp, err := p.w.c.Commit(context.Background(), agent, p.open)
	p.w.after = nil
	switch {
	case err != nil: // unknown: the same again next time
		p.lost = true
	case resp.Refusal != nil && resp.Refusal.Kind != commit.Conflict:
		t.Fatalf("%s: refused %v", p.name, resp.Refusal)
	case resp.Refusal != nil:
		if p.lost {
			p.maybe++
		}
		p.open, p.lost = nil, false
	default:
		p.done = append(p.done, p.name+"-"+p.open.CommitId)
		p.open, p.lost = nil, false
	}
}

// next is one more line in the bag, under a key of its own, so that every commit that was applied can be counted.
func (p *process) next() *controllerv1.CommitRequest {
	r := p.w.request("web/0", "config-changed", nil)
	line := map[string]string{p.name + "-" + r.CommitId: "1", "last": p.name}
	r.GetDone().Changeset = &hookv1.Changeset{EventId: r.Event.Id, Bags: []*hookv1.BagWrite{{RelationId: 1, Set: line}}}
	return r
}

// TestInterleavings: whatever two processes do, with answers lost and mirrors that lag, what was acknowledged is there,
// and nothing is there twice: the bag's version, its lines and the cursor's sequence all count the same commits.
func TestInterleavings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		a, b := &process{name: "a", w: w}, &process{name: "b", w: w}
		for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
			label := strconv.Itoa(i)
			p := rapid.SampledFrom([]*process{a, b}).Draw(t, "who"+label)
			w.frozen = nil
			if p.open == nil && rapid.Bool().Draw(t, "other prepares first"+label) {
				p.open = p.next() // and the other may be faster
				continue
			}
			if rapid.Bool().Draw(t, "lag"+label) {
				w.freeze()
			}
			p.step(t, rapid.Bool().Draw(t, "lose"+label))
		}
		w.frozen = nil
		for _, p := range []*process{a, b} {
			for p.open != nil {
				p.step(t, false)
			}
		}
		bag := get[*controllerv1.Bag](w, key.UnitBag(1, "web/0"))
		state, _ := model.Get[*controllerv1.UnitState](w.load().Model(w.uuid), key.OfUnit(key.State, "web/0"))
		lines, acked := max(0, len(bag.GetValues())-1), len(a.done)+len(b.done)
		if int(bag.GetVersion()) != lines || int(state.GetCursor().GetSequence()) != lines {
			t.Fatalf("%d lines, bag version %d, sequence %d", lines, bag.GetVersion(), state.GetCursor().GetSequence())
		}
		if lines < acked || lines > acked+a.maybe+b.maybe {
			t.Fatalf("%d lines, %d acknowledged, %d unknown", lines, acked, a.maybe+b.maybe)
		}
		for _, line := range append(a.done, b.done...) {
			if bag.Values[line] != "1" {
				t.Fatalf("acknowledged %s is lost", line)
			}
		}
	})
}
