package local

import (
	"context"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Adopt takes over what an earlier life left. What died meanwhile, as all does
// when the machine is started anew, is started again by the next Ensure.
func (s *Substrate) Adopt(ctx context.Context) (*substratev1.AdoptResponse, error) {
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &substratev1.AdoptResponse{}
	for _, k := range s.keepers {
		answer.Units = append(answer.Units, &substratev1.Adopted{ModelUuid: k.model, Unit: k.unit, ProviderId: k.record().ProviderID})
	}
	slices.SortFunc(answer.Units, func(a, b *substratev1.Adopted) int {
		if a.GetProviderId() < b.GetProviderId() {
			return -1
		}
		return 1
	})
	return answer, nil
}

// Ensure accepts a spec; the keepers of its units make it so.
func (s *Substrate) Ensure(ctx context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	spec := req.GetSpec()
	if err := checkNames(spec); err != nil {
		return nil, err
	}
	lay, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return nil, errs.E(errs.Unavailable, "cannot ensure %s: the substrate is being closed", spec.GetApplication())
	}
	app := appKey(spec.GetModelUuid(), spec.GetApplication())
	if req.GetRevision() < s.revisions[app] {
		return &substratev1.EnsureResponse{}, nil
	}
	if k := s.foreign(spec); k != nil {
		return nil, errs.E(errs.AlreadyExists, "cannot place %s: directory %s belongs to model %s, whose uuid begins alike; remove that model first",
			spec.GetApplication(), lay.modelDir(k.model), k.model)
	}
	s.revisions[app] = req.GetRevision()
	named := map[string]bool{}
	for i, u := range spec.GetUnits() {
		key := unitKey(spec.GetModelUuid(), u.GetName())
		named[key] = true
		rec := lay.wanted(spec, u, req.GetRevision())
		k := s.keepers[key]
		switch {
		case k == nil:
			s.keep(rec, want{rec: rec})
		case i == 0 || !k.wants(rec): // the first one's record has the revision for the next life; thousands need not
			k.set(want{rec: rec})
		}
	}
	for key, k := range s.keepers {
		if k.model == spec.GetModelUuid() && k.app == spec.GetApplication() && !named[key] {
			k.set(want{ending: true})
		}
	}
	return &substratev1.EnsureResponse{Accepted: true}, nil
}

// foreign finds a unit of another model in the directory of the spec's.
func (s *Substrate) foreign(spec *substratev1.ApplicationSpec) *keeper {
	for _, k := range s.keepers {
		if k.model != spec.GetModelUuid() && model8(k.model) == model8(spec.GetModelUuid()) {
			return k
		}
	}
	return nil
}

// Observe streams what is.
func (s *Substrate) Observe(ctx context.Context, req *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error {
	if _, err := s.begin(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	return s.hub.observe(ctx, req.GetModelUuid(), send)
}

const defaultRemoveTime = time.Minute

// Remove ends units and waits for it. When the time is up it says what blocks;
// the end itself goes on.
func (s *Substrate) Remove(ctx context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	lay, err := s.begin(ctx)
	if err != nil {
		return err
	}
	limit := defaultRemoveTime
	if ms := req.GetTimeoutMs(); ms > 0 {
		limit = time.Duration(ms) * time.Millisecond
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	if req.GetStorage() != "" {
		return s.removeStorage(waiting, lay, req, send)
	}
	going := s.doom(req)
	for _, k := range going {
		if err := send(&substratev1.RemoveProgress{Object: k.unit, State: "removing"}); err != nil {
			return err
		}
	}
	blocked := false
	for _, k := range going {
		p := &substratev1.RemoveProgress{Object: k.unit, State: "removed"}
		select {
		case <-k.gone:
		case <-waiting.Done():
			p.State, p.Blocking, blocked = "blocked", k.blocks(), true
		}
		if err := send(p); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if req.GetDestroyStorage() && !blocked {
		if err := lay.destroyStorage(req.GetModelUuid(), req.GetApplication(), req.GetUnit()); err != nil {
			return errs.With(errs.Unavailable, err)
		}
	}
	if req.GetUnit() == "" && !blocked {
		s.mu.Lock()
		delete(s.revisions, appKey(req.GetModelUuid(), req.GetApplication()))
		s.mu.Unlock()
		return send(&substratev1.RemoveProgress{Object: req.GetApplication(), State: "removed"})
	}
	return nil
}

// doom marks what the request names.
func (s *Substrate) doom(req *substratev1.RemoveRequest) []*keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*keeper
	for _, k := range s.keepers {
		if k.model != req.GetModelUuid() || k.app != req.GetApplication() || req.GetUnit() != "" && k.unit != req.GetUnit() {
			continue
		}
		k.set(want{ending: true, destroyStorage: req.GetDestroyStorage()})
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *keeper) int {
		if a.unit < b.unit {
			return -1
		}
		return 1
	})
	return list
}

// blocks says what the end of the unit waits for.
func (k *keeper) blocks() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.failure != "":
		return k.failure
	case k.blocking != "":
		return k.blocking
	}
	return "its supervisors are being stopped"
}
