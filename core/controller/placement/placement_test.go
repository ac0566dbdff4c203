package placement_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/core/controller/placement/placementtest"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

var etcd *store.Etcd

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	if etcd, err = store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, NoFsync: true}); err != nil {
		panic(err)
	}
	code := m.Run()
	etcd.Close()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const uuid = "11111111-2222-4333-8444-555555555555"

type rig struct {
	t      *testing.T
	world  *placementtest.World
	reader *snapshot.Reader
	place  *placement.Placement
	mirror *watch.Mirror
	elect  *leadership.Elections
	lost   sync.Map // agents that are not connected
}

// Connected says which agents are there: fake-0 and those of pods.
func (r *rig) Connected(agent string) bool {
	_, lost := r.lost.Load(agent)
	return !lost && (agent == "fake-0" || strings.HasPrefix(agent, "pod-"))
}

// Notify tells nobody of agents that come and go.
func (r *rig) Notify() (<-chan struct{}, func()) { return nil, func() {} }

func newRig(t *testing.T, prepare ...func(*placementtest.World)) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{t: t, world: placementtest.NewWorld()}
	for _, do := range prepare {
		do(r.world)
	}
	_, err := etcd.Txn(ctx, nil, []store.Op{store.DeleteAll(store.ModelPrefix), store.DeleteAll(store.ModelNamePrefix), store.DeleteAll(store.CharmPrefix),
		store.DeleteAll(store.AgentPrefix), store.DeleteAll(store.Prefix + "m/")}, nil)
	must(t, err)
	mirror, err := watch.Open(ctx, watch.Config{Store: etcd, Epoch: etcd.Epoch(), MayRead: func(*model.Graph, string, key.Key) bool { return true }})
	must(t, err)
	r.mirror, r.reader = mirror, snapshot.NewReader(mirror)
	r.elect = leadership.New(leadership.Config{Store: etcd, Leases: etcd, Mirror: mirror, Presence: r})
	commits := commit.New(commit.Config{Store: etcd, Mirror: mirror})
	r.place = placement.New(placement.Config{
		Store: etcd, Epoch: etcd.Epoch(), Mirror: mirror, Reader: r.reader, Units: commits,
		Connected: r.Connected, Depose: r.elect.Depose,
		Start: r.world.Start, Known: func() []string { return []string{"fake"} },
		Configure:   func(string) (*substratev1.ConfigureRequest, error) { return &substratev1.ConfigureRequest{}, nil },
		SharedAgent: "fake-0",
	})
	wake, stop := mirror.Notify()
	done := make(chan struct{}, 3)
	for _, run := range []func(){
		func() { _ = mirror.Run(ctx) }, func() { _ = r.place.Run(ctx) }, func() { _ = commits.RunJanitor(ctx, wake) },
	} {
		go func() { run(); done <- struct{}{} }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			<-done
		}
		stop()
	})
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) put(records map[string]proto.Message) {
	r.t.Helper()
	var ops []store.Op
	for k, m := range records {
		data, err := proto.Marshal(m)
		must(r.t, err)
		ops = append(ops, store.Put(k, data))
	}
	res, err := etcd.Txn(r.t.Context(), nil, ops, nil)
	must(r.t, err)
	_, err = r.reader.Wait(r.t.Context(), res.Revision)
	must(r.t, err)
}

func at(k key.Key) string { return store.In(uuid, k) }

func unit(name, agent string, life controllerv1.Life) *controllerv1.Unit {
	return &controllerv1.Unit{Name: name, Agent: agent, Life: life}
}

const (
	alive = controllerv1.Life_LIFE_ALIVE
	dying = controllerv1.Life_LIFE_DYING
	dead  = controllerv1.Life_LIFE_DEAD
)

// deploy writes a model with an application of two units.
func (r *rig) deploy(agent string) {
	r.put(map[string]proto.Message{
		store.ModelKey(uuid): &controllerv1.Model{Uuid: uuid, Name: "m", Substrate: "fake", Life: alive},
		store.CharmKey("d1"): &controllerv1.Charm{Digest: "d1", Name: "web", Runtime: "python", Files: map[string][]byte{
			"metadata.yaml": []byte("name: web\nsummary: s\ndescription: d\n"), "manifest.yaml": []byte("bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n")}},
		at(key.OfApp(key.App, "web")):     &controllerv1.Application{Name: "web", Life: alive, CharmDigest: "d1", CharmName: "web", Runtime: "python"},
		at(key.OfUnit(key.Unit, "web/0")): unit("web/0", agent, alive),
		at(key.OfUnit(key.Unit, "web/1")): unit("web/1", agent, alive),
	})
}

