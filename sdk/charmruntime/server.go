package charmruntime

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Register serves a Runtime over gRPC. The server needs plugin.ServerOptions.
func Register(to grpc.ServiceRegistrar, rt Runtime, log *slog.Logger) {
	charmruntimev1.RegisterRuntimeServer(to, &server{rt: rt, log: log})
}

// server is the contract's gRPC face of a Runtime.
type server struct {
	charmruntimev1.UnimplementedRuntimeServer
	rt  Runtime
	log *slog.Logger
}

// Info asks the implementation.
func (s *server) Info(ctx context.Context, _ *charmruntimev1.InfoRequest) (*charmruntimev1.InfoResponse, error) {
	return s.rt.Info(ctx)
}

// Load asks the implementation.
func (s *server) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return s.rt.Load(ctx, req)
}

// Unload asks the implementation.
func (s *server) Unload(ctx context.Context, req *charmruntimev1.UnloadRequest) (*charmruntimev1.UnloadResponse, error) {
	return &charmruntimev1.UnloadResponse{}, s.rt.Unload(ctx, req.GetHandle())
}

// End asks the implementation, if it has anything to end.
func (s *server) End(ctx context.Context, req *charmruntimev1.EndRequest) (*charmruntimev1.EndResponse, error) {
	ender, ok := s.rt.(Ender)
	if !ok {
		return s.UnimplementedRuntimeServer.End(ctx, req)
	}
	return &charmruntimev1.EndResponse{}, ender.End(ctx, req.GetRunDir())
}

// Dispatch serves a lane until the host ends it. An event that ends with an
// error ends its lane: nobody knows what ran, and the stream's status says why.
func (s *server) Dispatch(stream charmruntimev1.Runtime_DispatchServer) error {
	events := make(chan *flight)
	hangup := make(chan error, 1)
	go receive(stream, events, hangup)
	for {
		select {
		case f := <-events:
			done, err := s.run(f)
			f.land()
			if err != nil {
				return err
			}
			answer := &charmruntimev1.DispatchResponse{Message: &charmruntimev1.DispatchResponse_Done{Done: done}}
			if err := fits(answer, "return what event "+f.start.GetEvent().GetId()+" did"); err != nil {
				return err
			}
			if err := f.wire.send(answer); err != nil {
				return err
			}
		case err := <-hangup:
			return err
		}
	}
}

// receive reads a lane: it starts events, hands replies to their calls and
// cancels. It ends with the stream.
func receive(stream charmruntimev1.Runtime_DispatchServer, events chan<- *flight, hangup chan<- error) {
	wire := &wire{stream: stream}
	var now *flight
	for {
		message, err := stream.Recv()
		if err != nil {
			if now != nil {
				now.cancel(errs.E(errs.Canceled, "the host is gone"))
			}
			hangup <- nil
			return
		}
		switch m := message.GetMessage().(type) {
		case *charmruntimev1.DispatchRequest_Start:
			now = newFlight(stream.Context(), wire, m.Start)
			select {
			case events <- now:
			case <-stream.Context().Done():
				return
			}
		case *charmruntimev1.DispatchRequest_Reply:
			if now != nil {
				now.reply(m.Reply)
			}
		case *charmruntimev1.DispatchRequest_Cancel:
			if now != nil {
				now.cancel(errs.With(errs.Canceled, &Cancelled{Reason: m.Cancel.GetReason(), Grace: time.Duration(m.Cancel.GetGraceMs()) * time.Millisecond}))
			}
		}
	}
}

// run asks the implementation; a panic is an error of this event alone.
func (s *server) run(f *flight) (done *charmruntimev1.Done, err error) {
	id := f.start.GetEvent().GetId()
	defer func() {
		if value := recover(); value != nil {
			s.log.Error("an event panicked", "event", id, "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
			done, err = nil, errs.E(errs.Internal, "cannot run event %s: the runtime panicked: %v; its log holds the stack", id, value)
		}
	}()
	if need(f.start) != "" {
		info, err := s.rt.Info(f.ctx)
		if err == nil {
			err = Able(info, f.start)
		}
		if err != nil {
			return nil, err
		}
	}
	done, err = s.rt.Dispatch(f.ctx, f.start, f)
	if err == nil && done == nil {
		err = errs.E(errs.Internal, "cannot run event %s: the runtime returned nothing", id)
	}
	return done, err
}

// Able says whether a runtime with these capabilities can run the event as the
// start asks: replay needs "replay", a command needs "exec". The error is of
// class Unsupported.
func Able(info *charmruntimev1.InfoResponse, start *charmruntimev1.Start) error {
	need := need(start)
	if need == "" || slices.Contains(info.GetCapabilities(), need) {
		return nil
	}
	return errs.E(errs.Unsupported, "cannot run event %s: runtime %s does not have capability %q; it has %q",
		start.GetEvent().GetId(), info.GetName(), need, info.GetCapabilities())
}

// need names the capability without which the event cannot run, "" if any
// runtime can.
func need(start *charmruntimev1.Start) string {
	switch {
	case start.GetMode() == charmruntimev1.Mode_MODE_REPLAY:
		return "replay"
	case start.GetEvent().GetKind() == "exec":
		return "exec"
	}
	return ""
}
