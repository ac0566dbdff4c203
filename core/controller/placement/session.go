package placement

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// place names an application or a unit of a model.
type place struct{ model, name string }

// session is what one life of a provider was told and has told.
type session struct {
	w        *worker
	provider substrate.Provider

	told     map[place]*substratev1.ApplicationSpec // accepted
	seen     map[place]*substratev1.Observation     // newest of each unit
	synced   bool
	waiting  bool           // for an agent that a forced unit still has: its end is no write
	stray    map[place]bool // applications that were adopted
	wipe     map[place]bool // applications whose storage goes with them
	removing map[place]bool
	wiped    map[place]bool // units whose storage was removed
	ended    []place        // units whose records go, found by this look

	observed chan *substratev1.Observation
	removed  chan place
	wg       sync.WaitGroup
}

func newSession(w *worker, provider substrate.Provider, adopted []*substratev1.Adopted) *session {
	s := &session{
		w: w, provider: provider, told: map[place]*substratev1.ApplicationSpec{}, seen: map[place]*substratev1.Observation{},
		stray: map[place]bool{}, wipe: map[place]bool{}, removing: map[place]bool{}, wiped: map[place]bool{},
		observed: make(chan *substratev1.Observation, 256), removed: make(chan place),
	}
	for _, a := range adopted {
		s.stray[place{a.GetModelUuid(), appOf(a.GetUnit())}] = true
	}
	return s
}

// end stops everything the session started.
func (s *session) end(cancel context.CancelFunc) {
	cancel()
	s.wg.Wait()
}

// again is how soon something that failed is tried again.
const again = time.Second