// eventually polls until the condition holds.
func (r *rig) eventually(what string, holds func(m *snapshot.Model) bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		m, ok := r.reader.Model(uuid)
		if !ok {
			m = nil
		}
		if holds(m) {
			return
		}
		select {
		case <-deadline:
			r.t.Fatalf("it never happened: %s; places %v, removed %v, model %+v", what, r.world.Places(), r.world.Removed(), m)
		case <-tick.C:
		}
	}
}

func TestALife(t *testing.T) {
	r := newRig(t)
	r.deploy("")
	r.eventually("units have places", func(m *snapshot.Model) bool {
		return slices.Equal(r.world.Places(), []string{"web/0", "web/1"}) && m.Units["web/1"].Value.GetProviderId() == "fake-web/1"
	})
	if _, _, ok := r.place.Shared("fake"); ok {
		t.Fatal("an agent that never joined is shared")
	}
	r.put(map[string]proto.Message{store.AgentKey("fake-0"): &controllerv1.AgentRecord{Id: "fake-0", Incarnation: "i1"}})
	r.eventually("units get the agent that joined, and addresses", func(m *snapshot.Model) bool {
		return m.Units["web/0"].Value.GetAgent() == "fake-0" && m.Incarnations["web/1"].Value.GetId() == "i1" && m.Addresses["web/0"].Exists()
	})
	r.eventually("the spec names the incarnation", func(m *snapshot.Model) bool {
		return r.world.Spec(uuid, "web").GetUnits()[1].GetIncarnation() == "i1"
	})

	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/1")): unit("web/1", "fake-0", dying)})
	r.eventually("a dying unit is draining and keeps its place", func(*snapshot.Model) bool {
		u := r.world.Spec(uuid, "web").GetUnits()
		return len(u) == 2 && u[1].GetDraining() && !u[0].GetDraining() && len(r.world.Places()) == 2
	})
	r.world.Hold(true)
	r.put(map[string]proto.Message{
		at(key.OfUnit(key.Unit, "web/1")):  unit("web/1", "fake-0", dead),
		at(key.OfApp(key.Lead, "web")):     &controllerv1.Lead{Unit: "web/1"},
		at(key.OfUnit(key.Ports, "web/1")): &controllerv1.Ports{Ranges: []*hookv1.PortRange{{Protocol: "tcp", From: 1, To: 1}}},
	})
	r.eventually("a dead unit is left out", func(m *snapshot.Model) bool { return len(r.world.Spec(uuid, "web").GetUnits()) == 1 })
	if m, _ := r.reader.Model(uuid); !m.Units["web/1"].Exists() {
		t.Fatal("a unit was cleared away before its place was gone")
	}
	r.world.Hold(false)
	r.world.Kill()
	r.eventually("it is cleared away once its place is gone", func(m *snapshot.Model) bool {
		return !m.Units["web/1"].Exists() && !m.Leads["web"].Exists() && !m.Ports["web/1"].Exists() && m.Units["web/0"].Exists()
	})

	r.put(map[string]proto.Message{store.ModelKey(uuid): &controllerv1.Model{Uuid: uuid, Name: "m", Substrate: "fake", Life: dying}})
	r.eventually("a dying model takes its units along", func(m *snapshot.Model) bool { return m.Units["web/0"].Value.GetLife() == dying })
	gone := unit("web/0", "fake-0", dead)
	gone.DestroyStorage = true
	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/0")): gone})
	r.eventually("the model goes", func(m *snapshot.Model) bool { return m == nil })
	r.eventually("the application is removed with what is its own", func(*snapshot.Model) bool {
		return slices.Equal(r.world.Removed(), []string{"web/0 with storage", "web with storage"})
	})
	left, err := etcd.Range(t.Context(), store.Prefix+"m", store.RangeOptions{Prefix: true})
	must(t, err)
	for _, kv := range left.KVs {
		t.Errorf("left in the store: %s", kv.Key)
	}
}

func TestAProviderThatDiesIsToldEverythingAgain(t *testing.T) {
	r := newRig(t)
	r.deploy("fake-0")
	r.eventually("units have places", func(*snapshot.Model) bool { return len(r.world.Places()) == 2 })
	r.world.Kill()
	r.eventually("the next one knows the spec", func(*snapshot.Model) bool {
		return r.world.Starts() == 2 && len(r.world.Spec(uuid, "web").GetUnits()) == 2 && len(r.world.Places()) == 2
	})
	if len(r.world.Removed()) > 0 {
		t.Fatalf("removed %v", r.world.Removed())
	}
}

