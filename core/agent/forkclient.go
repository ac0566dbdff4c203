package agent

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// forkMetadata names the fork that a call goes to: Rehearse.fork.
const forkMetadata = "bangle-fork"

// onFork is the controller as a rehearsal meets it: calls about the model go to a fork of it, what is told of the world is
// told to nobody, and who leads leads for as long as it takes. No call of it reaches the model itself.
type onFork struct {
	to   controllerv1.AgentsClient
	name string
}

func (f onFork) on(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, forkMetadata, f.name)
}

// Watch implements the client.
func (f onFork) Watch(ctx context.Context, in *controllerv1.WatchRequest, o ...grpc.CallOption) (grpc.ServerStreamingClient[controllerv1.Delta], error) {
	return f.to.Watch(f.on(ctx), in, o...)
}

// Begin implements the client.
func (f onFork) Begin(ctx context.Context, in *controllerv1.BeginRequest, o ...grpc.CallOption) (*controllerv1.CommitResponse, error) {
	return f.to.Begin(f.on(ctx), in, o...)
}

// Commit implements the client.
func (f onFork) Commit(ctx context.Context, in *controllerv1.CommitRequest, o ...grpc.CallOption) (*controllerv1.CommitResponse, error) {
	return f.to.Commit(f.on(ctx), in, o...)
}

// FetchCharm implements the client.
func (f onFork) FetchCharm(ctx context.Context, in *controllerv1.FetchCharmRequest, o ...grpc.CallOption) (grpc.ServerStreamingClient[controllerv1.Chunk], error) {
	return f.to.FetchCharm(f.on(ctx), in, o...)
}

// FetchResource implements the client.
func (f onFork) FetchResource(ctx context.Context, in *controllerv1.FetchResourceRequest, o ...grpc.CallOption) (grpc.ServerStreamingClient[controllerv1.Chunk], error) {
	return f.to.FetchResource(f.on(ctx), in, o...)
}

// FetchStateFiles implements the client.
func (f onFork) FetchStateFiles(ctx context.Context, in *controllerv1.FetchStateFilesRequest, o ...grpc.CallOption) (*controllerv1.StateFiles, error) {
	return f.to.FetchStateFiles(f.on(ctx), in, o...)
}

// ReadBag implements the client.
func (f onFork) ReadBag(ctx context.Context, in *controllerv1.ReadBagRequest, o ...grpc.CallOption) (*controllerv1.Bag, error) {
	return f.to.ReadBag(f.on(ctx), in, o...)
}

// ReadSecret implements the client.
func (f onFork) ReadSecret(ctx context.Context, in *controllerv1.ReadSecretRequest, o ...grpc.CallOption) (*controllerv1.ReadSecretResponse, error) {
	return f.to.ReadSecret(f.on(ctx), in, o...)
}

// GoalState implements the client.
func (f onFork) GoalState(ctx context.Context, in *controllerv1.GoalStateRequest, o ...grpc.CallOption) (*hookv1.GoalState, error) {
	return f.to.GoalState(f.on(ctx), in, o...)
}

// Answer implements the client.
func (f onFork) Answer(ctx context.Context, in *controllerv1.AnswerRequest, o ...grpc.CallOption) (*controllerv1.AnswerResponse, error) {
	return f.to.Answer(f.on(ctx), in, o...)
}

// Lead implements the client: leadership does not end during a rehearsal.
func (f onFork) Lead(_ context.Context, in *controllerv1.LeadRequest, _ ...grpc.CallOption) (*controllerv1.LeadResponse, error) {
	resp := &controllerv1.LeadResponse{}
	for _, t := range in.GetTerms() {
		resp.Promises = append(resp.Promises, &controllerv1.LeadPromise{Seconds: 60, Term: t.GetTerm()})
	}
	return resp, nil
}

// Immediate implements the client: nobody is shown a status before its hook ends.
func (f onFork) Immediate(context.Context, *controllerv1.ImmediateRequest, ...grpc.CallOption) (*controllerv1.ImmediateResponse, error) {
	return &controllerv1.ImmediateResponse{}, nil
}

// Report implements the client: logs and journals are of what happened.
func (f onFork) Report(context.Context, *controllerv1.ReportRequest, ...grpc.CallOption) (*controllerv1.ReportResponse, error) {
	return &controllerv1.ReportResponse{}, nil
}

// SetAddresses implements the client: the place of the unit is not the fork's.
func (f onFork) SetAddresses(context.Context, *controllerv1.SetAddressesRequest, ...grpc.CallOption) (*controllerv1.SetAddressesResponse, error) {
	return &controllerv1.SetAddressesResponse{}, nil
}

// SetStorage implements the client: the place of the unit is not the fork's.
func (f onFork) SetStorage(context.Context, *controllerv1.SetStorageRequest, ...grpc.CallOption) (*controllerv1.SetStorageResponse, error) {
	return &controllerv1.SetStorageResponse{}, nil
}

// EnqueueExec implements the client: nothing is queued from a rehearsal.
func (f onFork) EnqueueExec(context.Context, *controllerv1.EnqueueExecRequest, ...grpc.CallOption) (*controllerv1.EnqueueExecResponse, error) {
	return nil, notOnFork("EnqueueExec")
}

// Join implements the client: an agent joins a controller, not a fork.
func (f onFork) Join(context.Context, *controllerv1.JoinRequest, ...grpc.CallOption) (*controllerv1.JoinResponse, error) {
	return nil, notOnFork("Join")
}

// Renew implements the client: an agent joins a controller, not a fork.
func (f onFork) Renew(context.Context, *controllerv1.RenewRequest, ...grpc.CallOption) (*controllerv1.RenewResponse, error) {
	return nil, notOnFork("Renew")
}

func notOnFork(call string) error {
	return errs.E(errs.Unsupported, "cannot call %s in a rehearsal", call)
}