// serve brings model and substrate together until the provider dies.
func (s *session) serve(ctx context.Context, done <-chan struct{}) error {
	lost := make(chan error, 1)
	s.wg.Go(func() {
		lost <- s.provider.Observe(ctx, &substratev1.ObserveRequest{}, func(o *substratev1.Observation) error {
			select {
			case s.observed <- o:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return errs.E(errs.Unavailable, "the plugin ended")
		case err := <-lost:
			return errs.E(errs.Unavailable, "cannot observe any more: %w", err)
		case p := <-s.removed:
			delete(s.removing, p)
		case o := <-s.observed:
			s.observe(o)
			for more := len(s.observed); more > 0; more-- {
				s.observe(<-s.observed)
			}
		case <-s.w.wake:
		case <-retry.C:
		}
		s.waiting = false
		began := time.Now()
		if err := s.sync(ctx); err != nil && ctx.Err() == nil {
			s.w.p.cfg.Log.Warn("cannot place units; trying again", "substrate", s.w.name, "error", err)
			retry.Reset(again)
		} else if s.waiting {
			retry.Reset(again)
		}
		if long := rest(began); long > 0 {
			_ = sleep(ctx, long) // the end of ctx is seen above
		}
	}
}

// observe takes in what the substrate saw.
func (s *session) observe(o *substratev1.Observation) {
	if o.GetSynced() {
		s.synced = true
		return
	}
	s.seen[place{o.GetModelUuid(), o.GetUnit()}] = o
}

// sync tells the substrate what changed in the model, and the model what
// changed at the substrate.
func (s *session) sync(ctx context.Context) error {
	wanted := map[place]bool{}
	var failed error
	var writes []write
	for _, rec := range s.w.p.cfg.Reader.Models() {
		if rec.GetSubstrate() != s.w.name {
			continue
		}
		m, ok := s.w.p.cfg.Reader.Model(rec.GetUuid())
		if !ok || !m.Record.Exists() {
			continue
		}
		for name := range m.Applications {
			wanted[place{m.UUID, name}] = true
			if err := s.ensure(ctx, m, name); err != nil {
				failed = err
			}
		}
		for name := range m.Units {
			if err := s.unit(ctx, m, name, &writes); err != nil {
				failed = err
			}
		}
	}
	if err := s.purgeAll(ctx); err != nil {
		failed = err
	}
	if err := s.w.p.writeAll(ctx, writes); err != nil {
		failed = err
	}
	s.drop(ctx, wanted)
	if failed == nil {
		s.storage(ctx) // after the substrate was told which units have what
	}
	return failed
}

// ensure tells the substrate an application's spec if it is another than the
// last one it accepted.
func (s *session) ensure(ctx context.Context, m *snapshot.Model, name string) error {
	at := place{m.UUID, name}
	spec, err := s.w.p.spec(m, name, s.w.name)
	if err != nil {
		return err
	}
	for _, u := range m.UnitsOf(name) {
		s.wipe[at] = s.wipe[at] || m.Units[u].Value.GetDestroyStorage()
	}
	if had := s.told[at]; had != nil && proto.Equal(had, spec) {
		return nil
	}
	answer, err := s.provider.Ensure(ctx, &substratev1.EnsureRequest{Spec: spec, Revision: uint64(m.Revision)})
	if err != nil {
		return fmt.Errorf("cannot place application %q: %w", name, err)
	}
	if answer.GetAccepted() {
		s.told[at] = spec
	}
	return nil
}

// drop ends applications that the model does not have any more.
func (s *session) drop(ctx context.Context, wanted map[place]bool) {
	gone := map[place]bool{}
	for at := range s.told {
		gone[at] = !wanted[at]
	}
	for at := range s.stray {
		gone[at] = !wanted[at]
	}
	for at, is := range gone {
		if !is || s.removing[at] {
			continue
		}
		delete(s.told, at)
		delete(s.stray, at)
		s.removeLater(ctx, at, &substratev1.RemoveRequest{ModelUuid: at.model, Application: at.name, DestroyStorage: s.wipe[at], TimeoutMs: removeTimeout.Milliseconds()})
		for unit := range s.seen {
			if unit.model == at.model && appOf(unit.name) == at.name {
				delete(s.seen, unit)
			}
		}
	}
}

// removeTimeout is how long the end of an application may take.
const removeTimeout = 3 * time.Minute

// removeLater removes beside the session's own work, which goes on meanwhile.
func (s *session) removeLater(ctx context.Context, at place, req *substratev1.RemoveRequest) {
	s.removing[at] = true
	s.wg.Go(func() {
		s.remove(ctx, req)
		select {
		case s.removed <- at:
		case <-ctx.Done():
		}
	})
}

func (s *session) remove(ctx context.Context, req *substratev1.RemoveRequest) {
	log := s.w.p.cfg.Log.With("substrate", s.w.name, "application", req.GetApplication(), "unit", req.GetUnit())
	err := s.provider.Remove(ctx, req, func(p *substratev1.RemoveProgress) error {
		if p.GetBlocking() != "" {
			log.Warn("something blocks the removal", "object", p.GetObject(), "blocking", p.GetBlocking())
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		log.Warn("cannot remove", "error", err)
	}
}

// spec makes an application's spec from a snapshot.
func (p *Placement) spec(m *snapshot.Model, name, substrateName string) (*substratev1.ApplicationSpec, error) {
	app := m.Applications[name].Value
	rec := p.cfg.Reader.Charm(app.GetCharmDigest())
	if rec == nil {
		return nil, errs.E(errs.NotFound, "cannot place application %q: the record of its charm %.12s is missing", name, app.GetCharmDigest())
	}
	if app.GetRuntime() != rec.GetRuntime() {
		rec = proto.CloneOf(rec) // deployed with another runtime than the package asks for
		rec.Runtime = app.GetRuntime()
	}
	ch, err := p.charms.Parse(rec)
	if err != nil {
		return nil, err
	}
	in := SpecInput{Model: m.Record.Value, Application: app, Charm: ch, AgentVersion: p.cfg.AgentVersion, Pools: m.PoolRecords()}
	if p.cfg.Credentials != nil {
		if in.Credentials, err = p.cfg.Credentials(app); err != nil {
			return nil, err
		}
	}
	if p.cfg.Join != nil {
		in.Join = p.cfg.Join(substrateName)
	}
	owned := map[string][]*controllerv1.StorageInstance{}
	for _, st := range m.Storage {
		owned[st.Value.GetOwner()] = append(owned[st.Value.GetOwner()], st.Value)
	}
	for _, u := range m.UnitsOf(name) {
		if !p.ended(m.Units[u].Value) {
			in.Units = append(in.Units, UnitInput{Unit: m.Units[u].Value, Incarnation: m.Incarnations[u].Value.GetId(), Ports: m.Ports[u].Value, Storage: owned[u]})
		}
	}
	return Spec(in), nil
}

// ended says whether a unit needs its place no more: it is dead, or was forced
// to go and nobody is there to run its last hooks.
func (p *Placement) ended(u *controllerv1.Unit) bool {
	return u.GetLife() == controllerv1.Life_LIFE_DEAD ||
		u.GetLife() == controllerv1.Life_LIFE_DYING && u.GetForced() && (u.GetAgent() == "" || !p.cfg.Connected(u.GetAgent()))
}