func TestForcedUnitsNeedNoAgent(t *testing.T) {
	r := newRig(t)
	r.deploy("away")
	r.eventually("units have places", func(*snapshot.Model) bool { return len(r.world.Places()) == 2 })
	u := unit("web/1", "away", dying)
	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/1")): proto.CloneOf(u)})
	u.Forced = true
	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/1")): u})
	r.eventually("a forced unit goes without its agent", func(m *snapshot.Model) bool { return !m.Units["web/1"].Exists() && m.Units["web/0"].Exists() })
}

func TestSubordinatesFollowTheirPrincipalsAgent(t *testing.T) {
	r := newRig(t, func(w *placementtest.World) { w.OwnAgents() })
	r.deploy("pod-0")
	sub := unit("sub/0", "", alive)
	sub.Principal = "web/0"
	place := func(agent, id string) {
		r.put(map[string]proto.Message{
			at(key.OfUnit(key.Unit, "web/0")):        unit("web/0", agent, alive),
			at(key.OfUnit(key.Incarnation, "web/0")): &controllerv1.Incarnation{Id: id, Agent: agent},
		})
		r.eventually("the subordinate is with "+agent, func(m *snapshot.Model) bool {
			inc := m.Incarnations["sub/0"].Value
			return m.Units["sub/0"].Value.GetAgent() == agent && inc.GetAgent() == agent && inc.GetId() == id
		})
	}
	r.put(map[string]proto.Message{
		at(key.OfApp(key.App, "sub")):     &controllerv1.Application{Name: "sub", Life: alive, CharmDigest: "d1", CharmName: "web", Runtime: "python", Subordinate: true},
		at(key.OfUnit(key.Unit, "sub/0")): sub,
	})
	place("pod-0", "first")
	place("pod-0", "second")
	place("pod-7", "third")
}

func TestSubordinatesEndWithTheirPrincipal(t *testing.T) {
	r := newRig(t)
	r.deploy("fake-0")
	sub := unit("sub/0", "fake-0", alive)
	sub.Principal = "web/0"
	stays := unit("sub/1", "fake-0", alive)
	stays.Principal = "web/1"
	r.put(map[string]proto.Message{
		at(key.OfApp(key.App, "sub")):     &controllerv1.Application{Name: "sub", Life: alive, CharmDigest: "d1", CharmName: "web", Runtime: "python", Subordinate: true},
		at(key.OfUnit(key.Unit, "sub/0")): sub, at(key.OfUnit(key.Unit, "sub/1")): stays,
	})
	r.eventually("subordinates have places beside their principals", func(*snapshot.Model) bool {
		units := r.world.Spec(uuid, "sub").GetUnits()
		return len(units) == 2 && units[0].GetPrincipal() == "web/0" && units[1].GetPrincipal() == "web/1"
	})
	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/0")): unit("web/0", "fake-0", dying)})
	r.eventually("the subordinate begins to go", func(m *snapshot.Model) bool { return m.Units["sub/0"].Value.GetLife() == dying })
	if m, _ := r.reader.Model(uuid); m.Units["sub/1"].Value.GetLife() != alive {
		t.Error("one of another principal went along")
	}
}

// pods makes units of an application on agents of their own, the first leading, and runs elections.
func pods(t *testing.T, own bool) (r *rig, gone func(unit, provider string, confirmed bool)) {
	r = newRig(t, func(w *placementtest.World) {
		if own {
			w.OwnAgents()
		}
	})
	r.deploy("pod-0")
	other := unit("web/1", "pod-1", alive)
	r.put(map[string]proto.Message{at(key.OfUnit(key.Unit, "web/1")): other})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.elect.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	r.leads("web/0")
	r.eventually("the places are known", func(m *snapshot.Model) bool { return m.Units["web/0"].Value.GetProviderId() != "" })
	return r, func(unit, provider string, confirmed bool) {
		r.world.Say(&substratev1.Observation{ModelUuid: uuid, Application: "web", Unit: unit, ProviderId: provider, Phase: "gone", GoneConfirmed: confirmed})
	}
}

func (r *rig) leads(unit string) {
	r.t.Helper()
	r.eventually(unit+" leads", func(m *snapshot.Model) bool { return m.Leads["web"].Value.GetUnit() == unit })
}

// seen waits until an observation that came later was taken in.
func (r *rig) seen() {
	r.t.Helper()
	r.world.Say(&substratev1.Observation{ModelUuid: uuid, Application: "web", Unit: "web/1", ProviderId: "seen", Phase: "running"})
	r.eventually("a later observation is taken in", func(m *snapshot.Model) bool { return m.Units["web/1"].Value.GetProviderId() == "seen" })
	r.world.Say(&substratev1.Observation{ModelUuid: uuid, Application: "web", Unit: "web/1", ProviderId: "again", Phase: "running"})
	r.eventually("a later observation is taken in", func(m *snapshot.Model) bool { return m.Units["web/1"].Value.GetProviderId() == "again" })
}

