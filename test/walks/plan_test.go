package walks_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// planCharm is a charm that tells its peers, in the form of a WASM module.
func planCharm() map[string]string {
	files := webCharm()
	delete(files, "dispatch")
	files["charm.wasm"] = "\x00asm\x01\x00\x00\x00"
	files["metadata.yaml"] += "peers:\n  ring: {interface: ring}\n"
	return files
}

// fork is a plan in the making.
type fork struct {
	t      *testing.T
	name   string
	plans  clientv1connect.PlansClient
	client clientv1connect.ClientClient // on the fork
	close  func()
}

// named has calls go to a fork.
type named struct {
	to   connect.HTTPClient
	name string
}

func (n named) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Bangle-Plan", n.name)
	return n.to.Do(r)
}

// dial is a line to the controller.
func (r *rig) line() (*http.Client, string) {
	r.t.Helper()
	cfg, err := controller.ReadConfig(r.dir)
	must(r.t, err)
	tls, err := pki.Client(r.dir)
	must(r.t, err)
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, "https://" + cfg.ClientEndpoint
}

// plan forks the model.
func (r *rig) plan() (*fork, error) {
	to, url := r.line()
	f := &fork{t: r.t, plans: clientv1connect.NewPlansClient(to, url)}
	ctx, cancel := context.WithCancel(r.t.Context())
	stream, err := f.plans.Open(ctx, connect.NewRequest(&clientv1.OpenPlanRequest{Model: "m"}))
	must(r.t, err)
	f.close = func() { cancel(); _ = stream.Close() }
	r.t.Cleanup(f.close)
	if !stream.Receive() {
		return nil, stream.Err()
	}
	f.name = stream.Msg().GetPlan()
	f.client = clientv1connect.NewClientClient(named{to, f.name}, url)
	return f, nil
}

// config sets the option on the fork and rehearses.
func (f *fork) config(value string, req *clientv1.RehearsePlanRequest) (steps []*controllerv1.RehearsedStep, end *clientv1.PlanEnd) {
	f.t.Helper()
	_, err := f.client.SetConfig(f.t.Context(), connect.NewRequest(&clientv1.SetConfigRequest{Model: "m", Application: "web", Set: map[string]string{"name": value}}))
	must(f.t, err)
	return f.rehearse(req)
}

func (f *fork) rehearse(req *clientv1.RehearsePlanRequest) (steps []*controllerv1.RehearsedStep, end *clientv1.PlanEnd) {
	f.t.Helper()
	req.Plan = f.name
	stream, err := f.plans.Rehearse(f.t.Context(), connect.NewRequest(req))
	must(f.t, err)
	defer stream.Close()
	for stream.Receive() {
		steps, end = append(steps, stream.Msg().GetSteps()...), stream.Msg().GetEnd()
	}
	must(f.t, stream.Err())
	return steps, end
}

// files lists what the agent has on disk, with the size of each.
func (r *rig) files() string {
	r.t.Helper()
	var out strings.Builder
	for _, dir := range []string{filepath.Join(r.dir, "agent"), filepath.Join(r.dir, "run")} {
		must(r.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintln(&out, path, len(text))
			return err
		}))
	}
	return out.String()
}

// revision is the store's.
func (r *rig) revision() int64 {
	r.t.Helper()
	info, err := r.client.ControllerInfo(r.t.Context(), connect.NewRequest(&clientv1.ControllerInfoRequest{}))
	must(r.t, err)
	return info.Msg.GetRevision()
}

// rested says that every unit has run what there was.
func rested(units int) func(*clientv1.StatusResponse) bool {
	return func(s *clientv1.StatusResponse) bool {
		n := 0
		for _, app := range s.GetApplications() {
			for _, u := range app.GetUnits() {
				if u.GetWorkload().GetCurrent() == "active" && u.GetAgent().GetCurrent() == "idle" {
					n++
				}
			}
		}
		return n == units
	}
}

