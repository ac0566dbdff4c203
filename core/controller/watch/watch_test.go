package watch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

var shared *store.Etcd

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		panic(err)
	}
	if shared, err = store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, NoFsync: true}); err != nil {
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

// sees is a right for these tests: what belongs to applications that the agent has units of.
func sees(g *model.Graph, agent string, k key.Key) bool {
	switch k.Kind {
	case key.Relation, key.Bag, key.Scope:
		for _, app := range g.AgentApps(agent) {
			if g.InRelation(k.Relation, app) {
				return true
			}
		}
		return false
	case key.Model:
		return len(g.AgentApps(agent)) > 0
	case key.Storage:
		st, _ := model.Get[*controllerv1.StorageInstance](g, k)
		owner := st.GetOwner()
		return owner != "" && (g.AgentOf(owner) == agent || key.AppOf(owner) == "" && g.AgentHas(agent, owner))
	case key.Charm:
		for _, app := range g.AgentApps(agent) {
			if a, _ := g.App(app); a.GetCharmDigest() == k.Name {
				return true
			}
		}
		return false
	case key.App, key.Lead:
		return g.AgentHas(agent, k.App)
	}
	return k.Unit != "" && g.AgentOf(k.Unit) == agent
}

// differ is a right for these tests that is not the same for all units of an application: as it really is, a leader sees its siblings'
// statuses and its application's part of a relation, and every unit its own part and that of the other side.
func differ(g *model.Graph, agent string, k key.Key) bool {
	leader, _ := g.Leader(k.App)
	leads := leader != "" && g.AgentOf(leader) == agent
	own := k.Unit != "" && g.AgentOf(k.Unit) == agent
	switch k.Kind {
	case key.Status:
		return own || leads
	case key.Bag, key.Scope:
		r, _ := g.Relation(k.Relation)
		return g.InRelation(k.Relation, k.App) && (own || k.Unit == "" && leads) || slices.ContainsFunc(r.GetEndpoints(), func(e *controllerv1.Endpoint) bool {
			return e.Application != k.App && g.AgentHas(agent, e.Application)
		})
	}
	return sees(g, agent, k)
}

func clear(t testing.TB, s store.Store) {
	t.Helper()
	for _, prefix := range []string{store.Prefix + "m/", store.ModelPrefix, store.CharmPrefix, store.AgentPrefix} {
		if _, err := s.Txn(context.Background(), nil, []store.Op{store.DeleteAll(prefix)}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// right says whether an agent may see a record.
type right func(g *model.Graph, agent string, k key.Key) bool

// start opens a mirror and follows the store until the test ends.
func start(t testing.TB, s store.Store, queue int) *watch.Mirror {
	t.Helper()
	return follow(t, s, queue, sees)
}

func follow(t testing.TB, s store.Store, queue int, may right) *watch.Mirror {
	t.Helper()
	m, err := watch.Open(context.Background(), watch.Config{Store: s, Epoch: shared.Epoch(), MayRead: may, QueueObjects: queue})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return m
}

func put(k key.Key, m proto.Message) store.Op {
	value, err := model.Encode(m)
	if err != nil {
		panic(err)
	}
	return store.Put(store.In("u", k), value)
}

func write(t interface {
	Fatal(...any)
}, ops ...store.Op) int64 {
	r, err := shared.Txn(context.Background(), nil, ops, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Revision
}

func app(name string) store.Op {
	return put(key.OfApp(key.App, name), &controllerv1.Application{Name: name, CharmDigest: "d-" + name})
}

func unit(name, agent string) store.Op {
	return put(key.OfUnit(key.Unit, name), &controllerv1.Unit{Name: name, Agent: agent})
}

func relation(id int32, apps ...string) store.Op {
	r := &controllerv1.Relation{Id: id}
	for _, a := range apps {
		r.Endpoints = append(r.Endpoints, &controllerv1.Endpoint{Application: a, Name: "r"})
	}
	return put(key.OfRelation(id), r)
}

func bag(id int32, unit, v string) store.Op {
	return put(key.UnitBag(id, unit), &controllerv1.Bag{Values: map[string]string{"v": v}})
}

// dump is everything in a mirror, comparable.
func dump(m *watch.Mirror) map[string]string {
	out := map[string]string{}
	m.Read(func(s *model.State) {
		for _, g := range s.Models() {
			for e := range g.All() {
				out[g.UUID+" "+e.Name] = fmt.Sprint(e.Mod, e.Create, e.Value)
			}
			for _, app := range g.Apps() {
				out[g.UUID+" units of "+app] = fmt.Sprint(g.Units(app), g.Relations(app), slices.Sorted(g.AppAgents(app)))
			}
			for _, agent := range []string{"a", "b"} {
				out[g.UUID+" agent "+agent] = fmt.Sprint(g.AgentUnits(agent), g.AgentApps(agent))
			}
		}
		for _, d := range s.Charms() {
			out["charm "+d] = fmt.Sprint(s.CharmEntry(d).Mod)
		}
	})
	return out
}

// ops draws a transaction of random writes; no key twice.
func ops(t *rapid.T, label string) []store.Op {
	byKey := map[string]store.Op{}
	for i := range rapid.IntRange(1, 4).Draw(t, "n"+label) {
		draw := func(what string, from ...string) string {
			return rapid.SampledFrom(from).Draw(t, fmt.Sprint(what, label, ".", i))
		}
		name, number, id := draw("app", "web", "db"), draw("number", "0", "1", "12"), rapid.Int32Range(1, 2).Draw(t, fmt.Sprint("rel", label, ".", i))
		u := name + "/" + number
		var op store.Op
		switch draw("what", "app", "unit", "unit", "unit", "relation", "relation", "bag", "bag", "app's bag", "scope", "lead", "charm", "state", "model", "storage", "storage") {
		case "app":
			op = app(name)
		case "unit":
			op = unit(u, draw("agent", "a", "b", ""))
		case "relation":
			op = relation(id, draw("one", "web", "db"), draw("other", "db", "third"))
		case "app's bag":
			op = put(key.AppBag(id, name), &controllerv1.Bag{Values: map[string]string{"v": label}})
		case "bag":
			op = bag(id, u, label)
		case "scope":
			op = put(key.ScopeOf(id, u), &controllerv1.Scope{Since: label})
		case "lead":
			op = put(key.OfApp(key.Lead, name), &controllerv1.Lead{Unit: u})
		case "charm":
			op = put(key.Named(key.Charm, "d-"+name), &controllerv1.Charm{Digest: "d-" + name, Version: label})
		case "state":
			op = put(key.OfUnit(key.State, u), &controllerv1.UnitState{CommitId: label})
		case "storage": // it passes from one to another, or to nobody
			op = put(key.Named(key.Storage, draw("store", "data/0", "data/1")), &controllerv1.StorageInstance{Owner: draw("owner", u, u, name, ""), Since: label})
		case "model":
			op = put(key.Named(key.Model, "u"), &controllerv1.Model{Uuid: "u", Name: label})
		}
		gone := rapid.IntRange(0, 2).Draw(t, fmt.Sprint("delete", label, ".", i)) == 0
		if op.Key() == store.In("u", key.OfUnit(key.Unit, u)) { // a unit has a status, and no status is without its unit
			status := put(key.OfUnit(key.Status, u), &controllerv1.UnitStatus{Version: label})
			if gone {
				status = store.Delete(status.Key())
			}
			byKey[status.Key()] = status
		}
		if gone {
			op = store.Delete(op.Key())
		}
		byKey[op.Key()] = op
	}
	return slices.Collect(maps.Values(byKey))
}

// replica is what an agent holds.
type replica struct {
	sub      *watch.Subscription
	held     map[string]int64
	revision int64
}

// pull takes deltas until the revision is reached or nothing waits for a moment in which the mirror is there already.
func (r *replica) pull(t interface{ Fatalf(string, ...any) }) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
		d, err := r.sub.Next(ctx)
		cancel()
		if err != nil {
			return
		}
		if d.Revision < r.revision {
			t.Fatalf("the view goes back from %d to %d", r.revision, d.Revision)
		}
		r.revision = d.Revision
		if d.Full {
			r.held = map[string]int64{}
		}
		for _, o := range d.Objects {
			k := o.Model + " " + o.Key
			if o.Deleted {
				if r.held[k] == 0 {
					t.Fatalf("told of the end of %s, which it never saw", k)
				}
				delete(r.held, k)
			} else {
				r.held[k] = o.ModRevision
			}
		}
	}
}

// visible is what the agent ought to hold.
func visible(m *watch.Mirror, agent string, may right) map[string]int64 {
	out := map[string]int64{}
	m.Read(func(s *model.State) {
		for _, g := range s.Models() {
			for e := range g.All() {
				if may(g, agent, e.Key) {
					out[g.UUID+" "+e.Name] = e.Mod
				}
			}
			for _, d := range s.Charms() {
				if e := s.CharmEntry(d); may(g, agent, e.Key) {
					out[g.UUID+" "+e.Name] = e.Mod
				}
			}
		}
	})
	return out
}

// TestConvergence: after any writes the mirror is what a fresh one reads, and each agent holds exactly what it may see,
// whether it listened all the time, came back, or was too slow.
func TestConvergence(t *testing.T) {
	t.Run("by application", func(t *testing.T) { converge(t, sees) })
	t.Run("by unit", func(t *testing.T) { converge(t, differ) })
}

func converge(t *testing.T, may right) {
	clear(t, shared)
	m, slow := follow(t, shared, 0, may), follow(t, shared, 3, may)
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		agents := map[string]*replica{}
		for _, name := range []string{"a", "b"} {
			for label, from := range map[string]*watch.Mirror{"": m, "slow ": slow} {
				sub, err := from.Subscribe(ctx, name, 0, "")
				if err != nil {
					t.Fatal(err)
				}
				agents[label+name] = &replica{sub: sub, held: map[string]int64{}}
			}
		}
		defer func() {
			for _, r := range agents {
				r.sub.Close()
			}
		}()
		for i := range rapid.IntRange(1, 10).Draw(t, "txns") {
			revision := write(t, ops(t, fmt.Sprint(i))...)
			if rapid.Bool().Draw(t, fmt.Sprint("pull", i)) {
				if err := errors.Join(m.WaitRevision(ctx, revision), slow.WaitRevision(ctx, revision)); err != nil {
					t.Fatal(err)
				}
				for name, r := range agents {
					if !rapid.Bool().Draw(t, fmt.Sprint(name, " listens ", i)) {
						continue
					}
					r.pull(t)
					if !rapid.Bool().Draw(t, fmt.Sprint(name, " breaks ", i)) {
						continue
					}
					r.sub.Close()
					sub, err := m.Subscribe(ctx, name[len(name)-1:], r.revision, shared.Epoch())
					if err != nil {
						t.Fatal(err)
					}
					r.sub = sub
				}
			}
		}
		last := write(t, put(key.OfUnit(key.Status, "none/0"), &controllerv1.UnitStatus{}))
		if err := errors.Join(m.WaitRevision(ctx, last), slow.WaitRevision(ctx, last)); err != nil {
			t.Fatal(err)
		}
		fresh, err := watch.Open(ctx, watch.Config{Store: shared, Epoch: shared.Epoch(), MayRead: may})
		if err != nil {
			t.Fatal(err)
		}
		if want, got := dump(fresh), dump(m); !maps.Equal(want, got) {
			t.Fatalf("the mirror holds\n%v\nwant\n%v", got, want)
		}
		for name, r := range agents {
			r.pull(t)
			if want := visible(m, name[len(name)-1:], may); !maps.Equal(want, r.held) {
				t.Fatalf("agent %s holds\n%v\nmay see\n%v", name, r.held, want)
			}
		}
	})
}

func TestOneDeltaForEachRevision(t *testing.T) {
	clear(t, shared)
	m := start(t, shared, 0)
	if err := m.WaitRevision(t.Context(), write(t, app("web"), unit("web/0", "a"), relation(1, "web", "db"), app("db"), unit("db/0", "b"))); err != nil {
		t.Fatal(err)
	}
	sub, err := m.Subscribe(t.Context(), "a", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if d, err := sub.Next(t.Context()); err != nil || !d.Full || !d.Synced || d.Epoch != shared.Epoch() {
		t.Fatalf("first %v %v", d, err)
	}
	one := write(t, bag(1, "db/0", "x"), bag(1, "web/0", "x"))
	write(t, put(key.OfUnit(key.State, "db/0"), &controllerv1.UnitState{})) // not its own: no delta
	two := write(t, bag(1, "db/0", "y"))
	for i, want := range []int64{one, two} {
		d, err := sub.Next(t.Context())
		if err != nil || d.Revision != want || len(d.Objects) != 2-i || d.Full {
			t.Fatalf("got %v, %v; want revision %d", d, err, want)
		}
	}
}

func TestListingInParts(t *testing.T) {
	clear(t, shared)
	m := start(t, shared, 0)
	const units = 2500
	batch := []store.Op{app("web")}
	for i := range units {
		batch = append(batch, unit(fmt.Sprintf("web/%d", i), "a"))
	}
	if err := m.WaitRevision(t.Context(), write(t, batch...)); err != nil {
		t.Fatal(err)
	}
	sub, err := m.Subscribe(t.Context(), "a", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	objects, parts := 0, 0
	for synced := false; !synced; parts++ {
		d, err := sub.Next(t.Context())
		if err != nil || d.Full != (parts == 0) || len(d.Objects) > 1000 {
			t.Fatalf("part %d: full %v, %d objects, %v", parts, d.GetFull(), len(d.GetObjects()), err)
		}
		objects, synced = objects+len(d.Objects), d.Synced
	}
	if objects != units+1 || parts < 3 {
		t.Fatalf("%d objects in %d parts", objects, parts)
	}
}

func TestResumeTellsOnlyWhatWasMissed(t *testing.T) {
	clear(t, shared)
	m := start(t, shared, 0)
	seen := write(t, app("web"), unit("web/0", "a"), relation(1, "web", "db"))
	write(t, bag(1, "web/0", "x"))
	write(t, put(key.OfUnit(key.State, "other/0"), &controllerv1.UnitState{}))
	last := write(t, bag(1, "web/0", "y"))
	if err := m.WaitRevision(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	next := func(revision int64, epoch string) *controllerv1.Delta {
		sub, err := m.Subscribe(t.Context(), "a", revision, epoch)
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		d, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := next(seen, shared.Epoch()); d.Full || len(d.Objects) != 1 || d.Objects[0].GetBag().GetValues()["v"] != "y" {
		t.Errorf("resumed with %v", d)
	}
	for _, d := range []*controllerv1.Delta{next(1, shared.Epoch()), next(seen, "another"), next(0, shared.Epoch())} {
		if !d.Full || len(d.Objects) != 4 {
			t.Errorf("want a full listing, got %v", d)
		}
	}
	write(t, unit("web/1", "a")) // its rights changed
	if err := m.Wait(t.Context(), func(s *model.State) bool { return len(s.Model("u").Units("web")) == 2 }); err != nil {
		t.Fatal(err)
	}
	if d := next(last, shared.Epoch()); !d.Full {
		t.Errorf("resumed over a change of rights with %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.Subscribe(ctx, "a", last+1000, shared.Epoch()); !errs.Is(err, errs.Canceled) {
		t.Errorf("a revision that the mirror has not reached: %v", err)
	}
}

// compacting is a store whose watch says once that it was compacted.
type compacting struct {
	store.Store
	fail chan error
}

func (c *compacting) Watch(ctx context.Context, prefix string, revision int64) <-chan store.Batch {
	out := make(chan store.Batch)
	in := c.Store.Watch(ctx, prefix, revision)
	go func() {
		defer close(out)
		for {
			select {
			case b, ok := <-in:
				if !ok {
					return
				}
				out <- b
			case err := <-c.fail:
				out <- store.Batch{Err: err}
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func TestCompactionAndLossOfTheWatch(t *testing.T) {
	clear(t, shared)
	c := &compacting{Store: shared, fail: make(chan error)}
	m := start(t, c, 0)
	if err := m.WaitRevision(t.Context(), write(t, app("web"), unit("web/0", "a"))); err != nil {
		t.Fatal(err)
	}
	sub, err := m.Subscribe(t.Context(), "a", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if d, err := sub.Next(t.Context()); err != nil || !d.Full {
		t.Fatalf("%v %v", d, err)
	}
	c.fail <- &store.CompactedError{Revision: 1}
	if d, err := sub.Next(t.Context()); err != nil || !d.Full || len(d.Objects) != 2 {
		t.Fatalf("after a compaction: %v %v, want everything", d, err)
	}
	c.fail <- errs.E(errs.Unavailable, "gone")
	last := write(t, unit("web/1", "a"))
	if d, err := sub.Next(t.Context()); err != nil || d.Full || d.Revision != last {
		t.Fatalf("after the watch broke: %v %v, want revision %d", d, err, last)
	}
}

func TestAnotherEpoch(t *testing.T) {
	clear(t, shared)
	m := start(t, shared, 0)
	if err := m.WaitRevision(t.Context(), write(t, app("web"), unit("web/0", "a"))); err != nil {
		t.Fatal(err)
	}
	sub, err := m.Subscribe(t.Context(), "a", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if d, err := sub.Next(t.Context()); err != nil || !d.Full {
		t.Fatalf("%v %v", d, err)
	}
	write(t, store.Put(store.EpochKey, []byte("restored")))
	defer write(t, store.Put(store.EpochKey, []byte(shared.Epoch())))
	if d, err := sub.Next(t.Context()); err != nil || !d.Full || d.Epoch != "restored" {
		t.Fatalf("%v %v", d, err)
	}
}

func TestNotifyCoalesces(t *testing.T) {
	m := start(t, shared, 0)
	wake, stop := m.Notify()
	<-wake
	var last int64
	for range 50 {
		last = write(t, app("web"))
	}
	if err := m.WaitRevision(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	<-wake
	select {
	case <-wake:
		t.Error("woken twice for what was there at once")
	default:
	}
	stop()
	if err := m.WaitRevision(t.Context(), write(t, app("web"))); err != nil {
		t.Fatal(err)
	}
	if len(wake) != 0 {
		t.Error("woken after stop")
	}
}

func TestBrokenRecordHurtsNobody(t *testing.T) {
	clear(t, shared)
	m := start(t, shared, 0)
	last := write(t, app("web"), store.Put(store.In("u", key.OfApp(key.App, "bad")), []byte{0xff}), store.Put(store.Prefix+"m/u/what", nil))
	if err := m.WaitRevision(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	m.Read(func(s *model.State) {
		if apps := s.Model("u").Apps(); !slices.Equal(apps, []string{"web"}) {
			t.Errorf("applications %v", apps)
		}
	})
}

// TestStorageLostWhileAway: an agent that was away when its storage passed to another unit, or to nobody, must not believe
// that it has it still.
func TestStorageLostWhileAway(t *testing.T) {
	for _, owner := range []string{"", "web/1"} {
		clear(t, shared)
		m := start(t, shared, 0)
		data := func(owner string) store.Op {
			return put(key.Named(key.Storage, "data/0"), &controllerv1.StorageInstance{Id: "data/0", Owner: owner})
		}
		first := write(t, app("web"), unit("web/0", "a"), unit("web/1", "b"), data("web/0"))
		if err := m.WaitRevision(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		sub, err := m.Subscribe(t.Context(), "a", 0, "")
		if err != nil {
			t.Fatal(err)
		}
		r := &replica{sub: sub, held: map[string]int64{}}
		r.pull(t)
		sub.Close()
		if r.held["u stor/data/0"] == 0 {
			t.Fatalf("the agent holds %v", r.held)
		}
		if err := m.WaitRevision(t.Context(), write(t, data(owner))); err != nil {
			t.Fatal(err)
		}
		if r.sub, err = m.Subscribe(t.Context(), "a", r.revision, shared.Epoch()); err != nil {
			t.Fatal(err)
		}
		r.pull(t)
		r.sub.Close()
		if want := visible(m, "a", sees); !maps.Equal(want, r.held) {
			t.Errorf("owner %q: the agent holds %v, may see %v", owner, r.held, want)
		}
	}
}
