package substrate

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/plugin"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// ProviderClient makes a Provider of a connection that has plugin.DialOptions.
// It asks for Info once: what the peer declares is what the As functions find.
func ProviderClient(ctx context.Context, conn grpc.ClientConnInterface) (Provider, error) {
	p := &remoteProvider{api: substratev1.NewProviderClient(conn)}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	p.capabilities = info.GetCapabilities()
	return p, nil
}

// remoteProvider is a Provider behind a connection.
type remoteProvider struct {
	api          substratev1.ProviderClient
	capabilities []string
}

// Info asks the peer.
func (p *remoteProvider) Info(ctx context.Context) (*substratev1.InfoResponse, error) {
	return p.api.Info(ctx, &substratev1.InfoRequest{})
}

// Configure asks the peer.
func (p *remoteProvider) Configure(ctx context.Context, req *substratev1.ConfigureRequest) error {
	_, err := p.api.Configure(ctx, req)
	return err
}

// Ensure asks the peer.
func (p *remoteProvider) Ensure(ctx context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	return p.api.Ensure(ctx, req)
}

// Observe streams until ctx ends or send fails.
func (p *remoteProvider) Observe(ctx context.Context, req *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error {
	return follow(ctx, req, p.api.Observe, send)
}

// Remove streams until the peer has ended.
func (p *remoteProvider) Remove(ctx context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	return follow(ctx, req, p.api.Remove, send)
}

// optional gives the half with the optional calls for a declared capability.
func (p *remoteProvider) optional(capability string) any {
	if !slices.Contains(p.capabilities, capability) {
		return nil
	}
	return &remoteExtras{api: p.api}
}

// remoteExtras has every optional call of a provider.
type remoteExtras struct{ api substratev1.ProviderClient }

// Validate asks the peer.
func (e *remoteExtras) Validate(ctx context.Context, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	answer, err := e.api.Validate(ctx, &substratev1.ValidateRequest{Spec: spec})
	return answer.GetDiagnostics(), err
}

// Adopt asks the peer.
func (e *remoteExtras) Adopt(ctx context.Context) (*substratev1.AdoptResponse, error) {
	return e.api.Adopt(ctx, &substratev1.AdoptRequest{})
}

// Bootstrap streams until the controller has its place.
func (e *remoteExtras) Bootstrap(ctx context.Context, req *substratev1.BootstrapRequest, send func(*substratev1.BootstrapProgress) error) error {
	return follow(ctx, req, e.api.Bootstrap, send)
}

// Teardown streams until the controller's place is gone.
func (e *remoteExtras) Teardown(ctx context.Context, req *substratev1.TeardownRequest, send func(*substratev1.RemoveProgress) error) error {
	return follow(ctx, req, e.api.Teardown, send)
}

// Exec streams a command's output.
func (e *remoteExtras) Exec(ctx context.Context, req *substratev1.ExecRequest, send func(*substratev1.ExecOutput) error) error {
	return follow(ctx, req, e.api.Exec, send)
}

// Logs streams a container's output.
func (e *remoteExtras) Logs(ctx context.Context, req *substratev1.LogsRequest, send func(*substratev1.LogChunk) error) error {
	return follow(ctx, req, e.api.Logs, send)
}

// UnitClient makes a UnitSide of a connection that has plugin.DialOptions.
func UnitClient(ctx context.Context, conn grpc.ClientConnInterface) (UnitSide, error) {
	u := &remoteUnit{api: substratev1.NewUnitClient(conn)}
	info, err := u.UnitInfo(ctx)
	if err != nil {
		return nil, err
	}
	u.capabilities = info.GetCapabilities()
	return u, nil
}

// remoteUnit is a UnitSide behind a connection.
type remoteUnit struct {
	api          substratev1.UnitClient
	capabilities []string
}

// UnitInfo asks the peer.
func (u *remoteUnit) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) {
	return u.api.UnitInfo(ctx, &substratev1.InfoRequest{})
}

// Environment asks the peer.
func (u *remoteUnit) Environment(ctx context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	return u.api.Environment(ctx, req)
}

// Watch streams until ctx ends or send fails.
func (u *remoteUnit) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	return follow(ctx, req, u.api.Watch, send)
}

// optional gives the half with the optional calls for a declared capability.
func (u *remoteUnit) optional(capability string) any {
	if !slices.Contains(u.capabilities, capability) {
		return nil
	}
	return &remoteMore{api: u.api}
}

// remoteMore has the optional calls of a unit's side.
type remoteMore struct{ api substratev1.UnitClient }

// Reboot asks the peer.
func (p *remoteMore) Reboot(ctx context.Context, req *substratev1.RebootRequest) error {
	_, err := p.api.Reboot(ctx, req)
	return err
}

// WatchUnits has one stream. It returns when neither next nor send is called any more.
func (p *remoteMore) WatchUnits(ctx context.Context, next func(context.Context) (*substratev1.WatchUnitsRequest, error), send func(*substratev1.PlaceEvent) error) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	streaming, end := context.WithCancel(ctx)
	defer end()
	stream, err := p.api.WatchUnits(streaming)
	if err != nil {
		return err
	}
	asking.Go(func() {
		for {
			req, err := next(streaming)
			if err != nil {
				_ = stream.CloseSend() // the stream lives on for what was begun
				return
			}
			if stream.Send(req) != nil {
				return // Recv says why
			}
		}
	})
	return plugin.Receive(ctx, stream, send)
}

// Ports asks the peer.
func (p *remoteMore) Ports(ctx context.Context, req *substratev1.PortsRequest) error {
	_, err := p.api.Ports(ctx, req)
	return err
}

// follow opens a stream and hands on what it brings. The stream ends when
// follow returns, also after a failed send.
func follow[Req, T any](ctx context.Context, req *Req,
	open func(context.Context, *Req, ...grpc.CallOption) (grpc.ServerStreamingClient[T], error), send func(*T) error,
) error {
	streaming, end := context.WithCancel(ctx)
	defer end()
	stream, err := open(streaming, req)
	if err != nil {
		return err
	}
	return plugin.Receive(ctx, stream, send)
}