// ring is a charm that says its option in its status and to its peers. live counts what is not rehearsed.
func ring(live *atomic.Int64) func(context.Context, *charmruntimev1.Start, charmruntime.Host) (*charmruntimev1.Done, error) {
	return func(ctx context.Context, s *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Mode != charmruntimev1.Mode_MODE_DRY_RUN {
			live.Add(1)
		}
		c := hook.New(s.Event, s.View, host)
		name := s.View.Config["name"].GetStringValue()
		if name == "bad" {
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: 1, Message: "it is bad"}, nil
		}
		for _, r := range c.Relations("ring") {
			said := name
			if name == "endless" {
				said = s.Event.Id
			}
			if err := c.SetBag(ctx, r.Id, false, map[string]string{"name": said}); err != nil {
				return nil, err
			}
		}
		if err := c.SetUnitStatus("active", name); err != nil {
			return nil, err
		}
		done := &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Changeset: c.Changeset()}
		if s.Mode == charmruntimev1.Mode_MODE_DRY_RUN {
			done.Effects = []*charmruntimev1.Effect{{Kind: "service", Target: "web: nginx", Summary: "restart nginx"}}
		}
		return done, nil
	}
}

// planned is a rig with units that are at rest; live counts their events.
func planned(t *testing.T, units uint32) (r *rig, live *atomic.Int64) {
	t.Helper()
	live = &atomic.Int64{}
	r = newRig(t, &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, BootId: "boot-1"}, ring(live))
	r.start()
	r.deploy(units, planCharm())
	r.calm(int(units), live)
	return r, live
}

// calm waits until units are active and nothing is written any more.
func (r *rig) calm(units int, live *atomic.Int64) {
	r.t.Helper()
	r.until("all are active", rested(units))
	r.wait("nothing happens any more", func() bool {
		before, ran := r.revision(), live.Load()
		<-time.After(300 * time.Millisecond)
		return r.revision() == before && live.Load() == ran
	})
}

// outcome is the steps in a few words, in their order for each unit.
func outcome(steps []*controllerv1.RehearsedStep) map[string]string {
	out := map[string]string{}
	for _, s := range steps {
		text := s.GetEvent().GetName() + " " + s.GetOutcome()
		for _, c := range s.GetChanges() {
			text += fmt.Sprintf(" [%s %s %s: %s→%s]", c.GetKind(), c.GetTarget(), c.GetKey(), c.GetBefore(), c.GetAfter())
		}
		for _, e := range s.GetEffects() {
			text += " {" + e.GetSummary() + "}"
		}
		out[s.GetUnit()] = strings.TrimPrefix(out[s.GetUnit()]+"; "+text, "; ")
	}
	return out
}

// TestPlanIsWhatHappens: a change on a fork runs the units' events with their effects noted, and what they write makes
// others' events follow; the store, the agent's disk and the live charm see nothing of it. The same change for real then
// does what was said.
func TestPlanIsWhatHappens(t *testing.T) {
	r, live := planned(t, 2)
	revision, files, ran := r.revision(), r.files(), live.Load()
	f, err := r.plan()
	must(t, err)
	steps, end := f.config("you", &clientv1.RehearsePlanRequest{})
	got := outcome(steps)
	for unit, peer := range map[string]string{"web/0": "web/1", "web/1": "web/0"} {
		want := fmt.Sprintf("config-changed ok [status  : active: nobody→active: you] [databag ring:1 %s name: nobody→you] {restart nginx}; ring-relation-changed ok {restart nginx}", unit)
		if got[unit] != want {
			t.Errorf("%s beside %s would do\n%s, want\n%s", unit, peer, got[unit], want)
		}
	}
	if !end.GetChanged() || end.GetStopped() != "" || len(end.GetUnits()) != 2 || end.GetRested() != 0 {
		t.Errorf("the end is %v", end)
	}
	f.close()
	r.wait("the agent has dropped the rehearsal", func() bool { return r.files() == files })
	if r.revision() != revision || live.Load() != ran {
		t.Errorf("the plan reached the model: revision %d → %d, events %d → %d", revision, r.revision(), ran, live.Load())
	}
	_, err = r.client.SetConfig(t.Context(), connect.NewRequest(&clientv1.SetConfigRequest{Model: "m", Application: "web", Set: map[string]string{"name": "you"}}))
	must(t, err)
	r.until("the units say so", func(s *clientv1.StatusResponse) bool {
		for _, u := range s.GetApplications()[0].GetUnits() {
			if u.GetWorkload().GetMessage() != "you" {
				return false
			}
		}
		return true
	})
	r.calm(2, live)
	if live.Load() != ran+4 {
		t.Errorf("%d events for real, the plan had 4", live.Load()-ran)
	}
}

