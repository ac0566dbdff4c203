package commit_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// shared is the one store of the package; every test has a model of its own in it.
var shared *store.Etcd

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "commit")
	if err != nil {
		panic(err)
	}
	shared, err = store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, NoFsync: true})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = shared.Close()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var models atomic.Int64

// tester is what tests, benchmarks and properties have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// world is a model with its mirror, which the test may hold back.
type world struct {
	t      tester
	store  store.Store
	uuid   string
	c      *commit.Committer
	txns   atomic.Int64
	then   []store.Op                  // of the last transaction
	before func()                      // runs once before the next transaction
	after  func(*store.TxnResult) bool // true: the answer is lost
	mu     sync.Mutex
	frozen *model.State
	charm  *controllerv1.Charm // of web
	alone  bool                // one commit at a time
	held   atomic.Bool         // the mirror is being looked at
}

const (
	agent       = "agent-0"
	incarnation = "inc-0"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// newWorld has web/0..2 (web/0 leads) and db/0, the peer relation 1 of web, and relation 2 between both.
func newWorld(t tester) *world {
	w := &world{t: t, store: shared, uuid: fmt.Sprintf("m%d", models.Add(1))}
	w.c = commit.New(commit.Config{Store: w, Mirror: w, ParseCharm: parse, Now: func() time.Time { return now }})
	w.put(key.Named(key.Model, w.uuid), &controllerv1.Model{Uuid: w.uuid, Name: w.uuid, Life: controllerv1.Life_LIFE_ALIVE})
	for _, app := range []string{"web", "db"} {
		w.put(key.OfApp(key.App, app), &controllerv1.Application{Name: app, Life: controllerv1.Life_LIFE_ALIVE, CharmDigest: "d-" + app})
	}
	for _, unit := range []string{"web/0", "web/1", "web/2", "db/0"} {
		w.put(key.OfUnit(key.Unit, unit), &controllerv1.Unit{Name: unit, Life: controllerv1.Life_LIFE_ALIVE, Agent: agent})
		w.put(key.OfUnit(key.Incarnation, unit), &controllerv1.Incarnation{Id: incarnation, Agent: agent})
	}
	w.put(key.OfUnit(key.Addresses, "web/0"), &controllerv1.Addresses{Addresses: []string{"10.0.0.1", "fd00::1"}})
	w.put(key.OfApp(key.Lead, "web"), &controllerv1.Lead{Unit: "web/0"})
	w.put(key.OfRelation(1), &controllerv1.Relation{Id: 1, Life: controllerv1.Life_LIFE_ALIVE, Endpoints: []*controllerv1.Endpoint{{Application: "web", Name: "peers", Role: "peer"}}})
	w.put(key.OfRelation(2), &controllerv1.Relation{Id: 2, Life: controllerv1.Life_LIFE_ALIVE, Endpoints: []*controllerv1.Endpoint{
		{Application: "web", Name: "db", Role: "requirer"}, {Application: "db", Name: "db", Role: "provider"}}})
	return w
}

// Txn, Range, Watch and Close make the world a store that counts and can lose answers.
func (w *world) Txn(ctx context.Context, compares []store.Compare, then, otherwise []store.Op) (*store.TxnResult, error) {
	w.txns.Add(1)
	w.outside("Txn")
	if f := w.before; f != nil {
		w.before = nil
		f()
	}
	result, err := w.store.Txn(ctx, compares, then, otherwise)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.then = then
	if f := w.after; f != nil && err == nil && f(result) {
		w.after = nil
		return nil, context.DeadlineExceeded
	}
	return result, err
}

func (w *world) Range(ctx context.Context, k string, o store.RangeOptions) (*store.RangeResult, error) {
	w.outside("Range")
	return w.store.Range(ctx, k, o)
}

func (w *world) Watch(ctx context.Context, prefix string, revision int64) <-chan store.Batch {
	return w.store.Watch(ctx, prefix, revision)
}

func (w *world) Close() error { return nil }

// outside fails what goes to the store while the mirror is held: everybody else would wait for the disk with it.
func (w *world) outside(verb string) {
	if w.held.Load() {
		w.t.Error(verb + " was called while the mirror is held")
	}
}

// load reads the whole model now.
func (w *world) load() *model.State {
	s := model.NewState(shared.Epoch())
	if w.charm != nil {
		s.SetCharm(w.charm.Digest, &model.Entry{Key: key.Named(key.Charm, w.charm.Digest), Value: w.charm})
	}
	for _, prefix := range []string{store.InModel(w.uuid), store.ModelKey(w.uuid)} {
		found, err := w.store.Range(context.Background(), prefix, store.RangeOptions{Prefix: true})
		if err != nil {
			w.t.Error(err)
			return s
		}
		s.Revision = found.Revision
		for _, kv := range found.KVs {
			uuid, k, ok := store.CutModel(kv.Key)
			if !ok {
				uuid, k = w.uuid, key.Named(key.Model, w.uuid)
			}
			if value, err := model.Decode(k, kv.Value); err == nil && value != nil {
				s.Ensure(uuid).Put(&model.Entry{Key: k, Name: k.String(), Value: value, Mod: kv.Mod, Create: kv.Create, Lease: int64(kv.Lease)})
			}
		}
	}
	return s
}

// Read shows the frozen state, or the store's.
func (w *world) Read(look func(*model.State)) {
	w.mu.Lock()
	s := w.frozen
	w.mu.Unlock()
	if s == nil {
		s = w.load()
	}
	w.held.Store(w.alone)
	defer w.held.Store(false)
	look(s)
}

// WaitRevision thaws a frozen mirror when a later state is asked for.
func (w *world) WaitRevision(_ context.Context, revision int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen != nil && w.frozen.Revision < revision {
		w.frozen = w.load()
	}
	return nil
}

// freeze makes the mirror lag from now on.
func (w *world) freeze() {
	s := w.load()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = s
}

// put writes a record past everybody.
func (w *world) put(k key.Key, m proto.Message) int64 {
	w.t.Helper()
	value, err := model.Encode(m)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.store.Txn(context.Background(), nil, []store.Op{store.Put(store.In(w.uuid, k), value)}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Revision
}

// get reads a record from the store; the zero T if there is none.
func get[T proto.Message](w *world, k key.Key) T {
	v, _ := model.Get[T](w.load().Model(w.uuid), k)
	return v
}

func (w *world) has(k key.Key) bool { return w.load().Model(w.uuid).Entry(k.String()) != nil }

// request is a commit of the unit's next event.
func (w *world) request(unit, kind string, cs *hookv1.Changeset) *controllerv1.CommitRequest {
	g := w.load().Model(w.uuid)
	state, mod := model.Get[*controllerv1.UnitState](g, key.OfUnit(key.State, unit))
	_, term := g.Leader(key.AppOf(unit))
	seq := state.GetCursor().GetSequence() + 1
	id := fmt.Sprintf("%d-%s", seq, kind)
	if cs != nil {
		cs.EventId = id
	}
	return &controllerv1.CommitRequest{
		Guard:    &controllerv1.Guard{Model: w.uuid, Unit: unit, Incarnation: incarnation, StateRevision: mod, Epoch: shared.Epoch(), LeaderTerm: term},
		CommitId: strings.Repeat("0", 12) + fmt.Sprintf("%020d", models.Add(1)),
		Event:    &hookv1.Event{Id: id, Kind: kind, Name: kind},
		Cursor:   &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: seq, Relations: map[int32]*controllerv1.RelationCursor{}},
		Outcome:  &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: cs}},
	}
}

// commit sends it and wants it written.
func (w *world) commit(req *controllerv1.CommitRequest) *controllerv1.CommitResponse {
	w.t.Helper()
	resp, err := w.c.Commit(context.Background(), agent, req)
	if err != nil || resp.Refusal != nil {
		w.t.Fatalf("Commit: %v, refusal %v", err, resp.GetRefusal())
	}
	return resp
}

// refused sends it and wants a refusal of the kind.
func (w *world) refused(req *controllerv1.CommitRequest, kind string) *controllerv1.Refusal {
	w.t.Helper()
	resp, err := w.c.Commit(context.Background(), agent, req)
	if err != nil || resp.GetRefusal().GetKind() != kind {
		w.t.Fatalf("Commit: %v, refusal %v, want one of kind %s", err, resp.GetRefusal(), kind)
	}
	return resp.Refusal
}

// parse reads a charm from its record.
func parse(rec *controllerv1.Charm) (*charm.Charm, error) {
	files := fstest.MapFS{"dispatch": {Mode: 0o755}}
	for name, data := range rec.GetFiles() {
		files[name] = &fstest.MapFile{Data: data}
	}
	ch, list := charm.ReadFS(files, charm.ReadConfig{Runtime: charm.Python})
	return ch, list.Err()
}
