package clients

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// classes carries the classes of errors over Connect.
type classes struct{ log *slog.Logger }

// WrapUnary implements connect.Interceptor.
func (c classes) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (answer connect.AnyResponse, err error) {
		defer func() { err = c.finish(recover(), req.Spec().Procedure, err) }()
		return next(ctx, req)
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (c classes) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (c classes) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = c.finish(recover(), conn.Spec().Procedure, err) }()
		return next(ctx, conn)
	}
}

// finish turns a panic into an error and an error into its form on the wire.
func (c classes) finish(panicked any, procedure string, err error) error {
	if panicked != nil {
		c.log.Error("a call panicked", "procedure", procedure, "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		err = errs.E(errs.Internal, "cannot answer %s: the controller has a fault; its log says more", procedure)
	}
	return toConnect(err)
}

// toConnect gives the error the code of its class, its text as the message and
// the class itself as ErrorInfo, as the plugin contracts have it.
func toConnect(err error) error {
	if err == nil {
		return nil
	}
	if already := new(connect.Error); errors.As(err, &already) {
		return err
	}
	kind := errs.Class(err)
	st, _ := status.FromError(plugin.ToStatus(err))
	out := connect.NewError(connect.Code(st.Code()), errors.New(err.Error()))
	if detail, e := connect.NewErrorDetail(proto.Message(&errdetails.ErrorInfo{Reason: string(kind), Domain: "bangle.dev"})); e == nil {
		out.AddDetail(detail)
	}
	return out
}

// FromWire gives an error of a call its class back; for clients written in Go.
func FromWire(err error) error {
	var remote *connect.Error
	if !errors.As(err, &remote) {
		return err
	}
	kind, found := errs.Internal, false
	for _, d := range remote.Details() {
		if value, e := d.Value(); e == nil {
			if info, ok := value.(*errdetails.ErrorInfo); ok {
				kind, found = errs.Parse(info.GetReason())
			}
		}
	}
	if !found && remote.Code() == connect.CodeUnavailable {
		kind = errs.Unavailable
	}
	return errs.E(kind, "%s", remote.Message())
}
