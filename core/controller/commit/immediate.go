package commit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"google.golang.org/protobuf/proto"
)

// maxTaskLog bounds the log of one task.
const maxTaskLog = 1000

// Immediate shows a status, or a line of a task's log, before the hook ends. It is dropped without an error when its
// event, or a later one, is committed, or a newer status of the event is there. It never touches the cursor.
func (c *Committer) Immediate(ctx context.Context, agent string, req *controllerv1.ImmediateRequest) error {
	g := &controllerv1.Guard{Model: req.GetModel(), Unit: req.GetUnit(), LeaderTerm: req.GetLeaderTerm()}
	if err := c.speaks(ctx, agent, g.Model, g.Unit); err != nil {
		return err
	}
	if st := req.GetStatus(); st != nil && !api.SettableStatus(st.GetCurrent()) {
		return errs.E(errs.Invalid, "cannot set status %q: allowed are active, blocked, maintenance, waiting", st.GetCurrent())
	}
	return c.merge(ctx, g, func(d *draft) error { return d.immediate(req) })
}

// merge drafts and sends a write that no cursor guards.
func (c *Committer) merge(ctx context.Context, g *controllerv1.Guard, fill func(*draft) error) error {
	newer := map[string]*model.Entry{}
	for range mergeTries {
		d := &draft{guard: g, newer: newer, now: c.cfg.Now(), touched: map[string]int{}, merged: map[string]bool{}, derived: map[string]bool{}}
		var err error
		c.cfg.Mirror.Read(func(s *model.State) {
			if d.g = s.Model(g.Model); d.g == nil {
				err = errs.E(errs.NotFound, "cannot write for unit %s: its model is gone", g.Unit)
				return
			}
			d.guards = append(d.guards, store.ValueIs(store.EpochKey, []byte(s.Epoch)))
			err = fill(d)
		})
		if err != nil || len(d.writes) == 0 {
			return err
		}
		then, err := d.ops()
		if err != nil {
			return errs.With(errs.Exhausted, err)
		}
		result, err := c.cfg.Store.Txn(ctx, d.compares(), then, d.asks())
		if err != nil || result.Succeeded {
			return err
		}
		if err := d.learn(result); err != nil {
			return err
		}
	}
	return errs.E(errs.Unavailable, "cannot write for unit %s: others wrote the same %d times in a row; try again", g.Unit, mergeTries)
}

// learn keeps what the store answered for the next draft.
func (d *draft) learn(result *store.TxnResult) error {
	now := map[string]store.KV{}
	for _, r := range result.Results {
		for _, kv := range r.KVs {
			now[kv.Key] = kv
		}
	}
	for _, k := range d.asking {
		d.newer[k.String()] = nil
		kv := now[d.full(k)]
		if kv.Mod == 0 {
			continue
		}
		value, err := model.Decode(k, kv.Value)
		if err != nil {
			return errs.With(errs.Internal, err)
		}
		d.newer[k.String()] = &model.Entry{Key: k, Name: k.String(), Value: value, Mod: kv.Mod, Create: kv.Create, Lease: int64(kv.Lease)}
	}
	return nil
}

// immediate drafts an Immediate.
func (d *draft) immediate(req *controllerv1.ImmediateRequest) error {
	state := value[*controllerv1.UnitState](d.read(key.OfUnit(key.State, d.guard.Unit)))
	// A hook that is run again keeps its number, while an action or an exec may have ended since.
	again := state.GetCursor().GetPending().GetEvent().GetId() == req.GetEventId()
	if !again && sequence(req.GetEventId()) <= state.GetCursor().GetSequence() {
		return nil
	}
	switch {
	case req.GetTaskLog() != nil:
		return d.taskLog(req)
	case req.GetStatus() == nil:
		return nil
	case req.GetApplication():
		return d.appStatus(req)
	}
	k := key.OfUnit(key.Status, d.guard.Unit)
	st := merge[*controllerv1.UnitStatus](d, k)
	old, mine := sequence(st.EventId), sequence(req.GetEventId())
	if old > mine && !again || old == mine && st.N >= req.GetN() {
		return nil
	}
	st.Workload, st.EventId, st.N = d.status(st.Workload, req.GetStatus()), req.GetEventId(), req.GetN()
	d.put(k, st)
	return nil
}

