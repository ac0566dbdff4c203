package clients

import (
	"context"
	"slices"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxReplayed is how many events of a unit one request may have run again.
const maxReplayed = 1000

// Replay has the agents of units run recorded events again, one unit after the other. A unit whose agent cannot answer is
// a problem of that unit when an application was asked for, else the error. Whoever reaches this service is the model's
// admin, so the contents of secrets that an event read are read again for him.
func (s *Service) Replay(ctx context.Context, req *connect.Request[clientv1.ReplayRequest], stream *connect.ServerStream[clientv1.ReplayResponse]) error {
	in := req.Msg
	m, err := s.model(in.GetModel())
	if err != nil {
		return err
	}
	units, err := replayed(m, in)
	if err != nil {
		return err
	}
	if in.GetCharmDigest() != "" && !s.cfg.Blobs.Has(in.GetCharmDigest()) {
		return errs.E(errs.NotFound, "cannot replay with charm %q: the controller has no package of that digest", in.GetCharmDigest())
	}
	for _, unit := range units {
		cmd := &controllerv1.Command{Model: m.UUID, Units: []string{unit}, What: &controllerv1.Command_Replay{Replay: &controllerv1.Replay{
			Event: in.GetEvent(), List: in.GetList(), Events: in.GetEvents(), Charm: in.GetCharmDigest(), Runtime: in.GetRuntime(), Secrets: true}}}
		err := s.ask(ctx, m, unit, cmd, func(part *controllerv1.AnswerRequest) error {
			if part.GetReplay() == nil {
				return nil
			}
			return stream.Send(&clientv1.ReplayResponse{Unit: unit, Answer: part.GetReplay()})
		})
		if err != nil && (in.GetUnit() != "" || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			if err := stream.Send(&clientv1.ReplayResponse{Unit: unit, Problem: err.Error()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask finds the unit's agent.
func (s *Service) ask(ctx context.Context, m *snapshot.Model, unit string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error {
	agent := m.Units[unit].Value.GetAgent()
	if s.cfg.Ask == nil || agent == "" {
		return errs.E(errs.Unavailable, "cannot ask the agent of %s: it has none yet", unit)
	}
	return s.cfg.Ask(ctx, agent, cmd, each)
}

// replayed are the units that a request means.
func replayed(m *snapshot.Model, in *clientv1.ReplayRequest) ([]string, error) {
	switch {
	case (in.GetUnit() == "") == (in.GetApplication() == ""):
		return nil, errs.E(errs.Invalid, "cannot replay: name a unit or an application, and not both")
	case in.GetEvents() < 0 || in.GetEvents() > maxReplayed:
		return nil, errs.E(errs.Invalid, "cannot replay %d events: want a number from 1 to %d", in.GetEvents(), maxReplayed)
	case in.GetEvent() == "" && in.GetEvents() == 0 && !in.GetList():
		return nil, errs.E(errs.Invalid, "cannot replay: say which event, or how many")
	case in.GetApplication() != "":
		if _, err := anyApplication(m, in.GetApplication()); err != nil {
			return nil, err
		}
		units := m.UnitsOf(in.GetApplication())
		slices.SortFunc(units, model.CompareUnits)
		return units, nil
	}
	if err := model.CheckUnitName(in.GetUnit()); err != nil {
		return nil, err
	}
	if !m.Units[in.GetUnit()].Exists() {
		return nil, errs.E(errs.NotFound, "cannot find unit %q in model %q: there is no such unit%s", in.GetUnit(), m.Record.Value.GetName(), unitHint(m, appOf(in.GetUnit())))
	}
	return []string{in.GetUnit()}, nil
}
