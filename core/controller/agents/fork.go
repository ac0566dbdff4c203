package agents

import (
	"context"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// ForkMetadata names the fork of a model that an agent's call goes to: Rehearse.fork.
const ForkMetadata = "bangle-fork"

// forkOf is the fork that a call is meant for, "" for the model itself.
func forkOf(ctx context.Context) string {
	for _, name := range metadata.ValueFromIncomingContext(ctx, ForkMetadata) {
		return name
	}
	return ""
}

// fork finds the service that answers calls on a fork. Who calls was found out already; what the call names is held against
// the fork's own graph.
func (s *Service) fork(name, method string) (*Service, error) {
	if !authz.OnFork(method) {
		return nil, errs.E(errs.Denied, "cannot call %s on a fork: it is about the world, not about the model", method)
	}
	if s.cfg.Fork != nil {
		if f := s.cfg.Fork(name); f != nil {
			return f, nil
		}
	}
	return nil, errs.E(errs.Denied, "cannot call %s on a fork: there is no such fork, or it has ended", method)
}

// onFork answers a call on a fork.
func (s *Service) onFork(ctx context.Context, name, method string, req any) (any, error) {
	f, err := s.fork(name, method)
	if err != nil {
		return nil, err
	}
	given, ok := req.(proto.Message)
	for _, m := range controllerv1.Agents_ServiceDesc.Methods {
		if ok && m.MethodName == method {
			return m.Handler(f, ctx, func(into any) error { proto.Merge(into.(proto.Message), given); return nil }, nil)
		}
	}
	return nil, errs.E(errs.Unsupported, "cannot call %s on a fork", method)
}