// appStatus drafts the application's status, fenced by the term.
func (d *draft) appStatus(req *controllerv1.ImmediateRequest) error {
	app := key.AppOf(d.guard.Unit)
	lead := d.read(key.OfApp(key.Lead, app))
	if lead == nil || req.GetLeaderTerm() == 0 || lead.Create != req.GetLeaderTerm() || value[*controllerv1.Lead](lead).GetUnit() != d.guard.Unit {
		return errs.E(errs.Denied, "cannot set the status of %s: unit %s is not its leader", app, d.guard.Unit)
	}
	k := key.OfApp(key.AppStatus, app)
	st := merge[*controllerv1.ApplicationStatus](d, k)
	st.Status, st.Term = d.status(st.Status, req.GetStatus()), req.GetLeaderTerm()
	d.put(k, st)
	return nil
}

// taskLog drafts one line of a task's log.
func (d *draft) taskLog(req *controllerv1.ImmediateRequest) error {
	k := key.Named(key.Task, req.GetTask())
	if d.read(k) == nil {
		return nil
	}
	t := merge[*controllerv1.Task](d, k)
	if t.Unit != d.guard.Unit {
		return errs.E(errs.Denied, "cannot write to the log of task %s: it is not unit %s's", req.GetTask(), d.guard.Unit)
	}
	line := proto.CloneOf(req.GetTaskLog())
	if line.Time == "" {
		line.Time = d.stamp()
	}
	if t.Status != api.TaskRunning && t.Status != api.TaskAborting || len(t.Log) >= maxTaskLog {
		return nil
	}
	t.Log = append(t.Log, line)
	d.put(k, t)
	return nil
}

// SetAddresses writes where a unit can be reached, and into its bags. What is there already is not written again.
func (c *Committer) SetAddresses(ctx context.Context, agent string, req *controllerv1.SetAddressesRequest) error {
	g := &controllerv1.Guard{Model: req.GetModel(), Unit: req.GetUnit(), Incarnation: req.GetIncarnation()}
	if err := c.speaks(ctx, agent, g.Model, g.Unit); err != nil {
		return err
	}
	if len(req.GetAddresses()) > 64 {
		return errs.E(errs.Invalid, "cannot set %d addresses of unit %s: at most 64", len(req.GetAddresses()), g.Unit)
	}
	return c.merge(ctx, g, func(d *draft) error { return d.addresses(req.GetAddresses()) })
}

// addresses drafts the record and the seeds of the bags.
func (d *draft) addresses(addresses []string) error {
	unit := d.guard.Unit
	inc := value[*controllerv1.Incarnation](d.read(key.OfUnit(key.Incarnation, unit)))
	if inc.GetId() != d.guard.Incarnation {
		return errs.E(errs.Conflict, "cannot set the addresses of unit %s: incarnation %q speaks for it, not %q", unit, inc.GetId(), d.guard.Incarnation)
	}
	k := key.OfUnit(key.Addresses, unit)
	record := merge[*controllerv1.Addresses](d, k)
	if slices.Equal(record.Addresses, addresses) && d.entry(k) != nil {
		return nil
	}
	old := record.Addresses
	sum := sha256.Sum256([]byte(strings.Join(addresses, "\n")))
	record.Addresses, record.Hash = addresses, hex.EncodeToString(sum[:8])
	d.put(k, record)
	for _, relation := range d.g.Relations(key.AppOf(unit)) {
		if d.entry(key.ScopeOf(relation, unit)) == nil {
			continue
		}
		if r := d.read(key.OfRelation(relation)); r != nil {
			d.seed(relation, old, addresses)
		}
	}
	return nil
}
