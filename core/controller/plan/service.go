package plan

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// longest is how long a fork lives at most, and patience how long a rehearsal takes when nothing else is said.
const (
	longest  = 15 * time.Minute
	patience = time.Minute
)

// service implements Plans of client/v1.
type service struct{ plans *Plans }

// Serve puts the service on the mux.
func (p *Plans) Serve(mux *http.ServeMux) {
	mux.Handle(clientv1connect.NewPlansHandler(service{p}, clients.Options(p.cfg.Log)...))
}

// Open implements the call.
func (s service) Open(ctx context.Context, req *connect.Request[clientv1.OpenPlanRequest], out *connect.ServerStream[clientv1.OpenPlanResponse]) error {
	f, err := s.plans.Open(ctx, req.Msg.GetModel())
	if err != nil {
		return err
	}
	defer f.Close()
	if err := out.Send(&clientv1.OpenPlanResponse{Plan: f.Name, Model: f.Model, ModelUuid: f.UUID, Revision: f.Revision, Fingerprint: f.Fingerprint}); err != nil {
		return err
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil // whoever asked has gone; so does the fork
	case <-timer.C:
		return errs.E(errs.Canceled, "cannot keep the plan any longer: it is %s old; make it again", longest)
	}
}

// Rehearse implements the call.
func (s service) Rehearse(ctx context.Context, req *connect.Request[clientv1.RehearsePlanRequest], out *connect.ServerStream[clientv1.RehearsePlanResponse]) error {
	f := s.plans.fork(req.Msg.GetPlan())
	if f == nil {
		return errs.E(errs.NotFound, "cannot find the plan: it has ended; make it again")
	}
	wait := time.Duration(req.Msg.GetTimeoutMs()) * time.Millisecond
	if wait <= 0 {
		wait = patience
	}
	ctx, cancel := context.WithTimeout(ctx, min(wait, longest))
	defer cancel()
	end, err := f.Rehearse(ctx, req.Msg.GetEvents(), func(steps []*controllerv1.RehearsedStep) error {
		if len(steps) == 0 {
			return nil
		}
		return out.Send(&clientv1.RehearsePlanResponse{Steps: steps})
	})
	if err != nil {
		return err
	}
	return out.Send(&clientv1.RehearsePlanResponse{End: end})
}
