package reference

import (
	"context"
	"os"
	"sync/atomic"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Fault is a planted mistake; the suite must find each of them.
type Fault string

// The faults. The zero Fault is none.
const (
	AnySetting       Fault = "unknown settings are accepted"
	AnyRevision      Fault = "an older revision is accepted"
	EndsDraining     Fault = "a draining unit is ended"
	SharesModels     Fault = "a unit's name is its key in all models"
	StartsTwice      Fault = "ensuring again starts the containers again"
	NeverSynced      Fault = "the end of the first listing is not told"
	DropsLast        Fault = "a slow observer misses what happened meanwhile"
	ConfirmsEarly    Fault = "a unit is told to be gone before its processes are"
	EarlyEnvironment Fault = "a unit without place has an empty environment"
	WatchesOnce      Fault = "a container that comes up again is not told"
	AdoptsNothing    Fault = "what an earlier life left is not found"
	OwnPlacesOnly    Fault = "the unit's side knows only what its own process has placed"
	KeepsStorage     Fault = "storage that a running unit is given or loses is not told"
	SharesStorage    Fault = "a unit's end takes its storage along"
	RemovesAll       Fault = "removing one storage removes all"
	RebootsInSilence Fault = "a reboot is not told"
	SameBoot         Fault = "after a reboot the boot id is the same"
	RebootsAnyway    Fault = "a unit without place can be rebooted"
)

// Faults lists all of them.
func Faults() []Fault {
	return []Fault{AnySetting, AnyRevision, EndsDraining, SharesModels, StartsTwice, NeverSynced, DropsLast, ConfirmsEarly,
		EarlyEnvironment, WatchesOnce, AdoptsNothing, OwnPlacesOnly, KeepsStorage, SharesStorage, RemovesAll, RebootsInSilence, SameBoot, RebootsAnyway,
		NeverEndsUnits, NoEnvironment, MixesUnits}
}

// Substrate is one life of the reference; it is both sides of the contract.
type Substrate struct {
	world    *World
	fault    Fault
	provides atomic.Bool // it was asked to adopt or to ensure
}

// New makes a life in a world.
func New(world *World, fault Fault) *Substrate { return &Substrate{world: world, fault: fault} }

// Info names the substrate.
func (s *Substrate) Info(context.Context) (*substratev1.InfoResponse, error) {
	return &substratev1.InfoResponse{Name: "reference", Version: "1", Agents: "shared", Capabilities: []string{"scale", "storage", "confirm-gone"}}, nil
}

// Configure has no settings.
func (s *Substrate) Configure(_ context.Context, req *substratev1.ConfigureRequest) error {
	for name := range req.GetSettings() {
		if s.fault != AnySetting {
			return errs.E(errs.Invalid, "cannot configure the reference substrate: it has no setting %q, and no other", name)
		}
	}
	return nil
}

// Validate finds roots that are not there.
func (s *Substrate) Validate(_ context.Context, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	var found []*substratev1.Diagnostic
	for _, c := range spec.GetContainers() {
		if c.GetRoot() == "" {
			continue
		}
		if _, err := os.Stat(c.GetRoot()); err != nil {
			found = append(found, &substratev1.Diagnostic{Severity: "error", Key: "containers." + c.GetName(), Message: err.Error(), Hint: "name a directory that is there"})
		}
	}
	return found, nil
}

// Adopt lists what runs.
func (s *Substrate) Adopt(context.Context) (*substratev1.AdoptResponse, error) {
	s.provides.Store(true)
	answer := &substratev1.AdoptResponse{}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for _, u := range s.world.units {
		if u.phase == "running" && s.fault != AdoptsNothing {
			answer.Units = append(answer.Units, &substratev1.Adopted{ModelUuid: u.model, Unit: u.name, ProviderId: u.id})
		}
	}
	return answer, nil
}

func (s *Substrate) key(model, unit string) string {
	if s.fault == SharesModels {
		return unit
	}
	return model + " " + unit
}

// Ensure converges before it returns, which a real substrate need not.
func (s *Substrate) Ensure(_ context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	s.provides.Store(true)
	spec, w := req.GetSpec(), s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	app := spec.GetModelUuid() + " " + spec.GetApplication()
	if req.GetRevision() < w.revisions[app] && s.fault != AnyRevision {
		return &substratev1.EnsureResponse{}, nil
	}
	w.revisions[app] = req.GetRevision()
	wanted := map[string]bool{}
	for _, u := range spec.GetUnits() {
		key := s.key(spec.GetModelUuid(), u.GetName())
		wanted[key] = !u.GetDraining() || s.fault != EndsDraining
		if !wanted[key] {
			continue
		}
		if err := w.place(key, spec, u); err != nil {
			return nil, err
		}
		if s.fault == StartsTwice {
			for _, c := range w.units[key].containers {
				c.stop()
				if err := c.start(); err != nil {
					return nil, err
				}
			}
		}
	}
	s.end(spec.GetModelUuid(), spec.GetApplication(), wanted)
	w.tell()
	return &substratev1.EnsureResponse{Accepted: true}, nil
}

// end ends the units of an application that are not wanted.
func (s *Substrate) end(model, app string, wanted map[string]bool) (ended []string) {
	for key, u := range s.world.units {
		if u.model != model || u.app != app || wanted[key] || u.phase == "gone" {
			continue
		}
		ended = append(ended, u.name)
		for _, id := range u.had {
			if s.fault == SharesStorage {
				_ = os.RemoveAll(s.world.dir(u.model, id)) // as far as it goes
			}
		}
		if s.fault == ConfirmsEarly && u.phase == "running" {
			u.phase, u.confirmed = "gone", true
			u.version++
			continue
		}
		u.end()
	}
	return ended
}

// Remove ends an application or one of its units.
func (s *Substrate) Remove(_ context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	w := s.world
	w.mu.Lock()
	if req.GetStorage() != "" {
		defer w.mu.Unlock()
		return w.destroy(req, s.fault)
	}
	wanted := map[string]bool{}
	for key, u := range w.units {
		wanted[key] = req.GetUnit() != "" && u.name != req.GetUnit()
	}
	ended := s.end(req.GetModelUuid(), req.GetApplication(), wanted)
	w.tell()
	w.mu.Unlock()
	for _, name := range ended {
		if err := send(&substratev1.RemoveProgress{Object: name, State: "removed"}); err != nil {
			return err
		}
	}
	return nil
}

// Observe sends what changed since it last looked: a slow reader misses states
// between, never the last.
func (s *Substrate) Observe(ctx context.Context, req *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error {
	told := map[*unit]int{}
	for first := true; ; first = false {
		news, changed := s.news(req.GetModelUuid(), told)
		if first && s.fault != NeverSynced {
			news = append(news, &substratev1.Observation{Synced: true})
		}
		for _, o := range news {
			if err := send(o); err != nil {
				return err
			}
		}
		if s.fault == DropsLast {
			_, changed = s.news(req.GetModelUuid(), told)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errs.With(errs.Canceled, context.Cause(ctx))
		}
	}
}

// news lists what was not told yet and what to wait for.
func (s *Substrate) news(model string, told map[*unit]int) ([]*substratev1.Observation, <-chan struct{}) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	var news []*substratev1.Observation
	for _, u := range s.world.units {
		if model != "" && u.model != model || told[u] == u.version {
			continue
		}
		told[u] = u.version
		news = append(news, &substratev1.Observation{
			ModelUuid: u.model, Application: u.app, Unit: u.name, ProviderId: u.id, Addresses: []string{"127.0.0.1"},
			Phase: u.phase, Ready: u.phase == "running", SinceUnixNano: u.since.UnixNano(), GoneConfirmed: u.confirmed,
		})
	}
	return news, s.world.changed
}

// UnitInfo names the substrate.
func (s *Substrate) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) {
	return s.Info(ctx)
}

