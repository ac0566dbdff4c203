package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// AddModel makes an empty model.
func (s *Service) AddModel(ctx context.Context, req *connect.Request[clientv1.AddModelRequest]) (*connect.Response[clientv1.AddModelResponse], error) {
	in := req.Msg
	if !api.ValidModel(in.GetName()) {
		return nil, errs.E(errs.Invalid, "cannot add model %q: a name has lower case letters, digits and hyphens, begins with a letter or digit, and is at most 63 long", in.GetName())
	}
	if err := checkModelConfig(in.GetConfig(), nil); err != nil {
		return nil, err
	}
	substrate := in.GetSubstrate()
	if substrate == "" {
		substrate = s.cfg.Info().GetSubstrate()
	}
	if ok, all := s.cfg.Places.Known(substrate); !ok {
		return nil, errs.E(errs.NotFound, "cannot add model %q: there is no substrate %q; known: %s", in.GetName(), substrate, strings.Join(all, ", "))
	}
	uuid := newUUID()
	var model *controllerv1.Model
	_, err := s.write(ctx, func(e *edit) error {
		for _, m := range s.cfg.Mirror.Models() {
			if m.GetName() == in.GetName() {
				return errs.E(errs.AlreadyExists, "cannot add model %q: a model of that name exists", in.GetName())
			}
		}
		model = &controllerv1.Model{Uuid: uuid, Name: in.GetName(), Life: controllerv1.Life_LIFE_ALIVE, Substrate: substrate,
			Config: in.GetConfig(), Created: e.stamp(), Owner: "admin"}
		e.put(store.ModelKey(uuid), 0, model)
		e.text(store.ModelNameKey(in.GetName()), 0, uuid)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.AddModelResponse{Model: model}), nil
}

// newUUID is a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ListModels lists models by name.
func (s *Service) ListModels(context.Context, *connect.Request[clientv1.ListModelsRequest]) (*connect.Response[clientv1.ListModelsResponse], error) {
	resp := &clientv1.ListModelsResponse{}
	for _, rec := range s.cfg.Mirror.Models() {
		m, ok := s.cfg.Mirror.Model(rec.GetUuid())
		if !ok {
			continue
		}
		resp.Models = append(resp.Models, &clientv1.ModelSummary{
			Model: rec, Applications: int32(len(m.Applications)), Units: int32(len(m.Units)), Status: modelStatus(rec),
		})
	}
	slices.SortFunc(resp.Models, func(a, b *clientv1.ModelSummary) int {
		return cmp.Compare(a.GetModel().GetName(), b.GetModel().GetName())
	})
	return connect.NewResponse(resp), nil
}

func modelStatus(m *controllerv1.Model) string {
	if m.GetLife() == controllerv1.Life_LIFE_ALIVE {
		return "available"
	}
	return "destroying"
}

// ModelConfig changes settings of a model, if any are named, and gives all.
func (s *Service) ModelConfig(ctx context.Context, req *connect.Request[clientv1.ModelConfigRequest]) (*connect.Response[clientv1.ModelConfigResponse], error) {
	in := req.Msg
	if err := checkModelConfig(in.GetSet(), in.GetReset_()); err != nil {
		return nil, err
	}
	if len(in.GetSet()) > 0 || len(in.GetReset_()) > 0 {
		_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
			next := proto.CloneOf(m.Record.Value)
			next.Config = maps.Clone(next.GetConfig())
			if next.Config == nil {
				next.Config = map[string]string{}
			}
			maps.Copy(next.Config, in.GetSet())
			for _, name := range in.GetReset_() {
				delete(next.Config, name)
			}
			if !maps.Equal(next.GetConfig(), m.Record.Value.GetConfig()) {
				e.put(store.ModelKey(m.UUID), m.Record.Mod, next)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.ModelConfigResponse{Config: effectiveModelConfig(m.Record.Value.GetConfig())}), nil
}

// DestroyModel starts the end of a model and tells how it goes until it is
// gone, the time is up or the caller leaves: the end itself goes on without.
func (s *Service) DestroyModel(ctx context.Context, req *connect.Request[clientv1.DestroyModelRequest], stream *connect.ServerStream[clientv1.Progress]) error {
	in := req.Msg
	m, err := s.model(in.GetModel())
	if err != nil {
		return err
	}
	if len(m.Storage) > 0 && !in.GetDestroyStorage() {
		return errs.E(errs.Conflict, "cannot destroy model %q: it has storage (%s); say --destroy-storage to delete it too",
			m.Record.Value.GetName(), strings.Join(slices.Sorted(maps.Keys(m.Storage)), ", "))
	}
	if err := s.destroyModel(ctx, m.UUID, in.GetForce(), in.GetDestroyStorage()); err != nil {
		return err
	}
	if in.GetTimeoutMs() > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(in.GetTimeoutMs())*time.Millisecond)
		defer cancel()
	}
	return s.followEnd(ctx, m.UUID, stream.Send)
}

// DestroyController ends every model; the process itself is ended by who
// started it.
func (s *Service) DestroyController(ctx context.Context, req *connect.Request[clientv1.DestroyControllerRequest], stream *connect.ServerStream[clientv1.Progress]) error {
	models := s.cfg.Mirror.Models()
	if len(models) > 0 && !req.Msg.GetDestroyAllModels() {
		var names []string
		for _, m := range models {
			names = append(names, m.GetName())
		}
		slices.Sort(names)
		return errs.E(errs.Conflict, "cannot destroy controller: it has models (%s); destroy them, or say --destroy-all-models", strings.Join(names, ", "))
	}
	for _, m := range models {
		if err := s.destroyModel(ctx, m.GetUuid(), false, true); err != nil {
			return err
		}
	}
	for _, m := range models {
		err := s.followEnd(ctx, m.GetUuid(), func(p *clientv1.Progress) error {
			p.Done = false // only the controller's own end is the end
			return stream.Send(p)
		})
		if err != nil {
			return err
		}
	}
	return stream.Send(&clientv1.Progress{Object: "controller", State: "removed", Message: "all models are gone", Done: true})
}
