package dispatch_test

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func from(file string, asked *atomic.Int64) dispatch.Fetch {
	return func(_ context.Context, _, _ string, w io.Writer) error {
		asked.Add(1)
		data, err := os.ReadFile(file)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
}

// TestCharmsAreFetchedOnceAndChecked: many units, one fetch; a restart finds what is there; a wrong sum is refused.
func TestCharmsAreFetchedOnceAndChecked(t *testing.T) {
	file, digest := agenttest.Pack(t, "web", map[string]string{"charm.wasm": "\x00asm\x01\x00\x00\x00"})
	dir := filepath.Join(t.TempDir(), "charms")
	var asked atomic.Int64
	charms := dispatch.NewCharms(dir, from(file, &asked))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if c, err := charms.Get(t.Context(), "m", digest, ""); err != nil || c.Meta.Name != "web" {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
	all.Wait()
	if _, err := dispatch.NewCharms(dir, from(file, &asked)).Get(t.Context(), "m", digest, ""); err != nil || asked.Load() != 1 {
		t.Errorf("fetched %d times, %v; want once", asked.Load(), err)
	}
	other, _ := agenttest.Pack(t, "other", nil)
	_, err := dispatch.NewCharms(t.TempDir(), from(other, &asked)).Get(t.Context(), "m", digest, "")
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "sum") {
		t.Errorf("another package was taken: %v", err)
	}
	program, digest := agenttest.Pack(t, "odd", map[string]string{"charm": "#!/bin/sh\n", "dispatch": ""})
	for _, runtime := range []string{"any", "python"} { // what is code, and whether it can be run, is another matter for each
		if c, err := dispatch.NewCharms(filepath.Join(t.TempDir(), "c"), from(program, &asked)).Get(t.Context(), "m", digest, runtime); err != nil || string(c.Runtime) != runtime {
			t.Errorf("a charm of runtime %s: got %v, %v", runtime, c, err)
		}
	}
	if _, err := charms.Get(t.Context(), "m", "../../etc", ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a digest that is none: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "fetch-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func charmOf(t *testing.T, files map[string]string) *dispatch.Charm {
	t.Helper()
	file, digest := agenttest.Pack(t, "web", files)
	var asked atomic.Int64
	c, err := dispatch.NewCharms(filepath.Join(t.TempDir(), "c"), from(file, &asked)).Get(t.Context(), "m", digest, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bag(k, v string) *controllerv1.Bag {
	return &controllerv1.Bag{Values: map[string]string{k: v}, Version: 3}
}

// input is web/1 in relation 1 with db, whose units 0 and 1 are in it; the charm was told of db/0 and db/9, of which
// db/9 has left.
func input(t *testing.T, ev *hookv1.Event) dispatch.ViewInput {
	own, remote := &controllerv1.Endpoint{Application: "web", Name: "store", Interface: "sql", Role: "requirer", Scope: "global"},
		&controllerv1.Endpoint{Application: "db", Name: "db", Interface: "sql", Role: "provider"}
	return dispatch.ViewInput{
		Event: ev, LeaderLeft: 42 * time.Second, Controller: dispatch.Controller{Name: "here"},
		Charm: charmOf(t, map[string]string{"config.yaml": "options:\n  n: {type: int, default: 7}\n  s: {type: string, default: x}\n  none: {type: string}\n",
			"metadata.yaml": "name: web\nsummary: s\ndescription: d\nrequires: {store: {interface: sql}}\nextra-bindings: {admin: }\n"}),
		Model: &source.Snapshot{Revision: 9, Name: "web/1", Model: &controllerv1.Model{Name: "m", Uuid: "u"},
			Application: &controllerv1.Application{Name: "web", Life: controllerv1.Life_LIFE_ALIVE, Config: map[string]*hookv1.ConfigValue{
				"s":    {Value: &hookv1.ConfigValue_StringValue{StringValue: "mine"}},
				"gone": {Value: &hookv1.ConfigValue_StringValue{StringValue: "of an older charm"}}}},
			Unit: &controllerv1.Unit{Name: "web/1", Life: controllerv1.Life_LIFE_ALIVE},
			Lead: &controllerv1.Lead{Unit: "web/1"}, LeadTerm: 5, Units: []string{"web/0", "web/1"},
			Relations: []*source.Relation{{ID: 1, Own: own, Remote: remote, Record: &controllerv1.Relation{Id: 1, Life: controllerv1.Life_LIFE_ALIVE},
				Units: []string{"db/0", "db/1", "web/1"}, Bags: map[string]*controllerv1.Bag{"db": bag("app", "bag"), "db/0": bag("i", "0"),
					"db/1": bag("i", "1"), "db/9": bag("i", "9"), "web/1": bag("me", "1"), "web": bag("us", "1")}}}},
		Cursor: &controllerv1.Cursor{Relations: map[int32]*controllerv1.RelationCursor{1: {Created: true, Endpoint: "store", RemoteApp: "db",
			Members: map[string]uint64{"db/0": 3, "db/9": 3}}}},
		Seen: &source.Observation{Environment: &substratev1.EnvironmentResponse{Addresses: []string{"10.1.2.3"},
			Containers: []*substratev1.UnitContainer{{Name: "app", Socket: "/old"}}, Interfaces: []*substratev1.NetworkInterface{{Name: "eth0", Cidrs: []string{"10.1.2.3/24"}}}},
			Containers: map[string]*source.Container{"app": {Socket: "/new"}}},
	}
}

func names(list []*hookv1.MemberView) string {
	var all []string
	for _, m := range list {
		all = append(all, m.Unit+"="+m.Bag["i"])
	}
	return strings.Join(all, " ")
}

// TestMembershipIsWhatTheCharmWasTold, with the event applied: not the newest truth.
func TestMembershipIsWhatTheCharmWasTold(t *testing.T) {
	about := func(kind, unit string) *hookv1.Event {
		return &hookv1.Event{Kind: kind, RelationId: 1, Endpoint: "store", RemoteApp: "db", RemoteUnit: unit}
	}
	cases := []struct {
		name              string
		ev                *hookv1.Event
		members, departed string
	}{
		{"another event", &hookv1.Event{Kind: "config-changed"}, "db/0=0 db/9=9", ""},
		{"joined", about("relation-joined", "db/1"), "db/0=0 db/1=1 db/9=9", ""},
		{"departed", about("relation-departed", "db/9"), "db/0=0", "db/9=9"},
		{"departed while it is still there", about("relation-departed", "db/0"), "db/9=9", "db/0=0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := dispatch.View(input(t, c.ev)).Relations[0]
			if names(r.Members) != c.members || names(r.Departed) != c.departed {
				t.Errorf("members %q departed %q, want %q and %q", names(r.Members), names(r.Departed), c.members, c.departed)
			}
			if r.RemoteAppBag["app"] != "bag" || r.LocalUnit["me"] != "1" || r.Interface != "sql" {
				t.Errorf("the relation is %v", r)
			}
		})
	}
}

// TestOnlyTheLeaderReadsItsApplicationsBag.
func TestOnlyTheLeaderReadsItsApplicationsBag(t *testing.T) {
	in := input(t, &hookv1.Event{Kind: "start"})
	if r := dispatch.View(in).Relations[0]; !r.LocalAppReadable || r.LocalApp["us"] != "1" {
		t.Errorf("the leader sees %v", r)
	}
	in.NotLeader = true
	v := dispatch.View(in)
	if r := v.Relations[0]; r.LocalAppReadable || r.LocalApp != nil || v.Leadership.Leader || v.Leadership.SecondsLeft != 0 {
		t.Errorf("who does not lead any more sees %v and %v", r, v.Leadership)
	}
}

// TestLargeBagsAreLeftOut and asked for by name.
func TestLargeBagsAreLeftOut(t *testing.T) {
	in := input(t, &hookv1.Event{Kind: "start"})
	in.Model.Relations[0].Bags["db/9"] = bag("big", strings.Repeat("x", 1<<20+1))
	v := dispatch.View(in)
	if !slices.Equal(v.OnDemand, []string{"bag/1/db/9", "goal-state"}) || names(v.Relations[0].Members) != "db/0=0 db/9=" {
		t.Errorf("on demand %v, members %q", v.OnDemand, names(v.Relations[0].Members))
	}
}

// TestViewOfTheRest: config with defaults, sockets, networks; the goal state is asked for.
func TestViewOfTheRest(t *testing.T) {
	v := dispatch.View(input(t, &hookv1.Event{Kind: "start"}))
	if len(v.Config) != 2 || v.Config["n"].GetIntValue() != 7 || v.Config["s"].GetStringValue() != "mine" {
		t.Errorf("config %v, want n=7 and s=mine alone", v.Config)
	}
	if v.Containers[0].Socket != "/new" || v.Unit.PrivateAddress != "10.1.2.3" || v.Model.JujuVersion == "" || v.Model.ControllerName != "here" {
		t.Errorf("container %v, unit %v, model %v", v.Containers[0], v.Unit, v.Model)
	}
	var bindings []string
	for _, n := range v.Networks {
		bindings = append(bindings, n.Binding)
	}
	if !slices.Equal(bindings, []string{"admin", "juju-info", "store"}) || v.Networks[0].EgressSubnets[0] != "10.1.2.3/32" ||
		v.Networks[0].Interfaces[0].Addresses[0].Cidr != "10.1.2.0/24" {
		t.Errorf("networks %v", v.Networks)
	}
	if v.GoalState != nil || !slices.Contains(v.OnDemand, "goal-state") {
		t.Errorf("goal state %v, on demand %v", v.GoalState, v.OnDemand)
	}
}

// deaf is a connection that a hook does not use.
type deaf struct {
	immediate func(*controllerv1.ImmediateRequest)
}

func (deaf) Lead(context.Context, event.Key, int64) (time.Duration, error) { return 0, nil }
func (deaf) ReadBag(context.Context, event.Key, int32, string) (map[string]string, error) {
	return map[string]string{"k": "v"}, nil
}
func (deaf) ReadSecret(context.Context, *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
	return &controllerv1.ReadSecretResponse{}, nil
}
func (d deaf) Immediate(req *controllerv1.ImmediateRequest) {
	if d.immediate != nil {
		d.immediate(req)
	}
}
func (deaf) Log(*controllerv1.LogRecord) {}

// forgetful is a runtime that was started anew: it knows no handle until the charm is loaded again, and may refuse it.
type forgetful struct {
	*agenttest.Runtime
	loads, runs int
	problem     string
	unable      bool
}

func (f *forgetful) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return f, func() {}, nil
}

func (f *forgetful) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	f.loads++
	if f.problem != "" {
		return &charmruntimev1.LoadResponse{Diagnostics: []*charmruntimev1.Diagnostic{{Severity: "warning", Message: "old"},
			{Severity: "error", File: "charm.wasm", Message: f.problem, Hint: "build it again"}}}, nil
	}
	return f.Runtime.Load(ctx, req)
}

func (f *forgetful) Dispatch(ctx context.Context, s *charmruntimev1.Start, h charmruntime.Host) (*charmruntimev1.Done, error) {
	if f.unable {
		return nil, errs.E(errs.Unsupported, "this runtime runs no commands")
	}
	if f.runs++; f.runs == 1 {
		return nil, errs.E(errs.NotFound, "no such handle")
	}
	return f.Runtime.Dispatch(ctx, s, h)
}

func runner(t *testing.T, rt dispatch.Runtimes) (*dispatch.Dispatcher, dispatch.Job) {
	t.Helper()
	return runnerWith(t, rt, deaf{}, nil)
}

func runnerWith(t *testing.T, rt dispatch.Runtimes, l dispatch.Lines, goal func(context.Context, event.Key) (*hookv1.GoalState, error)) (*dispatch.Dispatcher, dispatch.Job) {
	t.Helper()
	file, digest := agenttest.Pack(t, "web", map[string]string{"charm.wasm": "\x00asm\x01\x00\x00\x00"}) // and dispatch: for either runtime
	dir := t.TempDir()
	var asked atomic.Int64
	d := dispatch.New(dispatch.Config{Runtimes: rt, Lines: l, GoalState: goal, Charms: dispatch.NewCharms(filepath.Join(dir, "charms"), from(file, &asked)),
		UnitDir: func(event.Key) string { return filepath.Join(dir, "u") }, RunDir: func(event.Key) string { return filepath.Join(dir, "r") }})
	in := input(t, &hookv1.Event{Id: "1-start", Kind: "start", Name: "start"})
	in.Cursor.CharmDigest = digest
	return d, dispatch.Job{Key: event.Key{Model: "mmmmmmmmm", Unit: "web/1"}, Event: in.Event, Model: in.Model, Cursor: in.Cursor, Seen: in.Seen}
}

// TestLoadsAgain a charm that the runtime has forgotten, once.
func TestLoadsAgain(t *testing.T) {
	rt := &forgetful{Runtime: agenttest.NewRuntime(t, nil)}
	d, job := runner(t, rt)
	for range 2 {
		if r, err := d.Run(t.Context(), job); err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_OK || !r.Started {
			t.Fatalf("got %v, %v", r, err)
		}
	}
	if rt.loads != 2 || rt.runs != 3 {
		t.Errorf("%d loads and %d runs, want 2 and 3", rt.loads, rt.runs)
	}
}

// TestCharmThatCannotBeLoadedFails with every word of its diagnostic, and is not run.
func TestCharmThatCannotBeLoadedFails(t *testing.T) {
	rt := &forgetful{Runtime: agenttest.NewRuntime(t, nil), problem: "it is a component"}
	d, job := runner(t, rt)
	r, err := d.Run(t.Context(), job)
	if err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_FAILED || r.Done.Message != "charm.wasm: it is a component; build it again" || rt.runs != 0 {
		t.Errorf("got %v, %v, %d runs", r.Done, err, rt.runs)
	}
}

// TestWhatARuntimeCannotDoFails with its words; it is not taken for an event of which nobody knows what ran.
func TestWhatARuntimeCannotDoFails(t *testing.T) {
	d, job := runner(t, &forgetful{Runtime: agenttest.NewRuntime(t, nil), unable: true})
	r, err := d.Run(t.Context(), job)
	if err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_FAILED || r.Done.Message != "this runtime runs no commands" {
		t.Errorf("got %v, %v", r.Done, err)
	}
}

// TestProxies: what is for the charm alone, and what every program is to use; by default only who needs none.
func TestProxies(t *testing.T) {
	const local = "127.0.0.1,localhost,::1"
	for _, c := range []struct {
		config     map[string]string
		charm, all map[string]string
	}{
		{nil, map[string]string{"no": local}, map[string]string{"no_proxy": local, "NO_PROXY": local, "K": "v"}},
		{map[string]string{"juju-http-proxy": "http://p", "juju-no-proxy": ""}, map[string]string{"http": "http://p", "no": ""}, map[string]string{"no_proxy": local, "NO_PROXY": local, "K": "v"}},
		{map[string]string{"http-proxy": "http://p", "no-proxy": ""}, map[string]string{"no": local}, map[string]string{"http_proxy": "http://p", "HTTP_PROXY": "http://p", "K": "v"}},
	} {
		in := input(t, &hookv1.Event{Id: "9-start", Kind: "start", Name: "start"})
		in.Model.Model.Config = c.config
		in.Seen.Environment.Environment = map[string]string{"K": "v"}
		v := dispatch.View(in)
		if !maps.Equal(v.Model.Proxies, c.charm) || !maps.Equal(v.Environment, c.all) {
			t.Errorf("%v gives the charm %v and everything %v", c.config, v.Model.Proxies, v.Environment)
		}
	}
}

// TestWhatIsShownIsCountedOn: a hook that runs again under its own number says what comes after its first words, or the
// controller would take it for something late.
func TestWhatIsShownIsCountedOn(t *testing.T) {
	rt := agenttest.NewRuntime(t, func(_ context.Context, _ *charmruntimev1.Start, h charmruntime.Host) (*charmruntimev1.Done, error) {
		for range 2 {
			h.Immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Status{Status: &charmruntimev1.StatusSet{Status: &hookv1.Status{Current: "active"}}}})
		}
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
	})
	var said []uint64
	d, job := runnerWith(t, rt, deaf{immediate: func(r *controllerv1.ImmediateRequest) { said = append(said, r.N) }}, nil)
	for i := range 2 {
		job.Now = time.UnixMilli(1_800_000_000_000).Add(time.Duration(i) * time.Second)
		if _, err := d.Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != 4 || !slices.IsSorted(said) || len(slices.Compact(said)) != 4 {
		t.Errorf("the statuses of two runs are numbered %v", said)
	}
}

