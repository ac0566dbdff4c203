package substrate

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

func registerProvider(to grpc.ServiceRegistrar, p Provider) {
	substratev1.RegisterProviderServer(to, &providerServer{p: p})
}

// providerServer is the contract's gRPC face of a Provider.
type providerServer struct {
	substratev1.UnimplementedProviderServer
	p Provider
}

// Info tells the truth about optional interfaces, whatever the provider says.
func (s *providerServer) Info(ctx context.Context, _ *substratev1.InfoRequest) (*substratev1.InfoResponse, error) {
	info, err := s.p.Info(ctx)
	if err != nil {
		return nil, err
	}
	return truthful(info, map[string]bool{
		CanValidate: has[Validator](s.p), CanAdopt: has[Adopter](s.p), CanBootstrap: has[Bootstrapper](s.p),
		CanExec: has[Execer](s.p), CanLogs: has[LogReader](s.p),
	}), nil
}

func (s *providerServer) Configure(ctx context.Context, req *substratev1.ConfigureRequest) (*substratev1.ConfigureResponse, error) {
	return &substratev1.ConfigureResponse{}, s.p.Configure(ctx, req)
}

func (s *providerServer) Ensure(ctx context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	return s.p.Ensure(ctx, req)
}

func (s *providerServer) Observe(req *substratev1.ObserveRequest, stream grpc.ServerStreamingServer[substratev1.Observation]) error {
	return s.p.Observe(stream.Context(), req, stream.Send)
}

func (s *providerServer) Remove(req *substratev1.RemoveRequest, stream grpc.ServerStreamingServer[substratev1.RemoveProgress]) error {
	return s.p.Remove(stream.Context(), req, stream.Send)
}

func (s *providerServer) Validate(ctx context.Context, req *substratev1.ValidateRequest) (*substratev1.ValidateResponse, error) {
	v, ok := s.p.(Validator)
	if !ok {
		return nil, unsupported("validate", CanValidate)
	}
	found, err := v.Validate(ctx, req.GetSpec())
	return &substratev1.ValidateResponse{Diagnostics: found}, err
}

func (s *providerServer) Adopt(ctx context.Context, _ *substratev1.AdoptRequest) (*substratev1.AdoptResponse, error) {
	a, ok := s.p.(Adopter)
	if !ok {
		return nil, unsupported("adopt", CanAdopt)
	}
	return a.Adopt(ctx)
}

func (s *providerServer) Bootstrap(req *substratev1.BootstrapRequest, stream grpc.ServerStreamingServer[substratev1.BootstrapProgress]) error {
	b, ok := s.p.(Bootstrapper)
	if !ok {
		return unsupported("bootstrap", CanBootstrap)
	}
	return b.Bootstrap(stream.Context(), req, stream.Send)
}

func (s *providerServer) Teardown(req *substratev1.TeardownRequest, stream grpc.ServerStreamingServer[substratev1.RemoveProgress]) error {
	b, ok := s.p.(Bootstrapper)
	if !ok {
		return unsupported("tear down", CanBootstrap)
	}
	return b.Teardown(stream.Context(), req, stream.Send)
}

func (s *providerServer) Exec(req *substratev1.ExecRequest, stream grpc.ServerStreamingServer[substratev1.ExecOutput]) error {
	e, ok := s.p.(Execer)
	if !ok {
		return unsupported("exec", CanExec)
	}
	return e.Exec(stream.Context(), req, stream.Send)
}

func (s *providerServer) Logs(req *substratev1.LogsRequest, stream grpc.ServerStreamingServer[substratev1.LogChunk]) error {
	l, ok := s.p.(LogReader)
	if !ok {
		return unsupported("read logs", CanLogs)
	}
	return l.Logs(stream.Context(), req, stream.Send)
}

func registerUnit(to grpc.ServiceRegistrar, u UnitSide) {
	substratev1.RegisterUnitServer(to, &unitServer{u: u})
}

// unitServer is the contract's gRPC face of a UnitSide.
type unitServer struct {
	substratev1.UnimplementedUnitServer
	u UnitSide
}

func (s *unitServer) UnitInfo(ctx context.Context, _ *substratev1.InfoRequest) (*substratev1.InfoResponse, error) {
	info, err := s.u.UnitInfo(ctx)
	if err != nil {
		return nil, err
	}
	return truthful(info, map[string]bool{CanPorts: has[PortOpener](s.u), CanReboot: has[Rebooter](s.u), CanWatch: true}), nil
}

func (s *unitServer) Environment(ctx context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	return s.u.Environment(ctx, req)
}

func (s *unitServer) Watch(req *substratev1.WatchRequest, stream grpc.ServerStreamingServer[substratev1.UnitEvent]) error {
	return s.u.Watch(stream.Context(), req, stream.Send)
}

func (s *unitServer) WatchUnits(stream grpc.BidiStreamingServer[substratev1.WatchUnitsRequest, substratev1.PlaceEvent]) error {
	w, ok := s.u.(UnitsWatcher)
	if !ok {
		w = each{s.u}
	}
	var mu sync.Mutex
	send := func(ev *substratev1.PlaceEvent) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(ev)
	}
	return w.WatchUnits(stream.Context(), func(context.Context) (*substratev1.WatchUnitsRequest, error) { return stream.Recv() }, send)
}

func (s *unitServer) Reboot(ctx context.Context, req *substratev1.RebootRequest) (*substratev1.RebootResponse, error) {
	r, ok := s.u.(Rebooter)
	if !ok {
		return nil, unsupported("reboot", CanReboot)
	}
	return &substratev1.RebootResponse{}, r.Reboot(ctx, req)
}

func (s *unitServer) Ports(ctx context.Context, req *substratev1.PortsRequest) (*substratev1.PortsResponse, error) {
	p, ok := s.u.(PortOpener)
	if !ok {
		return nil, unsupported("open ports", CanPorts)
	}
	return &substratev1.PortsResponse{}, p.Ports(ctx, req)
}