// Environment says what a unit finds.
func (s *Substrate) Environment(_ context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	u := s.world.units[s.key(req.GetModelUuid(), req.GetUnit())]
	if s.fault == OwnPlacesOnly && !s.provides.Load() {
		u = nil
	}
	switch {
	case (u == nil || u.phase == "gone") && s.fault == EarlyEnvironment:
		return &substratev1.EnvironmentResponse{}, nil
	case u == nil || u.phase == "gone":
		return nil, errs.E(errs.NotFound, "cannot describe the environment of %s: the unit has no place", req.GetUnit())
	}
	answer := &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, Storage: u.storage, BootId: s.world.boot()}
	for _, c := range u.containers {
		answer.Containers = append(answer.Containers, &substratev1.UnitContainer{Name: c.name, Socket: c.socket})
	}
	return answer, nil
}

// Watch tells every container that came up since it last looked.
func (s *Substrate) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	told, mounts, boot := map[string]string{}, map[string]*substratev1.StorageMount{}, ""
	for {
		if now := s.rebooted(); now != boot {
			if boot != "" && s.fault != RebootsInSilence {
				if err := send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_Rebooted{Rebooted: &substratev1.Rebooted{BootId: now}}}); err != nil {
					return err
				}
			}
			boot = now
		}
		ups, changed := s.ups(s.key(req.GetModelUuid(), req.GetUnit()), told)
		for _, news := range s.mounted(s.key(req.GetModelUuid(), req.GetUnit()), mounts) {
			if err := send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_Storage{Storage: news}}); err != nil {
				return err
			}
		}
		for _, up := range ups {
			if err := send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: up}}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errs.With(errs.Canceled, context.Cause(ctx))
		}
	}
}

// ups lists the containers that came up and were not told, and what to wait for.
func (s *Substrate) ups(key string, told map[string]string) ([]*substratev1.ContainerUp, <-chan struct{}) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	var ups []*substratev1.ContainerUp
	if u := s.world.units[key]; u != nil && u.phase == "running" {
		for _, c := range u.containers {
			if told[c.name] == c.boot || s.fault == WatchesOnce && told[c.name] != "" {
				continue
			}
			told[c.name] = c.boot
			ups = append(ups, &substratev1.ContainerUp{Name: c.name, BootId: c.boot, Socket: c.socket})
		}
	}
	return ups, s.world.changed
}