// TestTimeouts: none for executables, ten seconds of guest time for WASM, the model's word over both, the application's over
// that, and the task's over all; what is a task's custom is below them and above the runtime's.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		runtime   string
		set, task int64
		model     string
		custom    int64
		out       int64
	}{{"python", 0, 0, "", 0, 0}, {"wasm", 0, 0, "", 0, 10_000}, {"wasm", -1, 0, "", 0, 0}, {"python", 1500, 0, "", 0, 1500},
		{"python", 0, 0, "30m", 0, 1_800_000}, {"wasm", 0, 0, "0s", 0, 10_000}, {"python", 1500, 0, "30m", 0, 1500}, {"python", -1, 0, "30m", 0, 0}, {"python", 1500, 700, "30m", 0, 700},
		{"python", 0, 0, "", 900, 900}, {"wasm", 0, 0, "", 900, 900}, {"python", 1500, 0, "", 900, 1500}, {"python", 0, 0, "30m", 900, 1_800_000}, {"python", -1, 0, "", 900, 0}, {"python", 0, 700, "", 900, 700}} {
		var got int64
		rt := agenttest.NewRuntime(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
			got = s.TimeoutMs
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
		})
		d, job := runner(t, rt)
		job.Model.Application.Runtime, job.Model.Application.HookTimeoutMs = c.runtime, c.set
		job.Model.Model = &controllerv1.Model{Config: map[string]string{"hook-timeout": c.model}}
		if c.task+c.custom > 0 {
			job.Event = &hookv1.Event{Id: "1-backup", Kind: "action", Name: "backup", TaskId: "1"}
			job.Model.Tasks = []*controllerv1.Task{{Id: "1", TimeoutMs: c.task, DefaultTimeoutMs: c.custom}}
		}
		if _, err := d.Run(t.Context(), job); err != nil || got != c.out {
			t.Errorf("%+v: %d ms, %v", c, got, err)
		}
	}
}

