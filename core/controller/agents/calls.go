package agents

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Begin implements the call.
func (s *Service) Begin(ctx context.Context, req *controllerv1.BeginRequest) (*controllerv1.CommitResponse, error) {
	return s.cfg.Commits.Begin(ctx, agentOf(ctx), req)
}

// Commit implements the call.
func (s *Service) Commit(ctx context.Context, req *controllerv1.CommitRequest) (*controllerv1.CommitResponse, error) {
	return s.cfg.Commits.Commit(ctx, agentOf(ctx), req)
}

// Lead implements the call.
func (s *Service) Lead(ctx context.Context, req *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error) {
	return s.cfg.Elections.Lead(ctx, agentOf(ctx), req)
}

// Immediate implements the call.
func (s *Service) Immediate(ctx context.Context, req *controllerv1.ImmediateRequest) (*controllerv1.ImmediateResponse, error) {
	return &controllerv1.ImmediateResponse{}, s.cfg.Commits.Immediate(ctx, agentOf(ctx), req)
}

// SetAddresses implements the call.
func (s *Service) SetAddresses(ctx context.Context, req *controllerv1.SetAddressesRequest) (*controllerv1.SetAddressesResponse, error) {
	return &controllerv1.SetAddressesResponse{}, s.cfg.Commits.SetAddresses(ctx, agentOf(ctx), req)
}

// SetStorage implements the call.
func (s *Service) SetStorage(ctx context.Context, req *controllerv1.SetStorageRequest) (*controllerv1.SetStorageResponse, error) {
	return &controllerv1.SetStorageResponse{}, s.cfg.Commits.SetStorage(ctx, agentOf(ctx), req)
}

// Report implements the call. One foreign record refuses the whole.
func (s *Service) Report(ctx context.Context, req *controllerv1.ReportRequest) (*controllerv1.ReportResponse, error) {
	agent := agentOf(ctx)
	var err error
	s.cfg.Mirror.Read(func(state *model.State) {
		for _, r := range req.GetLogs() {
			err = errors.Join(err, mayLog(state.Model(r.GetModel()), agent, r.GetEntity()))
		}
		for _, r := range req.GetStates() {
			err = errors.Join(err, authz.Speaks(state.Model(r.GetModel()), agent, r.GetUnit()))
		}
		for _, r := range req.GetJournal() {
			err = errors.Join(err, authz.Speaks(state.Model(r.GetModel()), agent, r.GetUnit()))
		}
	})
	if err != nil {
		return nil, err
	}
	s.cfg.Presence.set(req.GetStates())
	if s.cfg.Sink != nil {
		s.cfg.Sink.Log(req.GetLogs()...)
		s.cfg.Sink.Journal(req.GetJournal()...)
	}
	return &controllerv1.ReportResponse{}, nil
}

// mayLog says whether the agent may log for an entity: a unit of its own ("unit-web-0"), or itself or its machine in a
// model where it has units.
func mayLog(g *model.Graph, agent, entity string) error {
	if g != nil {
		kind, name, _ := strings.Cut(entity, "-")
		dash := strings.LastIndex(name, "-")
		if kind == "unit" && dash > 0 {
			return authz.Speaks(g, agent, name[:dash]+"/"+name[dash+1:])
		}
		if (kind == "machine" || entity == "agent-"+agent) && len(g.AgentApps(agent)) > 0 {
			return nil
		}
	}
	return errs.E(errs.Denied, "cannot log for %q: it is none of agent %s", entity, agent)
}

// chunkSize is the size of one part of a charm, in bytes.
const chunkSize = 256 << 10

// FetchCharm implements the call.
func (s *Service) FetchCharm(req *controllerv1.FetchCharmRequest, out grpc.ServerStreamingServer[controllerv1.Chunk]) error {
	agent := agentOf(out.Context())
	may := false
	s.cfg.Mirror.Read(func(state *model.State) {
		may = authz.AgentMayRead(state.Model(req.GetModel()), agent, key.Named(key.Charm, req.GetDigest()))
	})
	if !may && !s.commands.lends(agent, req.GetDigest()) {
		return errs.E(errs.Denied, "cannot fetch charm %q: no application of agent %s's units uses it", req.GetDigest(), agent)
	}
	file, err := s.cfg.OpenCharm(req.GetDigest())
	if err != nil {
		return err
	}
	return send(file, out, "charm "+req.GetDigest())
}

// FetchResource implements the call. What a unit may read is what its application has.
func (s *Service) FetchResource(req *controllerv1.FetchResourceRequest, out grpc.ServerStreamingServer[controllerv1.Chunk]) error {
	var rec *controllerv1.ResourceRecord
	var err error
	s.cfg.Mirror.Read(func(state *model.State) {
		g := state.Model(req.GetModel())
		if err = authz.Speaks(g, agentOf(out.Context()), req.GetUnit()); err == nil {
			app, _ := g.App(key.AppOf(req.GetUnit()))
			rec = app.GetResourceRecords()[req.GetName()]
		}
	})
	switch {
	case err != nil:
		return err
	case rec.GetDigest() == "" || s.cfg.OpenResource == nil:
		return errs.E(errs.NotFound, "resource#%s/%s not found", key.AppOf(req.GetUnit()), req.GetName())
	}
	file, err := s.cfg.OpenResource(rec)
	if err != nil {
		return err
	}
	return send(file, out, "resource "+req.GetName())
}

