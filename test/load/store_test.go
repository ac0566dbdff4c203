package load_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/seal"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// account is what the store says of one unit, all at one revision.
type account struct {
	unit     string
	n        string         // the charm's own counter: one more with each changeset
	written  int64          // how often the charm's state was written since the unit began; the store counts that itself
	sequence uint64         // events that are committed
	unrun    int            // of those, tasks that were committed as failed without a changeset
	once     map[string]int // tasks that the charm counted, and how often
	done     []string       // tasks that are committed as completed and that it has to have counted
}

// accounts reads the store of a controller that was killed at a moment of its own: every changeset writes the charm's
// state exactly once, so one that was applied again has left a version of the record too many, though its values are the same.
func (l *load) accounts() []account {
	l.t.Helper()
	dir := filepath.Join(l.Home, "controllers", "stage")
	copied := filepath.Join(l.t.TempDir(), "etcd")
	l.Controller.Hold()
	err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, "etcd")))
	l.Controller.Release()
	ask(l, clientv1connect.ClientClient.Status, &clientv1.StatusRequest{Model: stage.Model}) // it is back
	must(l.t, err)
	keys, err := seal.Open(filepath.Join(dir, "ca", "sealing-keys.json"))
	must(l.t, err)
	kept, err := store.OpenEmbedded(l.t.Context(), store.Embedded{Dir: copied, NoFsync: true, Sealer: keys})
	must(l.t, err)
	defer func() { must(l.t, kept.Close()) }()
	found, err := kept.Range(l.t.Context(), store.InModel(l.UUID(stage.Model)), store.RangeOptions{Prefix: true})
	must(l.t, err)
	return read(l, found.KVs)
}

// read makes accounts of records.
func read(l *load, records []store.KV) []account {
	l.t.Helper()
	all := map[string]*account{}
	of := func(unit string) *account {
		if all[unit] == nil {
			all[unit] = &account{unit: unit, once: map[string]int{}}
		}
		return all[unit]
	}
	for _, kv := range records {
		_, k, ok := store.CutModel(kv.Key)
		if !ok {
			continue
		}
		switch k.Kind {
		case key.CharmState:
			state := &controllerv1.CharmState{}
			must(l.t, proto.Unmarshal(kv.Value, state))
			a := of(k.Unit)
			a.n, a.written = state.GetValues()["n"], kv.Version
			for name, n := range state.GetValues() {
				if task, ok := strings.CutPrefix(name, "once."); ok {
					a.once[task] = number(n)
				}
			}
		case key.State:
			state := &controllerv1.UnitState{}
			must(l.t, proto.Unmarshal(kv.Value, state))
			of(k.Unit).sequence = state.GetCursor().GetSequence()
		case key.Task:
			task := &controllerv1.Task{}
			must(l.t, proto.Unmarshal(kv.Value, task))
			l.task(of(task.GetUnit()), task)
		}
	}
	var list []account
	for _, a := range all {
		if a.n != "" { // tasks of units that are gone stay
			list = append(list, *a)
		}
	}
	slices.SortFunc(list, func(a, b account) int { return strings.Compare(a.unit, b.unit) })
	return list
}

// task enters a task into its unit's account.
func (l *load) task(a *account, task *controllerv1.Task) {
	switch task.GetStatus() {
	case "completed":
		if task.GetAction() == "once" {
			a.done = append(a.done, task.GetId())
		}
	case "failed":
		a.unrun++
	case "pending", "running", "aborting":
		l.t.Errorf("task %s of %s is %s though all is at rest", task.GetId(), task.GetUnit(), task.GetStatus())
	}
}