// TestPlanOfUnitsThatDoNotExist: new units are played by an agent of their application, and leave no trace at it.
func TestPlanOfUnitsThatDoNotExist(t *testing.T) {
	r, live := planned(t, 1)
	revision, files, ran := r.revision(), r.files(), live.Load()
	f, err := r.plan()
	must(t, err)
	_, err = f.client.AddUnit(t.Context(), connect.NewRequest(&clientv1.AddUnitRequest{Model: "m", Application: "web", Count: 2}))
	must(t, err)
	steps, end := f.rehearse(&clientv1.RehearsePlanRequest{})
	got := outcome(steps)
	if !strings.Contains(got["web/1"], "install ok") || !strings.Contains(got["web/2"], "start ok") || !strings.Contains(got["web/0"], "ring-relation-joined ok") {
		t.Errorf("got %v", got)
	}
	for _, u := range end.GetUnits() {
		if (u.GetUnit() == "web/0") != (u.GetFate() == "") || u.GetUnknown() != "" {
			t.Errorf("the end is %v", end)
		}
	}
	f.close()
	r.wait("the agent has dropped the rehearsal", func() bool { return r.files() == files })
	if r.revision() != revision || live.Load() != ran {
		t.Error("the plan reached the model")
	}
}

// TestPlanThatFailsOrNeverRests: a failing event says why, and units that keep waking each other are stopped at the bound.
func TestPlanThatFailsOrNeverRests(t *testing.T) {
	r, _ := planned(t, 2)
	f, err := r.plan()
	must(t, err)
	steps, _ := f.config("bad", &clientv1.RehearsePlanRequest{})
	if len(steps) != 2 || steps[0].GetOutcome() != "failed" || steps[0].GetMessage() != "it is bad" {
		t.Errorf("got %v", steps)
	}
	f.close()
	f, err = r.plan()
	must(t, err)
	steps, end := f.config("endless", &clientv1.RehearsePlanRequest{Events: 10})
	if len(steps) > 20 || len(end.GetUnits()) != 2 || !end.GetUnits()[0].GetEndless() || len(end.GetUnits()[0].GetLast()) == 0 {
		t.Errorf("%d steps, the end is %v", len(steps), end)
	}
}

// TestPlanThatChangesNothing says so, and asks no agent.
func TestPlanThatChangesNothing(t *testing.T) {
	r, _ := planned(t, 1)
	f, err := r.plan()
	must(t, err)
	if steps, end := f.rehearse(&clientv1.RehearsePlanRequest{}); end.GetChanged() || len(steps) != 0 || end.GetRested() != 1 {
		t.Errorf("got %v and %v", steps, end)
	}
}

