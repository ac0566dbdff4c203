package agent

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/agent/runtimes"
	"github.com/bangle-dev/bangle/core/agent/settings"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

const (
	// runtimeIdle is how long the process of a runtime stays without an event. It is longer than the pause between two
	// update-status, so that only what is really at rest is ended: starting one again takes some tens of milliseconds.
	runtimeIdle = 10 * time.Minute
	// runtimeSilence is how long a runtime with events under way may be deaf: longer than any machine is overloaded, since
	// all its events are run again.
	runtimeSilence = 30 * time.Second
)

// newRuntimes keeps the processes of runtimes.
func newRuntimes(host *pluginhost.Host, log *slog.Logger) *runtimes.Pool {
	cfg := runtimes.Config{Idle: runtimeIdle, Silence: runtimeSilence, Log: log,
		Start: func(ctx context.Context, kind, _ string) (runtimes.Life, error) { return startRuntime(ctx, host, kind) }}
	if os.Getenv(plugin.EnvWait) != "" {
		cfg.Silence = 0 // somebody debugs
	}
	return runtimes.New(cfg)
}

// startRuntime starts a runtime's plugin; its lanes end with the process.
func startRuntime(ctx context.Context, host *pluginhost.Host, kind string) (runtimes.Life, error) {
	instance, err := host.Start(ctx, pluginhost.KindRuntime, kind)
	if err != nil {
		return runtimes.Life{}, err
	}
	client := charmruntime.Client(instance.Conn())
	go func() {
		<-instance.Done()
		client.Close()
	}()
	return runtimes.Life{Runtime: client, Done: instance.Done(), Kill: instance.Kill}, nil
}

// side is the unit's side of the substrate, in whatever life its plugin is.
type side struct {
	mu      sync.Mutex
	current substrate.UnitSide
	changed chan struct{} // closed when current is replaced
}

func newSide() *side { return &side{changed: make(chan struct{})} }

// keep runs the substrate's plugin until ctx ends. An error before that is one that no other try mends.
func (s *side) keep(ctx context.Context, host *pluginhost.Host, sub settings.Substrate) error {
	start := func(i *pluginhost.Instance) error { return s.use(ctx, i, sub) }
	err := host.Keep(ctx, pluginhost.KindUnit, sub.Name, start)
	if errs.Is(err, errs.NotFound) {
		err = host.Keep(ctx, pluginhost.KindSubstrate, sub.Name, start)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was asked to end
	}
	return err
}

// use tells a plugin that came up where things are, and takes it.
func (s *side) use(ctx context.Context, i *pluginhost.Instance, sub settings.Substrate) error {
	unit, err := substrate.UnitClient(ctx, i.Conn())
	if err != nil {
		return err
	}
	provider, err := substrate.ProviderClient(ctx, i.Conn())
	if err == nil {
		err = provider.Configure(ctx, &substratev1.ConfigureRequest{StateDir: sub.StateDir, RunDir: sub.RunDir,
			Supervisor: sub.Supervisor, Hooktool: sub.Hooktool, Settings: sub.Settings})
	}
	if err != nil && !errs.Is(err, errs.Unsupported) { // a unit side of its own finds its place itself
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = unit
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// get waits for the first life of the plugin.
func (s *side) get(ctx context.Context) (substrate.UnitSide, error) {
	for {
		s.mu.Lock()
		current, changed := s.current, s.changed
		s.mu.Unlock()
		if current != nil {
			return current, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// UnitInfo asks the plugin.
func (s *side) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) {
	now, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return now.UnitInfo(ctx)
}

// Environment asks the plugin.
func (s *side) Environment(ctx context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	now, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return now.Environment(ctx, req)
}

// Watch asks the plugin.
func (s *side) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	now, err := s.get(ctx)
	if err != nil {
		return err
	}
	return now.Watch(ctx, req, send)
}

// WatchUnits asks the plugin, if it has the call.
func (s *side) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	now, err := s.get(ctx)
	if err != nil {
		return err
	}
	w, ok := substrate.AsUnitsWatcher(now)
	if !ok {
		return errs.E(errs.Unsupported, "cannot watch units together: the substrate has no such call")
	}
	return w.WatchUnits(ctx, next, send)
}

// Reboot asks the plugin, if it has the call.
func (s *side) Reboot(ctx context.Context, req *substratev1.RebootRequest) error {
	now, err := s.get(ctx)
	if err != nil {
		return err
	}
	r, ok := substrate.AsRebooter(now)
	if !ok {
		return errs.E(errs.Unsupported, "cannot reboot: the substrate has no such call")
	}
	return r.Reboot(ctx, req)
}
