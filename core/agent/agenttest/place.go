package agenttest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Side is a substrate's side of the agent: every unit has a place at once; what happens there is told by Tell.
type Side struct {
	mu      sync.Mutex
	env     *substratev1.EnvironmentResponse
	watches map[string][]chan *substratev1.UnitEvent
	past    map[string][]*substratev1.UnitEvent
	reboots []string
}

// NewSide gives every unit the same environment.
func NewSide(env *substratev1.EnvironmentResponse) *Side {
	return &Side{env: env, watches: map[string][]chan *substratev1.UnitEvent{}, past: map[string][]*substratev1.UnitEvent{}}
}

// UnitInfo names it.
func (s *Side) UnitInfo(context.Context) (*substratev1.InfoResponse, error) {
	return &substratev1.InfoResponse{Name: "test", Agents: "shared"}, nil
}

// Environment answers at once.
func (s *Side) Environment(context.Context, *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	return s.env, nil
}

// Tell lets something happen at a unit's place.
func (s *Side) Tell(unit string, ev *substratev1.UnitEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past[unit] = append(s.past[unit], ev)
	for _, w := range s.watches[unit] {
		w <- ev
	}
}

// Up lets a container's supervisor answer.
func (s *Side) Up(unit, container, boot string) {
	s.Tell(unit, &substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: &substratev1.ContainerUp{Name: container, BootId: boot, Socket: "/nowhere"}}})
}

// Watch tells what happened and what happens.
func (s *Side) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	events := make(chan *substratev1.UnitEvent, 100)
	s.mu.Lock()
	for _, ev := range s.past[req.Unit] {
		events <- ev
	}
	s.watches[req.Unit] = append(s.watches[req.Unit], events)
	s.mu.Unlock()
	for {
		select {
		case ev := <-events:
			if err := send(ev); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Charm is a charm's code: what it does with an event.
type Charm func(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error)

// Runtime runs a Charm for every unit and holds that a unit has one event at a time.
type Runtime struct {
	mu      sync.Mutex
	t       testing.TB
	code    Charm
	running map[string]string
	runs    []string // "web/0 1-install"
	views   map[string]*hookv1.View
	ended   int
	stuck   int
}

// NewRuntime runs code; nil does nothing and succeeds.
func NewRuntime(t testing.TB, code Charm) *Runtime {
	return &Runtime{t: t, code: code, running: map[string]string{}, views: map[string]*hookv1.View{}}
}

// Get is dispatch.Runtimes': one runtime for every kind and scope.
func (r *Runtime) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return r, func() {}, nil
}

// Info names it.
func (r *Runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "test"}, nil
}

// Load takes any charm.
func (r *Runtime) Load(_ context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return &charmruntimev1.LoadResponse{Handle: req.Digest}, nil
}

// Unload forgets nothing.
func (r *Runtime) Unload(context.Context, string) error { return nil }

// End implements charmruntime.Ender; it fails as often as Stick says.
func (r *Runtime) End(context.Context, string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended++; r.ended <= r.stuck {
		return errs.E(errs.Unavailable, "something is still there")
	}
	return nil
}

// Stick lets the first so many Ends fail.
func (r *Runtime) Stick(times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = times
}

// Ended says how often the runtime was asked to end what an interrupted event left.
func (r *Runtime) Ended() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Runs lists the events that charms were given, in order.
func (r *Runtime) Runs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.runs...)
}

// View is the last that the unit's charm was given for a hook of that name.
func (r *Runtime) View(unit, hook string) *hookv1.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.views[unit+" "+hook]
}

// Dispatch runs the code.
func (r *Runtime) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	unit := start.View.Unit.Name
	if start.Mode == charmruntimev1.Mode_MODE_DRY_RUN && r.code != nil { // beside whatever the unit does
		return r.code(ctx, start, host)
	}
	r.mu.Lock()
	if other := r.running[unit]; other != "" {
		r.t.Errorf("%s: %s begins while %s runs", unit, start.Event.Id, other)
	}
	r.running[unit] = start.Event.Id
	r.runs = append(r.runs, unit+" "+start.Event.Id)
	r.views[unit+" "+start.Event.Name] = start.View
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.running, unit)
		r.mu.Unlock()
	}()
	if r.code == nil {
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
	}
	return r.code(ctx, start, host)
}

// Pack makes a charm package of the given files beside metadata.yaml and answers its file and digest.
func Pack(t testing.TB, name string, files map[string]string) (file, digest string) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"metadata.yaml": fmt.Sprintf("name: %s\nsummary: s\ndescription: d\n", name), "dispatch": "#!/bin/sh\n"}
	maps.Copy(all, files)
	for k, v := range all {
		path := filepath.Join(dir, k)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(v), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(filepath.Join(t.TempDir(), name+".charm"))
	if err != nil {
		t.Fatal(err)
	}
	digest, err = charm.Pack(dir, out, charm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name(), digest
}

// Machine is a Side whose machine can be rebooted.
type Machine struct {
	*Side
	Answer func() error // of a reboot; nil: it is under way
}

// Reboot notes who asked; the machine goes down when the test says so.
func (m Machine) Reboot(_ context.Context, req *substratev1.RebootRequest) error {
	if m.Answer != nil {
		if err := m.Answer(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reboots = append(m.reboots, req.Unit)
	return nil
}

// Reboots is who asked for a reboot.
func (m Machine) Reboots() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.reboots...)
}

// Booted tells a unit that its machine was started anew.
func (s *Side) Booted(unit, boot string) {
	s.mu.Lock()
	s.env.BootId = boot
	s.mu.Unlock()
	s.Tell(unit, &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Rebooted{Rebooted: &substratev1.Rebooted{BootId: boot}}})
}

// Digest is the name that a package of that content has, whatever is in it.
func Digest(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