// TestPlanWithoutTheAgent: units whose agent is away, or goes in the middle, are said to be unknown.
func TestPlanWithoutTheAgent(t *testing.T) {
	live := &atomic.Int64{}
	reached := make(chan struct{}, 8)
	code := ring(live)
	r := newRig(t, &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, BootId: "boot-1"},
		func(ctx context.Context, s *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
			if s.Mode == charmruntimev1.Mode_MODE_DRY_RUN {
				reached <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return code(ctx, s, host)
		})
	r.start()
	r.deploy(1, planCharm())
	r.calm(1, live)
	f, err := r.plan()
	must(t, err)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		<-reached
		r.stop()
	}()
	_, end := f.config("you", &clientv1.RehearsePlanRequest{})
	<-gone
	if len(end.GetUnits()) != 1 || end.GetUnits()[0].GetUnknown() != "the agent of web/0 is away; try again" {
		t.Errorf("the end is %v", end)
	}
	f.close()
	f, err = r.plan()
	must(t, err)
	if _, end = f.config("you", &clientv1.RehearsePlanRequest{}); len(end.GetUnits()) != 1 || end.GetUnits()[0].GetUnknown() != "the agent of web/0 is away; try again" {
		t.Errorf("the end is %v", end)
	}
}

// TestPlanDuringChanges: what happens meanwhile is no part of the plan, and goes on.
func TestPlanDuringChanges(t *testing.T) {
	r, live := planned(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	changing := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, err := r.client.SetConfig(t.Context(), connect.NewRequest(&clientv1.SetConfigRequest{Model: "m", Application: "web", Set: map[string]string{"name": fmt.Sprint("real", i)}}))
			if err != nil {
				changing <- err
				return
			}
		}
		changing <- nil
	}()
	for i := range 5 {
		f, err := r.plan()
		must(t, err)
		steps, end := f.config("you", &clientv1.RehearsePlanRequest{})
		if end.GetStopped() != "" || len(steps) < 2 {
			t.Errorf("plan %d: %v, %v", i, steps, end)
		}
		for _, s := range steps {
			for _, c := range s.GetChanges() {
				if c.GetKind() == "status" && c.GetAfter() != "active: you" {
					t.Errorf("plan %d has %v", i, s)
				}
			}
		}
		f.close()
	}
	cancel()
	must(t, <-changing)
	r.calm(2, live)
	r.until("no unit says what was only planned", func(s *clientv1.StatusResponse) bool {
		return strings.HasPrefix(s.GetApplications()[0].GetUnits()[0].GetWorkload().GetMessage(), "real")
	})
}

// TestPlansAreBounded: a few at a time, gone with whoever asked, and only for what a model has.
func TestPlansAreBounded(t *testing.T) {
	r, _ := planned(t, 1)
	var last *fork
	for range 4 {
		f, err := r.plan()
		must(t, err)
		last = f
	}
	if _, err := r.plan(); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a fifth plan: %v", err)
	}
	stream, err := last.client.DestroyModel(t.Context(), connect.NewRequest(&clientv1.DestroyModelRequest{Model: "m"}))
	must(t, err)
	if stream.Receive() || connect.CodeOf(stream.Err()) != connect.CodePermissionDenied {
		t.Errorf("the end of a model on a fork: %v", stream.Err())
	}
	_ = stream.Close()
	last.close()
	r.wait("its place is free", func() bool { f, err := r.plan(); return err == nil && f != nil })
	if _, err := last.client.SetConfig(t.Context(), connect.NewRequest(&clientv1.SetConfigRequest{Model: "m", Application: "web"})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a plan that ended: %v", err)
	}
}

// TestPlanOfManyUnits ends, with every unit in it and no more events than were allowed.
func TestPlanOfManyUnits(t *testing.T) {
	const units = 20 // without peers, who make it a few hundred events to begin with
	live, alone := &atomic.Int64{}, planCharm()
	alone["metadata.yaml"] = webCharm()["metadata.yaml"]
	r := newRig(t, &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, BootId: "boot-1"}, ring(live))
	r.start()
	r.deploy(units, alone)
	r.calm(units, live)
	f, err := r.plan()
	must(t, err)
	steps, end := f.config("you", &clientv1.RehearsePlanRequest{Events: 5})
	if len(end.GetUnits()) != units || len(steps) != units || end.GetStopped() != "" {
		t.Errorf("%d steps of %d units, stopped %q", len(steps), len(end.GetUnits()), end.GetStopped())
	}
}
