package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// ServerOptions are the limits and interceptors of a contract's server: errors
// become statuses and a panic ends its call only.
func ServerOptions(log *slog.Logger) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		serverCodec(),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
			defer func() { err = ToStatus(recovered(recover(), log, info.FullMethod, err)) }()
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
			defer func() { err = ToStatus(recovered(recover(), log, info.FullMethod, err)) }()
			return next(srv, stream)
		}),
	}
}

// recovered turns a panic into an error; its stack goes to the log.
func recovered(value any, log *slog.Logger, method string, err error) error {
	if value == nil {
		return err
	}
	log.Error("a call panicked", "method", method, "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
	return errs.E(errs.Internal, "cannot answer %s: the plugin panicked: %v; its log holds the stack", method, value)
}

// DialOptions are the limits and interceptors of a contract's client: statuses
// become errors with a class.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage), clientCodec()),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return FromStatus(call(ctx, method, req, reply, conn, opts...))
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, conn, method, opts...)
			if err != nil {
				return nil, FromStatus(err)
			}
			return &classedStream{stream}, nil
		}),
	}
}

// classedStream gives the errors of a stream their class.
type classedStream struct{ grpc.ClientStream }

// SendMsg sends; io.EOF says that the peer ended the stream and RecvMsg knows why.
func (s *classedStream) SendMsg(m any) error { return FromStatus(s.ClientStream.SendMsg(m)) }

// RecvMsg receives; io.EOF is the stream's regular end.
func (s *classedStream) RecvMsg(m any) error { return FromStatus(s.ClientStream.RecvMsg(m)) }

// Receive hands every message of a server's stream to send, until the stream
// ends (nil), the context ends or send fails: both with that error.
func Receive[T any](ctx context.Context, stream grpc.ServerStreamingClient[T], send func(*T) error) error {
	for {
		message, err := stream.Recv()
		switch {
		case err != nil && ctx.Err() != nil:
			return errs.With(errs.Canceled, context.Cause(ctx))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := send(message); err != nil {
			return err
		}
	}
}