// send streams a file and closes it.
func send(file io.ReadCloser, out grpc.ServerStreamingServer[controllerv1.Chunk], what string) error {
	defer file.Close()
	for {
		buffer := make([]byte, chunkSize) // sent messages must not be reused
		n, err := io.ReadFull(file, buffer)
		if n > 0 {
			if sendErr := out.Send(&controllerv1.Chunk{Data: buffer[:n]}); sendErr != nil {
				return sendErr
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return errs.E(errs.Internal, "cannot read %s: %w", what, err)
		}
	}
}

// ReadBag implements the call. A bag that was never written is empty, of version 0.
func (s *Service) ReadBag(ctx context.Context, req *controllerv1.ReadBagRequest) (*controllerv1.Bag, error) {
	k := key.AppBag(req.GetRelationId(), req.GetOwner())
	if key.AppOf(req.GetOwner()) != "" {
		k = key.UnitBag(req.GetRelationId(), req.GetOwner())
	}
	bag := &controllerv1.Bag{}
	var err error
	s.cfg.Mirror.Read(func(state *model.State) {
		g := state.Model(req.GetModel())
		if err = authz.Speaks(g, agentOf(ctx), req.GetReader()); err != nil {
			return
		}
		if !authz.MayRead(g, req.GetReader(), k) {
			err = errs.E(errs.Denied, "cannot read databag %s: unit %s has no right to it", k, req.GetReader())
			return
		}
		if found, _ := model.Get[*controllerv1.Bag](g, k); found != nil {
			bag = found
		}
	})
	return bag, err
}

// GoalState implements the call. Names and statuses of units are no secret to those related to them.
func (s *Service) GoalState(ctx context.Context, req *controllerv1.GoalStateRequest) (*hookv1.GoalState, error) {
	var goal *hookv1.GoalState
	var err error
	s.cfg.Mirror.Read(func(state *model.State) {
		g := state.Model(req.GetModel())
		if err = authz.Speaks(g, agentOf(ctx), req.GetUnit()); err == nil {
			goal = g.Goal(req.GetUnit())
		}
	})
	return goal, err
}

// FetchStateFiles implements the call: the record and its pieces, of one revision.
func (s *Service) FetchStateFiles(ctx context.Context, req *controllerv1.FetchStateFilesRequest) (*controllerv1.StateFiles, error) {
	var err error
	s.cfg.Mirror.Read(func(state *model.State) { err = authz.Speaks(state.Model(req.GetModel()), agentOf(ctx), req.GetUnit()) })
	if err != nil {
		return nil, err
	}
	k := key.OfUnit(key.StateFiles, req.GetUnit())
	found, err := s.cfg.Store.Range(ctx, store.In(req.GetModel(), k), store.RangeOptions{})
	if err != nil || len(found.KVs) == 0 {
		return &controllerv1.StateFiles{}, err
	}
	set := &controllerv1.StateFiles{}
	if err := proto.Unmarshal(found.KVs[0].Value, set); err != nil {
		return nil, errs.E(errs.Internal, "cannot read record %s: %w", k, err)
	}
	for _, f := range set.GetFiles() {
		if err := s.pieces(ctx, req, f, found.Revision); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// pieces reads one state file's content at a revision.
func (s *Service) pieces(ctx context.Context, req *controllerv1.FetchStateFilesRequest, f *controllerv1.StateFile, revision int64) error {
	if f.GetOnDisk() {
		return nil
	}
	for i := range f.GetSums() {
		k := key.FileOf(req.GetUnit(), f.GetName(), uint32(i))
		found, err := s.cfg.Store.Range(ctx, store.In(req.GetModel(), k), store.RangeOptions{Revision: revision})
		if err != nil {
			return err
		}
		piece := &controllerv1.StatePiece{}
		if len(found.KVs) == 0 || proto.Unmarshal(found.KVs[0].Value, piece) != nil {
			return errs.E(errs.Internal, "cannot read record %s: it is not there, or damaged", k)
		}
		f.Pieces = append(f.Pieces, piece)
	}
	return nil
}

// EnqueueExec implements the call.
func (s *Service) EnqueueExec(ctx context.Context, req *controllerv1.EnqueueExecRequest) (*controllerv1.EnqueueExecResponse, error) {
	task, err := s.cfg.Commits.EnqueueExec(ctx, agentOf(ctx), req)
	return &controllerv1.EnqueueExecResponse{Task: task}, err
}