// limits notes what charms are loaded with.
type limits struct {
	charmruntime.Runtime
	bytes []int64
}

func (l *limits) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return l, func() {}, nil
}

func (l *limits) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	l.bytes = append(l.bytes, req.GetLimits().GetMemoryBytes())
	return l.Runtime.Load(ctx, req)
}

// TestMemory: the model says how much an event may take; another limit takes effect with the next event.
func TestMemory(t *testing.T) {
	rt := &limits{Runtime: agenttest.NewRuntime(t, nil)}
	d, job := runner(t, rt)
	for _, size := range []string{"", "", "64M", "64M", "1G", "0"} {
		job.Model.Model = &controllerv1.Model{Config: map[string]string{"hook-memory": size}}
		if _, err := d.Run(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{0, 64 << 20, 1 << 30}; !slices.Equal(rt.bytes, want) {
		t.Errorf("loaded with %v bytes, want %v: once for each limit", rt.bytes, want)
	}
}

// TestNothingRunsOnceItIsCancelled: not even where the runtime would not look.
func TestNothingRunsOnceItIsCancelled(t *testing.T) {
	rt := agenttest.NewRuntime(t, nil)
	d, job := runner(t, rt)
	if _, err := d.Run(t.Context(), job); err != nil { // the charm is there now
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := d.Run(ctx, job); !errs.Is(err, errs.Canceled) || r.Started || len(rt.Runs()) != 1 {
		t.Errorf("%+v, %v after %v", r, err, rt.Runs())
	}
}

// TestEnd asks the charm's runtime; where there is no charm or no runtime there is nothing to end.
func TestEnd(t *testing.T) {
	rt := agenttest.NewRuntime(t, nil)
	d, job := runner(t, rt)
	rt.Stick(1)
	if err := d.End(t.Context(), job); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a runtime that cannot end it: %v", err)
	}
	if err := d.End(t.Context(), job); err != nil || rt.Ended() != 2 {
		t.Errorf("%v after %d", err, rt.Ended())
	}
	d, job = runner(t, absent{})
	if err := d.End(t.Context(), job); err != nil {
		t.Errorf("without a runtime: %v", err)
	}
}

// absent has no runtime.
type absent struct{}

func (absent) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return nil, nil, errs.E(errs.NotFound, "there is none")
}