// TestALeaderThatIsCertainlyGoneIsFollowedAtOnce: the lease is a minute, patience is less; no timer can be the cause.
func TestALeaderThatIsCertainlyGoneIsFollowedAtOnce(t *testing.T) {
	r, gone := pods(t, true)
	m, _ := r.reader.Model(uuid)
	provider, term := m.Units["web/0"].Value.GetProviderId(), m.Leads["web"].Create
	gone("web/0", provider, true)
	r.seen()
	if m, _ := r.reader.Model(uuid); m.Leads["web"].Create != term {
		t.Fatal("a leader was deposed while its agent is connected: it may be the unit's next one")
	}
	r.lost.Store("pod-0", true)
	r.leads("web/1")
	if m, _ := r.reader.Model(uuid); m.Leads["web"].Create <= term || m.Units["web/0"].Value.GetLife() != alive {
		t.Errorf("term %d after %d, the unit is %v", m.Leads["web"].Create, term, m.Units["web/0"].Value)
	}
}

// TestALeaderThatIsNotCertainlyGoneLeads: a cut-off node, another pod of the unit, another unit, an agent that is not in the
// place: nobody else leads before the lease ran out.
func TestALeaderThatIsNotCertainlyGoneLeads(t *testing.T) {
	for name, c := range map[string]struct {
		own            bool
		unit, provider string
		confirmed      bool
	}{
		"not confirmed":                    {true, "web/0", "", false},
		"an earlier pod of the unit":       {true, "web/0", "pod-uid-of-before", true},
		"a unit that does not lead":        {true, "web/1", "", true},
		"whose agent serves all of a host": {false, "web/0", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			r, gone := pods(t, c.own)
			before, _ := r.reader.Model(uuid)
			r.lost.Store("pod-0", true)
			gone(c.unit, c.provider, c.confirmed)
			r.seen()
			if m, _ := r.reader.Model(uuid); m.Leads["web"].Create != before.Leads["web"].Create {
				t.Errorf("%s leads in term %d, %s in %d before", m.Leads["web"].Value.GetUnit(), m.Leads["web"].Create, before.Leads["web"].Value.GetUnit(), before.Leads["web"].Create)
			}
		})
	}
}

func TestValidateAndKnown(t *testing.T) {
	r := newRig(t)
	r.world.Refuse("no room")
	got, err := r.place.Validate(t.Context(), "fake", &substratev1.ApplicationSpec{})
	if err != nil || len(got) != 1 || got[0].GetMessage() != "no room" {
		t.Fatalf("%v, %v", got, err)
	}
	if ok, all := r.place.Known("other"); ok || !slices.Equal(all, []string{"fake"}) {
		t.Fatalf("known: %v %v", ok, all)
	}
}

