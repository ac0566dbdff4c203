package local_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local"
	"github.com/bangle-dev/bangle/substrates/local/process"
	"github.com/bangle-dev/bangle/supervisor/client"
)

const (
	model    = "aaaaaaaa-0000-4000-8000-000000000001"
	patience = 30 * time.Second
)

// home is a pair of directories that a provider works in.
type home struct{ state, run string }

// newHome makes directories and sees to it that in the end nothing runs in them.
func newHome(t testing.TB) home {
	t.Helper()
	h := home{state: tempDir(t), run: tempDir(t)}
	t.Cleanup(func() { h.sweep(t) })
	return h
}

// tempDir has a short name, for sockets.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// sweep removes everything by the files alone, as destroying a controller does.
func (h home) sweep(t testing.TB) {
	t.Helper()
	s := local.New(local.Config{Log: slog.New(slog.DiscardHandler), Version: "test"})
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Configure(ctx, h.request(nil)); err != nil {
		return // the directories are gone, so whatever was there was removed
	}
	answer, err := s.Adopt(ctx)
	if err != nil {
		t.Errorf("cannot sweep: %v", err)
		return
	}
	for _, u := range answer.GetUnits() {
		app, _, _ := strings.Cut(u.GetUnit(), "/")
		req := &substratev1.RemoveRequest{ModelUuid: u.GetModelUuid(), Application: app, DestroyStorage: true, TimeoutMs: 20000}
		if err := s.Remove(ctx, req, func(*substratev1.RemoveProgress) error { return nil }); err != nil {
			t.Errorf("cannot sweep %s: %v", u.GetUnit(), err)
		}
	}
}

func (h home) request(settings map[string]string) *substratev1.ConfigureRequest {
	return &substratev1.ConfigureRequest{
		StateDir: h.state, RunDir: h.run, Supervisor: bin("bangle-supervisor"), Hooktool: bin("hooktool"), Settings: settings,
	}
}

// life is one provider, and the unit side beside an agent.
type life struct {
	*local.Substrate
	unit *local.Substrate
	home home
}

// live starts a life in this process.
func live(t testing.TB, h home, settings map[string]string) *life {
	t.Helper()
	l := &life{home: h}
	for _, side := range []**local.Substrate{&l.Substrate, &l.unit} {
		s := local.New(local.Config{Log: slog.New(slog.DiscardHandler), Version: "test"})
		t.Cleanup(func() { _ = s.Close() })
		if err := s.Configure(t.Context(), h.request(settings)); err != nil {
			t.Fatalf("Configure: %v", err)
		}
		*side = s
	}
	if _, err := l.Adopt(t.Context()); err != nil {
		t.Fatalf("Adopt: %v", err)
	}
	return l
}

func application(app string, containers []string, units ...string) *substratev1.ApplicationSpec {
	spec := &substratev1.ApplicationSpec{ModelUuid: model, ModelName: "m", Application: app, Runtime: "python"}
	for _, c := range containers {
		spec.Containers = append(spec.Containers, &substratev1.Container{Name: c})
	}
	for _, n := range units {
		spec.Units = append(spec.Units, &substratev1.UnitSpec{Name: app + "/" + n, Incarnation: "1"})
	}
	return spec
}

func (l *life) ensure(t testing.TB, revision uint64, spec *substratev1.ApplicationSpec) {
	t.Helper()
	answer, err := l.Ensure(t.Context(), &substratev1.EnsureRequest{Spec: spec, Revision: revision})
	if err != nil || !answer.GetAccepted() {
		t.Fatalf("Ensure = %v, %v", answer, err)
	}
}

// until waits for an observation.
func (l *life) until(t testing.TB, what string, good func(*substratev1.Observation) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var seen []string
	err := l.Observe(ctx, &substratev1.ObserveRequest{ModelUuid: model}, func(o *substratev1.Observation) error {
		seen = append(seen, o.String())
		if good(o) {
			cancel()
		}
		return nil
	})
	if ctx.Err() != context.Canceled {
		t.Fatalf("no observation that %s: %v\n%s", what, err, strings.Join(seen, "\n"))
	}
}

func (l *life) untilReady(t testing.TB, unit string) {
	t.Helper()
	l.until(t, unit+" is ready", func(o *substratev1.Observation) bool { return o.GetUnit() == unit && o.GetReady() })
}

func (l *life) environment(t testing.TB, unit string) *substratev1.EnvironmentResponse {
	t.Helper()
	env, err := l.unit.Environment(t.Context(), &substratev1.EnvironmentRequest{ModelUuid: model, Unit: unit})
	if err != nil {
		t.Fatalf("Environment: %v", err)
	}
	return env
}

// serve runs a shell command as a service and returns the client.
func serve(t testing.TB, socket, script string, more ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	layer := "services:\n  w:\n    override: replace\n    command: /bin/sh -c '" + script + "'\n" + strings.Join(more, "")
	if err := c.AddLayer(t.Context(), "test", layer, client.AddOptions{Combine: true}); err != nil {
		t.Fatalf("AddLayer: %v", err)
	}
	return c
}

func run(t testing.TB, c *client.Client) error {
	t.Helper()
	id, err := c.Start(t.Context(), "w")
	if err != nil {
		return err
	}
	change, err := c.WaitChange(t.Context(), id)
	if err != nil {
		return err
	}
	return change.Failure()
}

// eventually waits for a condition that nobody tells about.
func eventually(t testing.TB, what string, good func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !good() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// peer is the process behind a socket.
func peer(t testing.TB, h home, unit, container string) process.ID {
	t.Helper()
	id := recorded(t, h, unit, container)
	if !id.Alive() {
		t.Fatalf("supervisor %d of %s is not alive", id.PID, unit)
	}
	return id
}

func answers(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func unitDir(h home, unit string) string {
	return filepath.Join(h.state, "aaaaaaaa", strings.ReplaceAll(unit, "/", "-"))
}

// configured is a substrate that is configured, nothing more.
func configured(t testing.TB, h home) *local.Substrate {
	t.Helper()
	s := local.New(local.Config{Log: slog.New(slog.DiscardHandler), Version: "test"})
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Configure(t.Context(), h.request(nil)); err != nil {
		t.Fatal(err)
	}
	return s
}
