// Package commit turns what a unit did into one transaction of the store, or into nothing.
//
// The guard is the unit's state (its cursor) and its incarnation; life is never compared, so a dying unit commits. What
// lies below the cursor and others may write too (databags, statuses, tasks) is merged here and merged again when
// somebody was faster; that never reaches the charm.
package commit

import (
	"context"
	"log/slog"
	"time"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Mirror is the store in memory, as far as commits need it: watch.Mirror.
type Mirror interface {
	Read(look func(*model.State))
	WaitRevision(ctx context.Context, revision int64) error
}

// Config says where commits go.
type Config struct {
	Store  store.Store
	Mirror Mirror
	Now    func() time.Time // default time.Now
	Log    *slog.Logger
	// ParseCharm reads what a charm declares from its record; without it no hook can add storage.
	ParseCharm func(*controllerv1.Charm) (*charm.Charm, error)
}

// Committer writes for units.
type Committer struct {
	cfg   Config
	group *group
}

// New makes a Committer.
func New(c Config) *Committer {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Committer{cfg: c, group: &group{store: c.Store}}
}

// The kinds of a Refusal.
const (
	Conflict = "conflict" // the cursor or the incarnation moved: load and resolve anew
	Denied   = "denied"   // a right is missing: not the leader any more, not its relation
	Invalid  = "invalid"  // the changeset breaks a rule: the hook failed
	Epoch    = "epoch"    // the store began another life: reload everything
)

const (
	mergeTries = 16              // how often what others wrote below the cursor is merged again
	patience   = 5 * time.Second // for the mirror to reach a revision that the agent has seen
)

// Begin records an event with an inverse, or moves a task from pending to running, before the charm runs.
func (c *Committer) Begin(ctx context.Context, agent string, req *controllerv1.BeginRequest) (*controllerv1.CommitResponse, error) {
	return c.write(ctx, agent, intent{guard: req.GetGuard(), id: req.GetCommitId(),
		fill: func(d *draft) *controllerv1.Refusal { return d.begin(req) }})
}

// Commit writes what one event did, and the cursor. The same commit id is written once and answered again.
func (c *Committer) Commit(ctx context.Context, agent string, req *controllerv1.CommitRequest) (*controllerv1.CommitResponse, error) {
	leader := leaderWrites(req.GetDone().GetChangeset())
	numbered := len(req.GetDone().GetChangeset().GetStorageAdd()) > 0
	return c.write(ctx, agent, intent{guard: req.GetGuard(), id: req.GetCommitId(), leader: leader, numbered: numbered,
		fill: func(d *draft) *controllerv1.Refusal { return d.commit(req) }})
}

// intent is a write that a unit wants: what guards it and what fills it in.
type intent struct {
	guard    *controllerv1.Guard
	id       string
	leader   bool // it writes what only the leader may
	numbered bool // it takes numbers of storage, which others take too
	fill     func(*draft) *controllerv1.Refusal
}

// write drafts the transaction from the mirror and sends it; when something below the cursor moved it drafts again from
// what the store answered.
func (c *Committer) write(ctx context.Context, agent string, in intent) (*controllerv1.CommitResponse, error) {
	g, id := in.guard, in.id
	if len(id) < 16 || len(id) > 64 {
		return nil, errs.E(errs.Invalid, "cannot commit for unit %s: want a commit id of 32 hex digits, got %q", g.GetUnit(), id)
	}
	if refusal, err := c.admit(ctx, agent, g); refusal != nil || err != nil {
		return c.refuse(ctx, g, id, refusal, err)
	}
	newer := map[string]*model.Entry{}
	for range mergeTries {
		d := &draft{guard: g, id: id, leader: in.leader, newer: newer, now: c.cfg.Now(), touched: map[string]int{}, merged: map[string]bool{}, derived: map[string]bool{}}
		if in.numbered { // before the mirror is looked at: nobody is to wait for the store while it is held
			if err := c.numbers(ctx, d); err != nil {
				return nil, err
			}
		}
		var refusal *controllerv1.Refusal
		c.cfg.Mirror.Read(func(s *model.State) { refusal = d.make(s, in.fill) })
		if refusal != nil {
			return c.refuse(ctx, g, id, refusal, nil)
		}
		then, err := d.ops()
		if err != nil {
			return c.refuse(ctx, g, id, refuse(Invalid, "", "%v", err), nil)
		}
		crash.At("commit.before-txn")
		result, err := c.group.send(ctx, d.compares(), then, d.asks())
		crash.At("commit.after-txn")
		if err != nil {
			return nil, err
		}
		if result.Succeeded {
			return d.answer(result.Revision), nil
		}
		response, err := c.lost(ctx, d, result)
		if response != nil || err != nil {
			return response, err
		}
	}
	return nil, errs.E(errs.Unavailable, "cannot commit for unit %s: others wrote what it writes %d times in a row; try again", g.GetUnit(), mergeTries)
}

// admit checks who asks and brings the mirror to what the agent has seen.
func (c *Committer) admit(ctx context.Context, agent string, g *controllerv1.Guard) (*controllerv1.Refusal, error) {
	epoch := ""
	c.cfg.Mirror.Read(func(s *model.State) { epoch = s.Epoch })
	if g.GetEpoch() != epoch {
		return refuse(Epoch, "epoch", "the store began another life; reload everything"), nil
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.cfg.Mirror.WaitRevision(wait, max(g.GetStateRevision(), g.GetLeaderTerm())); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return refuse(Conflict, "", "the controller does not know the revision that the unit has seen"), nil
	}
	return nil, c.speaks(wait, agent, g.GetModel(), g.GetUnit())
}

// speaks refuses an agent that does not speak for the unit, after a look into the store if the mirror may lag.
func (c *Committer) speaks(ctx context.Context, agent, uuid, unit string) error {
	ask := func() (err error) {
		c.cfg.Mirror.Read(func(s *model.State) { err = authz.Speaks(s.Model(uuid), agent, unit) })
		return err
	}
	err := ask()
	if _, ok := key.UnitNumber(unit); err == nil || !ok {
		return err
	}
	found, readErr := c.cfg.Store.Range(ctx, store.In(uuid, key.OfUnit(key.Unit, unit)), store.RangeOptions{})
	if readErr != nil || len(found.KVs) == 0 || c.cfg.Mirror.WaitRevision(ctx, found.KVs[0].Mod) != nil {
		return err
	}
	return ask()
}

// refuse answers no, unless the commit was written already: then its answer was lost and is given again.
func (c *Committer) refuse(ctx context.Context, g *controllerv1.Guard, id string, why *controllerv1.Refusal, err error) (*controllerv1.CommitResponse, error) {
	if err != nil {
		return nil, err
	}
	found, err := c.cfg.Store.Range(ctx, store.In(g.GetModel(), key.OfUnit(key.State, g.GetUnit())), store.RangeOptions{})
	if err != nil {
		return nil, err
	}
	if len(found.KVs) == 1 {
		if done, err := c.written(ctx, g, id, found.KVs[0]); done != nil || err != nil {
			return done, err
		}
	}
	return &controllerv1.CommitResponse{Refusal: why}, nil
}

// written answers a commit that is in the store already; nil if the state is another's.
func (c *Committer) written(ctx context.Context, g *controllerv1.Guard, id string, state store.KV) (*controllerv1.CommitResponse, error) {
	value, err := model.Decode(key.OfUnit(key.State, g.GetUnit()), state.Value)
	if err != nil {
		return nil, errs.With(errs.Internal, err)
	}
	if value.(*controllerv1.UnitState).GetCommitId() != id {
		return nil, nil
	}
	if err := c.cfg.Mirror.WaitRevision(ctx, state.Mod); err != nil {
		return nil, err
	}
	response := &controllerv1.CommitResponse{Revision: state.Mod, Again: true}
	c.cfg.Mirror.Read(func(s *model.State) {
		for _, e := range s.Model(g.GetModel()).OfUnit(g.GetUnit()) {
			response.Objects = append(response.Objects, e.Object(g.GetModel()))
		}
	})
	return response, nil
}

// lost finds out why the comparisons did not hold: written already, a guard that moved (refusal), or something to merge
// again (both results nil).
func (c *Committer) lost(ctx context.Context, d *draft, result *store.TxnResult) (*controllerv1.CommitResponse, error) {
	now := map[string]store.KV{}
	for _, r := range result.Results {
		for _, kv := range r.KVs {
			now[kv.Key] = kv
		}
	}
	state, ok := now[d.full(key.OfUnit(key.State, d.guard.Unit))]
	if ok {
		if done, err := c.written(ctx, d.guard, d.id, state); done != nil || err != nil {
			return done, err
		}
	}
	if string(now[store.EpochKey].Value) != d.guard.Epoch {
		return &controllerv1.CommitResponse{Refusal: refuse(Epoch, "epoch", "the store began another life; reload everything")}, nil
	}
	if state.Mod != d.guard.StateRevision {
		return &controllerv1.CommitResponse{Refusal: refuse(Conflict, key.OfUnit(key.State, d.guard.Unit).String(),
			"the cursor of unit %s is at revision %d, not at %d", d.guard.Unit, state.Mod, d.guard.StateRevision)}, nil
	}
	return nil, d.learn(result)
}
