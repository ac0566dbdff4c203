// Package leadership elects a leader for each application and renews what its agent asks for. A leader is a key bound to
// a lease; the key's create revision is the term that fences every write of the leader.
package leadership

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Seconds is the length of a lease unless Config says otherwise.
const Seconds = 60

// Mirror is the store in memory: watch.Mirror.
type Mirror interface {
	Read(look func(*model.State))
	Notify() (wake <-chan struct{}, stop func())
	WaitRevision(ctx context.Context, revision int64) error
}

// Presence knows which agents are connected.
type Presence interface {
	Connected(agent string) bool
	// Notify is filled when an agent connected.
	Notify() (wake <-chan struct{}, stop func())
}

// Config says between whom to elect.
type Config struct {
	Store    store.Store
	Leases   store.Leases
	Mirror   Mirror
	Presence Presence
	// Seconds is the length of a lease, and of the promise that a renewal gives; default Seconds.
	Seconds int64
	Log     *slog.Logger
}

// Elections runs them.
type Elections struct {
	cfg Config
}

// New makes Elections.
func New(c Config) *Elections {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Seconds == 0 {
		c.Seconds = Seconds
	}
	return &Elections{cfg: c}
}

// Run elects until ctx ends, whenever the store moved on or an agent connected. Several controllers may run one each.
func (e *Elections) Run(ctx context.Context) error {
	moved, stopMoved := e.cfg.Mirror.Notify()
	defer stopMoved()
	came, stopCame := e.cfg.Presence.Notify()
	defer stopCame()
	for {
		if err := e.Elect(ctx); err != nil && ctx.Err() == nil {
			e.cfg.Log.Warn("cannot elect leaders; trying again", "error", err)
			pause(ctx, time.Second)
			continue
		}
		pause(ctx, rest)
		select {
		case <-moved:
		case <-came:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest keeps elections from looking at every revision of a busy store.
const rest = 10 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// seat is one application without a leader, or with one that is gone.
type seat struct {
	model, app, unit string
	unitMod          int64 // the candidate's record
	gone             int64 // revision of the lead of a unit that is dead or gone; 0 = there is none
	lease            int64 // of that lead
	epoch            string
}

// Elect looks once at every application and fills the seats that are empty.
func (e *Elections) Elect(ctx context.Context) error {
	var seats []seat
	e.cfg.Mirror.Read(func(s *model.State) {
		for _, g := range s.Models() {
			for _, app := range g.Apps() {
				if st, empty := e.look(g, app); empty {
					st.epoch = s.Epoch
					seats = append(seats, st)
				}
			}
		}
	})
	for _, s := range seats {
		if err := e.fill(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// look says whether an application needs a leader and who it would be: its lowest living unit whose agent is connected. A
// leader that is dead has said so itself. One whose record is gone was forced to go, and its agent may live on somewhere
// with a promise: its lease must run out.
func (e *Elections) look(g *model.Graph, app string) (seat, bool) {
	s := seat{model: g.UUID, app: app}
	if entry := g.Entry(key.OfApp(key.Lead, app).String()); entry != nil {
		u, _ := g.Unit(entry.Value.(*controllerv1.Lead).GetUnit())
		if u != nil && u.Life != controllerv1.Life_LIFE_DEAD || u == nil && entry.Lease != 0 {
			return seat{}, false
		}
		s.gone, s.lease = entry.Mod, entry.Lease
	}
	for _, unit := range g.Units(app) {
		u, mod := g.Unit(unit)
		if u.Life == controllerv1.Life_LIFE_ALIVE && u.Agent != "" && e.cfg.Presence.Connected(u.Agent) {
			s.unit, s.unitMod = unit, mod
			break
		}
	}
	return s, s.unit != "" || s.gone != 0
}

// fill ends the leadership of who is gone and gives it to the candidate. Another controller may be faster: then nothing
// is written.
func (e *Elections) fill(ctx context.Context, s seat) error {
	lead := store.In(s.model, key.OfApp(key.Lead, s.app))
	if s.gone != 0 {
		result, err := e.cfg.Store.Txn(ctx, []store.Compare{store.ModIs(lead, s.gone)}, []store.Op{store.Delete(lead)}, nil)
		if err != nil || !result.Succeeded {
			return err
		}
		if err := e.cfg.Leases.Revoke(ctx, store.LeaseID(s.lease)); err != nil {
			e.cfg.Log.Debug("cannot end the lease of a leader that is gone", "error", err)
		}
	}
	if s.unit == "" {
		return nil
	}
	lease, err := e.cfg.Leases.Grant(ctx, e.cfg.Seconds)
	if err != nil {
		return err
	}
	value, err := model.Encode(&controllerv1.Lead{Unit: s.unit})
	if err != nil {
		return errs.With(errs.Internal, err)
	}
	result, err := e.cfg.Store.Txn(ctx, []store.Compare{
		store.Missing(lead), store.ModIs(store.In(s.model, key.OfUnit(key.Unit, s.unit)), s.unitMod), store.ValueIs(store.EpochKey, []byte(s.epoch)),
	}, []store.Op{store.PutLeased(lead, value, lease)}, nil)
	if err == nil && result.Succeeded {
		e.cfg.Log.Info("elected", "unit", s.unit, "term", result.Revision)
		return e.cfg.Mirror.WaitRevision(ctx, result.Revision)
	}
	if revokeErr := e.cfg.Leases.Revoke(ctx, lease); revokeErr != nil {
		e.cfg.Log.Debug("cannot end an unused lease", "error", revokeErr)
	}
	return err
}

// Depose ends a unit's leadership at once. It is only for who knows that no process of the unit is left anywhere: a promise
// that was given cannot be taken back. A unit that does not lead is left alone.
func (e *Elections) Depose(ctx context.Context, uuid, unit string) error {
	lease := int64(0)
	e.cfg.Mirror.Read(func(s *model.State) {
		entry := s.Model(uuid).Entry(key.OfApp(key.Lead, key.AppOf(unit)).String())
		if entry != nil && entry.Value.(*controllerv1.Lead).GetUnit() == unit {
			lease = entry.Lease
		}
	})
	if lease == 0 {
		return nil
	}
	// The key goes with its lease, in one step: no renewal comes between.
	if err := e.cfg.Leases.Revoke(ctx, store.LeaseID(lease)); err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	e.cfg.Log.Info("deposed", "unit", unit)
	return nil
}

// renewals is how many leases of one call are renewed at a time.
const renewals = 16

// Lead renews leadership for an agent's units; only this renews. The promises are in the order of the terms; 0 seconds
// means that the unit does not lead. They count from before the request was sent.
func (e *Elections) Lead(ctx context.Context, agent string, req *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error) {
	if len(req.GetTerms()) > 10_000 {
		return nil, errs.E(errs.Exhausted, "cannot renew %d leaderships in one call: at most 10000", len(req.GetTerms()))
	}
	resp := &controllerv1.LeadResponse{Promises: make([]*controllerv1.LeadPromise, len(req.GetTerms()))}
	var wg sync.WaitGroup
	slots := make(chan struct{}, renewals)
	for i, t := range req.GetTerms() {
		resp.Promises[i] = &controllerv1.LeadPromise{}
		lease := e.holds(agent, t)
		if lease == 0 {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			seconds, err := e.cfg.Leases.KeepAlive(ctx, store.LeaseID(lease))
			if err == nil && seconds > 0 {
				resp.Promises[i] = &controllerv1.LeadPromise{Seconds: float64(min(seconds, e.cfg.Seconds)), Term: t.GetTerm()}
			}
		})
	}
	wg.Wait()
	return resp, ctx.Err()
}

// holds gives the lease of the term if the agent's unit holds it; 0 if it does not.
func (e *Elections) holds(agent string, t *controllerv1.LeadTerm) (lease int64) {
	e.cfg.Mirror.Read(func(s *model.State) {
		g := s.Model(t.GetModel())
		if authz.Speaks(g, agent, t.GetUnit()) != nil || key.AppOf(t.GetUnit()) != t.GetApplication() {
			return
		}
		entry := g.Entry(key.OfApp(key.Lead, t.GetApplication()).String())
		if entry != nil && entry.Create == t.GetTerm() && entry.Value.(*controllerv1.Lead).GetUnit() == t.GetUnit() {
			lease = entry.Lease
		}
	})
	return lease
}
