package agent_test

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestAThousandRelationsInOneHook: a charm writes into the databags of a thousand relations in one hook, each with its own
// value and each read back; it is one commit of one revision, and a hook that fails after writing as much leaves nothing.
func TestAThousandRelationsInOneHook(t *testing.T) {
	const thousand = 1000
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
		c := hook.New(s.Event, s.View, host)
		word := s.View.Config["name"].GetStringValue()
		if s.Event.Name != "config-changed" || word == "" {
			return ok(nil), nil
		}
		for _, r := range c.Relations("db") {
			set := map[string]string{"of": word + strconv.Itoa(int(r.Id))}
			if err := c.SetBag(ctx, r.Id, false, set); err != nil {
				t.Error(err)
			}
			if bag, err := c.Bag(ctx, r.Id, "web/0", false); err != nil || bag["of"] != set["of"] {
				t.Errorf("relation %d reads back %v, %v", r.Id, bag, err)
			}
		}
		if word == "bad" {
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: 1}, nil
		}
		return ok(c.Changeset()), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.stop()
	cursor := proto.CloneOf(w.cursor("web/0"))
	cursor.Relations = map[int32]*controllerv1.RelationCursor{}
	for i := range thousand { // it was told of them before
		other := fmt.Sprintf("mysql%d", i)
		id := w.store.Integrate("web", "db", other, "db")
		cursor.Relations[id] = &controllerv1.RelationCursor{Created: true, Endpoint: "db", RemoteApp: other}
		w.store.Txn(func() {
			w.store.Put(key.ScopeOf(id, "web/0"), &controllerv1.Object{Value: &controllerv1.Object_Scope{Scope: &controllerv1.Scope{}}})
		})
	}
	w.store.Txn(func() {
		w.store.Put(key.OfUnit(key.State, "web/0"), &controllerv1.Object{Value: &controllerv1.Object_UnitState{UnitState: &controllerv1.UnitState{Cursor: cursor}}})
	})
	w.start()
	written := func() map[string]int64 {
		all := map[string]int64{}
		for id := range int32(thousand) {
			o := w.store.Object(key.UnitBag(id+1, "web/0"))
			if of := o.GetBag().GetValues()["of"]; of != "" {
				all[of] = o.ModRevision
			}
		}
		return all
	}
	before := w.store.Count("Commit written")
	w.store.Config("web", "name", "good")
	began := time.Now()
	w.until("all is written", func() bool { return written()["good1"] != 0 })
	t.Logf("%d databags of one hook were stored %v after the cause", thousand, time.Since(began))
	all := written()
	if len(all) != thousand {
		t.Fatalf("%d databags", len(all))
	}
	for of, revision := range all {
		if revision != all["good1"] || of[:4] != "good" {
			t.Fatalf("%s is of revision %d, not %d", of, revision, all["good1"])
		}
	}
	if n := w.store.Count("Commit written") - before; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	w.store.Config("web", "name", "bad")
	w.until("the failure is stored", func() bool { return w.store.Count("Commit written") > before+1 })
	if left := written(); !maps.Equal(left, all) {
		t.Errorf("a hook that failed wrote: %d databags, %d of good", len(left), left["good1"])
	}
}