// TestSpecHasWhatWasGranted: of the Kubernetes rules those that the user granted, neither what the charm declares beside nor
// other permissions.
func TestSpecHasWhatWasGranted(t *testing.T) {
	declared := &grant.Permissions{HTTP: []string{"api.example.com"}, Kubernetes: []grant.Rule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}, Names: []string{"mine"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"patch"}, Namespaces: []string{"other"}},
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}, Namespaces: []string{"*"}},
		{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}}
	all, err := declared.Grants()
	if err != nil {
		t.Fatal(err)
	}
	spec := func(grants []string) []*substratev1.Permission {
		return placement.Spec(placement.SpecInput{Model: &controllerv1.Model{Uuid: uuid, Name: "m"}, Charm: &charm.Charm{Runtime: charm.Wasm, Meta: charm.Meta{Name: "web", Permissions: declared}},
			Application: &controllerv1.Application{Name: "web", Trust: true, Grants: grants}}).GetPermissions()
	}
	if got := spec(nil); len(got) > 0 {
		t.Errorf("declared and not granted: %v", got)
	}
	var words []string
	for _, p := range spec(all) {
		words = append(words, fmt.Sprintf("%q %v %v %v in %v %v", p.GetApiGroups(), p.GetResources(), p.GetVerbs(), p.GetNames(), p.GetNamespaces(), p.GetCluster()))
	}
	slices.Sort(words)
	const want = `[""] [configmaps] [get list] [mine] in [] false
[""] [nodes] [list] [] in [] true
[""] [pods] [list] [] in [*] true
["*"] [*] [*] [] in [] false
["apps"] [deployments] [patch] [] in [other] false`
	if got := strings.Join(words, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSpec(t *testing.T) {
	uid := 7
	in := placement.SpecInput{
		Model: &controllerv1.Model{Uuid: uuid, Name: "m"},
		Application: &controllerv1.Application{Name: "web", CharmDigest: "d", Runtime: "wasm", Exposed: true, Constraints: map[string]string{"mem": "1G", "cores": "2"},
			Resources: map[string]string{"dir": "/srv/root"}, Storage: map[string]*controllerv1.StorageDirective{"data": {SizeBytes: 5 << 30, Pool: "fast"}}},
		Charm: &charm.Charm{Meta: charm.Meta{Name: "web",
			Resources:  map[string]charm.Resource{"img": {UpstreamSource: "docker.io/web:1"}, "dir": {}},
			Containers: map[string]charm.Container{"a": {Resource: "img", UID: &uid, Mounts: []charm.Mount{{Storage: "data", Location: "/d"}}}, "b": {Resource: "dir"}},
			Storage:    map[string]charm.Storage{"data": {Type: "filesystem", Multiple: charm.Multiple{Range: "2-"}}}}},
	}
	for i, life := range []controllerv1.Life{dead, dying, alive, alive} {
		in.Units = append(in.Units, placement.UnitInput{Unit: unit(fmt.Sprintf("web/%d", []int{3, 10, 2, 1}[i]), "x", life),
			Ports: &controllerv1.Ports{Ranges: []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}, {Protocol: "icmp"}}}})
	}
	in.Pools = map[string]*controllerv1.StoragePool{"fast": {Name: "fast", Provider: "ssd", Attributes: map[string]string{"iops": "40"}}, "slow": {Name: "slow", Provider: "disk", Attributes: map[string]string{"rpm": "1"}}}
	in.Units[3].Storage = []*controllerv1.StorageInstance{{Id: "data/0", Name: "data", Pool: "slow"}} // of before the pool was another
	in.Credentials = map[string]map[string]string{"img": {"password": "of an image that is not used"}, "dir": {"password": "p"}}
	s := placement.Spec(in)
	var units []string
	for _, u := range s.GetUnits() {
		units = append(units, fmt.Sprintf("%s draining=%v", u.GetName(), u.GetDraining()))
	}
	if want := []string{"web/1 draining=false", "web/2 draining=false", "web/10 draining=true"}; !slices.Equal(units, want) {
		t.Errorf("units %v, want %v", units, want)
	}
	a, b := s.GetContainers()[0], s.GetContainers()[1]
	if a.GetImage() != "docker.io/web:1" || a.GetUid() != 7 || a.GetMounts()[0].GetLocation() != "/d" || a.GetMemoryBytes() != 1<<30 || a.GetCpuMillis() != 2000 || b.GetRoot() != "/srv/root" || b.GetImage() != "" {
		t.Errorf("containers %v %v", a, b)
	}
	if len(a.GetImageCredentials()) > 0 || b.GetImageCredentials()["password"] != "p" {
		t.Errorf("credentials %v %v", a.GetImageCredentials(), b.GetImageCredentials())
	}
	if st := s.GetStorage()[0]; st.GetCount() != 2 || st.GetSizeBytes() != 5<<30 || st.GetPool() != "fast" || st.GetPoolProvider() != "ssd" || st.GetPoolAttributes()["iops"] != "40" {
		t.Errorf("storage %v", st)
	}
	if had := s.GetUnits()[0].GetStorage()[0]; had.GetPool() != "slow" || had.GetPoolProvider() != "disk" || had.GetPoolAttributes()["rpm"] != "1" {
		t.Errorf("attached %v", had)
	}
	if len(s.GetPorts()) != 1 {
		t.Errorf("ports %v", s.GetPorts())
	}
	if len(s.GetPermissions()) > 0 {
		t.Errorf("permissions that nobody granted: %v", s.GetPermissions())
	}
	slices.Reverse(in.Units)
	if again := placement.Spec(in); !proto.Equal(s, again) {
		t.Error("the order of units matters")
	}
}

func TestConstraints(t *testing.T) {
	if _, err := placement.ParseConstraints(map[string]string{"mem": "x", "arch": "arm64", "cores": "-1", "allocate-public-ip": "perhaps", "zeal": "1"}); !errs.Is(err, errs.Invalid) || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("%v", err)
	}
	c, err := placement.ParseConstraints(map[string]string{"mem": "512", "cpu-power": "250", "cores": ""})
	if err != nil || c.MemoryBytes != 512<<20 || c.CPUMillis != 250 {
		t.Errorf("%+v, %v", c, err)
	}
}
