package agents

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Watch implements the call.
func (s *Service) Watch(req *controllerv1.WatchRequest, out grpc.ServerStreamingServer[controllerv1.Delta]) error {
	agent := agentOf(out.Context())
	if req.GetIncarnation() == "" {
		return errs.E(errs.Invalid, "cannot watch: the incarnation of the agent's process is missing")
	}
	ctx, leave := s.cfg.Presence.enter(out.Context(), agent, req.GetIncarnation())
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.takeOver(ctx, agent, req); err != nil {
		return err
	}
	sub, err := s.cfg.Mirror.Subscribe(ctx, agent, req.GetResumeRevision(), req.GetEpoch())
	if err != nil {
		return err
	}
	defer sub.Close()
	defer s.commands.enter(agent, sub.Tell)()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		delta, err := sub.Next(ctx)
		if err != nil {
			return s.why(ctx, err)
		}
		if s.strayed(agent, req, delta) {
			if err := s.takeOver(ctx, agent, req); err != nil {
				return err
			}
		}
		if err := out.Send(delta); err != nil {
			return err
		}
	}
}

// strayed says whether the agent was just given a unit under an incarnation that ended meanwhile: whoever placed the unit
// read the agent's record before this process came.
func (s *Service) strayed(agent string, req *controllerv1.WatchRequest, delta *controllerv1.Delta) bool {
	for _, o := range delta.GetObjects() {
		if inc := o.GetIncarnation(); inc.GetAgent() != agent || inc.GetId() == req.GetIncarnation() {
			continue
		}
		ours := false
		s.cfg.Mirror.Read(func(state *model.State) {
			known := state.Agent(agent)
			ours = known != nil && known.Record.GetIncarnation() == req.GetIncarnation()
		})
		return ours
	}
	return false
}

// why says why a watch ended.
func (s *Service) why(ctx context.Context, err error) error {
	select {
	case <-s.stop:
		return errs.E(errs.Unavailable, "cannot watch any longer: the controller stops; connect again")
	default:
	}
	if cause := context.Cause(ctx); errs.Is(cause, errs.Conflict) {
		return cause
	}
	return err
}

// takeChunk is how many units one transaction takes over.
const takeChunk = 1000

// takeOver makes the process that watches the one that speaks for the agent's units: their incarnations become its own,
// so that a commit of an older process is refused. Nothing is written when they are already.
func (s *Service) takeOver(ctx context.Context, agent string, req *controllerv1.WatchRequest) error {
	for range 100 {
		compares, ops, err := s.owed(agent, req)
		if err != nil || len(ops) == 0 {
			return err
		}
		result, err := s.cfg.Store.Txn(ctx, compares, ops, nil)
		if err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, time.Second)
		err = s.cfg.Mirror.WaitRevision(wait, result.Revision) // also when refused: what moved is in the mirror then
		cancel()
		if err != nil && (result.Succeeded || ctx.Err() != nil) {
			return err
		}
	}
	return errs.E(errs.Unavailable, "cannot take over the units of agent %s: they keep changing; connect again", agent)
}

// owed lists what a take-over still has to write, at most a chunk.
func (s *Service) owed(agent string, req *controllerv1.WatchRequest) (compares []store.Compare, ops []store.Op, err error) {
	put := func(k string, mod int64, m proto.Message) {
		value, encodeErr := model.Encode(m)
		if encodeErr != nil {
			err = errs.With(errs.Internal, encodeErr)
		}
		compares, ops = append(compares, store.ModIs(k, mod)), append(ops, store.Put(k, value))
	}
	s.cfg.Mirror.Read(func(state *model.State) {
		known := state.Agent(agent)
		if known == nil {
			err = errs.E(errs.Unavailable, "cannot watch: the controller does not know agent %s yet; connect again", agent)
			return
		}
		if known.Record.Incarnation != req.GetIncarnation() || known.Record.Version != req.GetVersion() {
			record := proto.CloneOf(known.Record)
			record.Incarnation, record.Version = req.GetIncarnation(), req.GetVersion()
			put(store.AgentKey(agent), known.Mod, record)
		}
		for _, g := range state.Models() {
			for _, unit := range g.AgentUnits(agent) {
				k := key.OfUnit(key.Incarnation, unit)
				inc, mod := model.Get[*controllerv1.Incarnation](g, k)
				if u, _ := g.Unit(unit); len(ops) >= takeChunk || u.Life == controllerv1.Life_LIFE_DEAD || inc.GetId() == req.GetIncarnation() && inc.GetAgent() == agent {
					continue
				}
				put(store.In(g.UUID, k), mod, &controllerv1.Incarnation{Id: req.GetIncarnation(), Agent: agent})
			}
		}
	})
	return compares, ops, err
}
