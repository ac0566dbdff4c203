package plan

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// mostEvents is how many events a unit is given at most when nothing else is said: an install with a few relations takes a
// dozen.
const mostEvents = 50

// rehearsal is one run of a fork's units.
type rehearsal struct {
	f      *Fork
	events int32
	tell   func([]*controllerv1.RehearsedStep) error

	mu   sync.Mutex                             // told one at a time
	away map[string]string                      // agent → why it takes no part
	rest map[string]*controllerv1.RehearsedUnit // what agents said of their units last
}

// Rehearse lets the agents run what the fork's units would do now, and tells the steps as they end. It returns when all
// units rest or ctx ended; then PlanEnd.stopped says so. An error is one of tell.
func (f *Fork) Rehearse(ctx context.Context, events int32, tell func([]*controllerv1.RehearsedStep) error) (*clientv1.PlanEnd, error) {
	if events <= 0 {
		events = mostEvents
	}
	if !f.playing.TryLock() {
		return nil, errs.E(errs.Conflict, "cannot rehearse the plan: it is being rehearsed")
	}
	defer f.playing.Unlock()
	if f.store.Revision() == f.start {
		return &clientv1.PlanEnd{Rested: int32(len(f.units))}, nil
	}
	r := &rehearsal{f: f, events: events, tell: tell, away: map[string]string{}, rest: map[string]*controllerv1.RehearsedUnit{}}
	if err := f.cast(ctx); err != nil {
		return nil, err
	}
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	var playing sync.WaitGroup
	agents := f.players()
	gone := map[string]context.Context{} // agent → ends when it takes part no more
	for agent, units := range agents {
		mine, leave := context.WithCancel(life)
		gone[agent] = mine //nolint:fatcontext // one for each agent, none within another
		playing.Go(func() {
			defer leave()
			err := r.play(life, agent, units)
			switch {
			case life.Err() != nil: // the rehearsal has ended, and with it the agent's part
			case err == nil || errs.Is(err, errs.Canceled):
				r.leaves(agent, errs.E(errs.Unavailable, "the agent of %s is away; try again", units[0]))
			case errs.Is(err, errs.Internal):
				end(err)
			default:
				r.leaves(agent, err)
			}
		})
	}
	stopped := r.settle(life, gone)
	cause := context.Cause(life)
	end(nil)
	playing.Wait()
	if cause != nil && ctx.Err() == nil {
		return nil, cause
	}
	return r.end(agents, stopped), nil
}

// leaves notes that an agent takes no part any more.
func (r *rehearsal) leaves(agent string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away[agent] = why.Error()
}

// play has one agent run its units until the rehearsal ends.
func (r *rehearsal) play(ctx context.Context, agent string, units []string) error {
	cmd := &controllerv1.Rehearse{Fork: r.f.Name, Events: r.events}
	for _, unit := range units {
		if !r.f.units[unit] {
			cmd.Strangers = append(cmd.Strangers, unit)
		}
	}
	// The units are named for who reads the error; the agent finds its own on the fork.
	return r.f.plans.cfg.Ask(ctx, agent, &controllerv1.Command{Model: r.f.UUID, Units: units[:1], What: &controllerv1.Command_Rehearse{Rehearse: cmd}},
		func(part *controllerv1.AnswerRequest) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if err := r.tell(part.GetSteps()); err != nil {
				return errs.With(errs.Internal, err)
			}
			return nil
		})
}

// settle waits until nothing more happens: all units rested on a revision, and nobody wrote since. It answers why it ended
// before that, "" if it did not.
func (r *rehearsal) settle(ctx context.Context, gone map[string]context.Context) string {
	for agent, life := range gone {
		if r.f.agents.Await(life, agent) != nil && ctx.Err() != nil {
			return "not all agents took part in time"
		}
	}
	for ctx.Err() == nil {
		revision := r.f.store.Revision()
		if err := r.f.tidy(ctx); err != nil {
			break
		}
		if r.f.store.Revision() == revision && r.rested(ctx, gone) && r.f.store.Revision() == revision {
			return ""
		}
	}
	return "not all units rested in time: what they would do further is not known; give it longer with --timeout"
}

// unansweredPause is how long an agent that did not answer may take to be known as gone.
const unansweredPause = 20 * time.Millisecond

// rested waits until the units of all agents that take part rest. False means that it has to be asked again.
func (r *rehearsal) rested(ctx context.Context, gone map[string]context.Context) bool {
	var asking sync.WaitGroup
	var unanswered atomic.Bool
	for agent, life := range gone {
		if life.Err() != nil {
			continue
		}
		asking.Go(func() {
			cmd := &controllerv1.Command{Model: r.f.UUID, What: &controllerv1.Command_Settle{Settle: &controllerv1.Settle{}}}
			err := r.f.agents.Ask(life, agent, cmd, func(part *controllerv1.AnswerRequest) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				for _, unit := range part.GetUnits() {
					r.rest[unit.GetUnit()] = unit
				}
				return nil
			})
			if err == nil {
				return
			}
			unanswered.Store(true) // it may be leaving: then its life ends, and the next look is without it
			select {
			case <-life.Done():
			case <-time.After(unansweredPause):
			}
		})
	}
	asking.Wait()
	return ctx.Err() == nil && !unanswered.Load()
}

// end says how it all stands.
func (r *rehearsal) end(players map[string][]string, stopped string) *clientv1.PlanEnd {
	out := &clientv1.PlanEnd{Changed: true, Stopped: stopped}
	now := map[string]bool{}
	r.f.mirror.Read(func(s *model.State) {
		g := s.Model(r.f.UUID)
		for _, unit := range g.AllUnits() {
			now[unit] = true
		}
		out.Grants = granted(r.f.grants, grants(g))
	})
	unknown := map[string]string{}
	for agent, units := range players {
		if why := r.away[agent]; why != "" {
			for _, unit := range units {
				unknown[unit] = why
			}
		}
	}
	all := map[string]bool{}
	for _, units := range []map[string]bool{r.f.units, now} {
		for unit := range units {
			all[unit] = true
		}
	}
	for unit := range all {
		u := &clientv1.PlannedUnit{Unit: unit, Unknown: unknown[unit], Events: r.rest[unit].GetEvents(), Waits: r.rest[unit].GetWaits(),
			Endless: r.rest[unit].GetEndless(), Last: r.rest[unit].GetLast()}
		switch {
		case !r.f.units[unit]:
			u.Fate = "new"
			if _, played := r.rest[unit]; !played && u.Unknown == "" && stopped == "" {
				u.Unknown = "there is no agent that could play it"
			}
		case !now[unit]:
			u.Fate = "gone"
		}
		if u.Fate == "" && u.Events == 0 && u.Unknown == "" {
			out.Rested++
			continue
		}
		out.Units = append(out.Units, u)
	}
	slices.SortFunc(out.Units, func(a, b *clientv1.PlannedUnit) int { return model.CompareUnits(a.Unit, b.Unit) })
	return out
}
