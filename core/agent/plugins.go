package agent

import (
	"context"
	"sync"

	"github.com/bangle-dev/bangle/core/agent/settings"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// runtimes starts the plugin of a kind when it is first wanted, and again when it has ended.
type runtimes struct {
	host *pluginhost.Host

	mu    sync.Mutex // held while one starts: whoever wants it too waits for it
	alive map[string]*running
}

// running is one life of a runtime.
type running struct {
	instance *pluginhost.Instance
	client   *charmruntime.Remote
}

// Get implements dispatch.Runtimes.
func (r *runtimes) Get(ctx context.Context, kind string) (charmruntime.Runtime, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if had := r.alive[kind]; had != nil {
		select {
		case <-had.instance.Done():
			had.client.Close()
			delete(r.alive, kind)
		default:
			return had.client, nil
		}
	}
	instance, err := r.host.Start(ctx, pluginhost.KindRuntime, kind)
	if err != nil {
		return nil, err
	}
	now := &running{instance: instance, client: charmruntime.Client(instance.Conn())}
	r.alive[kind] = now
	return now.client, nil
}

// close ends the lanes; the host ends the processes.
func (r *runtimes) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.alive {
		run.client.Close()
	}
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
