// Command committer commits one event of one unit into the store of a directory and prints what it was answered. Built
// with crash points it can be made to die on the way.
package main

import (
	"context"
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mirror reads the store anew each time.
type mirror struct{ s *store.Etcd }

func (m mirror) Read(look func(*model.State)) {
	state := model.NewState(m.s.Epoch())
	found, err := m.s.Range(context.Background(), store.InModel("u"), store.RangeOptions{Prefix: true})
	if err != nil {
		panic(err)
	}
	for _, kv := range found.KVs {
		if uuid, k, ok := store.CutModel(kv.Key); ok {
			if value, err := model.Decode(k, kv.Value); err == nil {
				state.Ensure(uuid).Put(&model.Entry{Key: k, Name: k.String(), Value: value, Mod: kv.Mod, Create: kv.Create})
			}
		}
	}
	look(state)
}

func (mirror) WaitRevision(context.Context, int64) error { return nil }

// run prepares the unit if it is not there, commits, and prints how often the databag was written.
func run(ctx context.Context, dir string) error {
	s, err := store.OpenEmbedded(ctx, store.Embedded{Dir: dir})
	if err != nil {
		return err
	}
	defer s.Close()
	var ops []store.Op
	for k, m := range map[key.Key]proto.Message{
		key.OfUnit(key.Unit, "web/0"):        &controllerv1.Unit{Name: "web/0", Agent: "a"},
		key.OfUnit(key.Incarnation, "web/0"): &controllerv1.Incarnation{Id: "i", Agent: "a"},
		key.OfRelation(1):                    &controllerv1.Relation{Id: 1, Endpoints: []*controllerv1.Endpoint{{Application: "web"}}},
	} {
		value, err := model.Encode(m)
		if err != nil {
			return err
		}
		ops = append(ops, store.Put(store.In("u", k), value))
	}
	if _, err := s.Txn(ctx, []store.Compare{store.Missing(ops[0].Key())}, ops, nil); err != nil {
		return err
	}
	c := commit.New(commit.Config{Store: s, Mirror: mirror{s}})
	resp, err := c.Commit(ctx, "a", &controllerv1.CommitRequest{
		Guard: &controllerv1.Guard{Model: "u", Unit: "web/0", Incarnation: "i", Epoch: s.Epoch()}, CommitId: "0123456789abcdef0123456789abcdef",
		Event: &hookv1.Event{Id: "1-start", Kind: "start"}, Cursor: &controllerv1.Cursor{Sequence: 1},
		Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: &hookv1.Changeset{EventId: "1-start",
			Bags: []*hookv1.BagWrite{{RelationId: 1, Set: map[string]string{"k": "v"}}}}}},
	})
	if err != nil {
		return err
	}
	mirror{s}.Read(func(state *model.State) {
		bag, mod := model.Get[*controllerv1.Bag](state.Model("u"), key.UnitBag(1, "web/0"))
		fmt.Printf("refusal %v, bag written %d times, answered with its revision: %v\n", resp.GetRefusal(), bag.GetVersion(), mod == resp.GetRevision())
	})
	return nil
}
