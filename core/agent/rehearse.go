package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/leader"
	"github.com/bangle-dev/bangle/core/agent/queue"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/runsocket"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// rehearsalsDir is below the agent's directory: what a rehearsal must have on disk, charms of which no unit has one yet. It
// goes with the rehearsal, or with the agent's next start.
const rehearsalsDir = "rehearsals"

// rehearsal is an agent beside the agent, whose units live on a fork of their model: the same stages and the same step, on a
// replica, a queue and a committer of their own. What would be done to the world is noted by the runtimes instead.
type rehearsal struct {
	cmd    *controllerv1.Rehearse
	agent  *Agent
	answer func(*controllerv1.AnswerRequest) error

	mu      sync.Mutex
	changed chan struct{} // closed when a unit came to rest or was woken
	units   map[event.Key]*rehearsed
	steps   []*controllerv1.RehearsedStep // not told yet
	telling sync.Mutex
}

// rehearsed is one unit in it.
type rehearsed struct {
	woken, rested int // how often; it rests when all wakes were looked at
	events        int32
	ran           []string // the names of the last events
	waits         string
	endless       bool
}

// rehearse follows a Rehearse: it returns when the fork is dropped or ctx ends.
func (a *Agent) rehearse(ctx context.Context, cmd *controllerv1.Command, answer func(*controllerv1.AnswerRequest) error) error {
	dir := filepath.Join(a.cfg.Dir, rehearsalsDir, cmd.GetId()[:min(8, len(cmd.GetId()))])
	defer os.RemoveAll(dir)
	r := &rehearsal{cmd: cmd.GetRehearse(), answer: answer, changed: make(chan struct{}), units: map[event.Key]*rehearsed{}}
	r.agent = a.beside(r, dir)
	return r.run(ctx)
}

// beside makes the agent of a rehearsal.
func (a *Agent) beside(r *rehearsal, dir string) *Agent {
	cfg := a.cfg
	cfg.Agents, cfg.Dir, cfg.RunDir = onFork{a.cfg.Agents, r.cmd.GetFork()}, dir, filepath.Join(dir, "run")
	cfg.Side, cfg.Log = nowhere{}, slog.New(slog.DiscardHandler)
	b := &Agent{cfg: cfg, queue: queue.New[event.Key](), units: map[event.Key]*unit{}, committer: committer{client: cfg.Agents, forgets: true},
		lead: leader.New(leader.Config{Client: cfg.Agents}), report: newReporter(cfg.Agents, cfg.Log), rehearsal: r}
	b.commands = commands{client: cfg.Agents, running: map[string]context.CancelFunc{}}
	b.sockets = runsocket.New(b.enqueue, cfg.Log)
	b.replica = source.NewReplica(cfg.ID, b.wake)
	b.observer = &pinned{real: a.observer, strangers: r.cmd.GetStrangers(), seen: map[event.Key]*source.Observation{}}
	b.dispatcher = dispatch.New(dispatch.Config{Runtimes: cfg.Runtimes, Lines: lines{b}, FetchResource: b.fetchResource, GoalState: b.goalState, ToolsDir: cfg.ToolsDir,
		Controller: cfg.Controller, Charms: a.charms.Beside(filepath.Join(dir, "charms"), b.fetchCharm), UnitDir: a.unitDir, RunDir: b.runDir, DryRun: true})
	return b
}

// run is Agent.Run for a rehearsal: one stream, no places, nothing that outlives it.
func (r *rehearsal) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	b := r.agent
	var working sync.WaitGroup
	working.Go(func() { b.lead.Run(ctx) })
	working.Go(func() { b.report.run(ctx) })
	working.Go(func() { b.queue.Run(ctx, b.cfg.Workers, r.step) })
	working.Go(func() { r.tellAlong(ctx) })
	err := source.Once(ctx, source.StreamConfig{Client: b.cfg.Agents, Replica: b.replica, Version: Version, Incarnation: b.cfg.Incarnation,
		NewEpoch: b.newEpoch, Log: b.cfg.Log, Command: func(ctx context.Context, cmd *controllerv1.Command) { b.commands.follow(ctx, cmd, r.follower(cmd)) }})
	end()
	working.Wait()
	b.commands.wg.Wait()
	b.sockets.Close()
	if errs.Is(err, errs.Canceled) || errs.Is(err, errs.Unavailable) || ctx.Err() != nil {
		return nil // the fork was dropped
	}
	return err
}

// follower finds what follows a command that comes with the fork's stream.
func (r *rehearsal) follower(cmd *controllerv1.Command) told {
	if cmd.GetSettle() != nil {
		return r.settle
	}
	return nil
}

// of finds or makes what is known of a unit; the lock is held.
func (r *rehearsal) of(k event.Key) *rehearsed {
	u := r.units[k]
	if u == nil {
		u = &rehearsed{}
		r.units[k] = u
	}
	return u
}

// woken notes that the unit has to be looked at. A nil rehearsal is none.
func (r *rehearsal) woken(k event.Key) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(k).woken++
}

// step is the agent's step for a unit that has events left. On a fork no time passes: a unit that only waits for a time
// rests.
func (r *rehearsal) step(ctx context.Context, k event.Key) time.Duration {
	r.mu.Lock()
	u := r.of(k)
	woken := u.woken
	spent := u.events >= r.cmd.GetEvents()
	u.waits, u.endless = "", spent
	r.mu.Unlock()
	again := queue.Never
	if !spent {
		again = r.agent.step(ctx, k)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if again != queue.Never && u.waits == "" {
		return again
	}
	u.rested = max(u.rested, woken)
	close(r.changed)
	r.changed = make(chan struct{})
	return queue.Never
}

// rests notes that the unit has nothing to do, or waits.
func (r *rehearsal) rests(k event.Key, d resolver.Decision) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.of(k)
	if u.waits = "its time"; d.Do == resolver.Wait && d.Reason != "" {
		u.waits = d.Reason
	}
}

// settle answers once all units rest, how they do.
func (r *rehearsal) settle(ctx context.Context, cmd *controllerv1.Command, answer func(*controllerv1.AnswerRequest) error) error {
	for {
		units, resting, changed := r.standing()
		if !resting {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := r.tell(); err != nil {
			return err
		}
		return answer(&controllerv1.AnswerRequest{Units: units})
	}
}

// standing says how the units stand, and whether all rest.
func (r *rehearsal) standing() (units []*controllerv1.RehearsedUnit, resting bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, u := range r.units {
		if u.rested < u.woken {
			return nil, false, r.changed
		}
		waits := u.waits
		if waits == "its time" {
			waits = ""
		}
		one := &controllerv1.RehearsedUnit{Unit: k.Unit, Events: u.events, Waits: waits, Endless: u.endless}
		if u.endless {
			one.Last = slices.Clone(u.ran[max(0, len(u.ran)-6):])
		}
		units = append(units, one)
	}
	return units, true, r.changed
}

// did notes an event that ended, and what it would have done.
func (r *rehearsal) did(u *unit, t *turn) {
	if r == nil || t.d.Do != resolver.Run || t.d.Interrupted {
		return
	}
	step := &controllerv1.RehearsedStep{Unit: u.key.Unit, Event: t.d.Event, Outcome: "ok", Changes: changeset.Changes(t.in.Model, t.req.GetDone().GetChangeset())}
	done := t.ran.Done
	switch {
	case t.ran.Unknown != "":
		step.Outcome, step.Message = "unknown", t.ran.Unknown
	case changeset.RebootNow(done):
		step.Outcome, step.Message = "unknown", "it would have the machine rebooted; what it does after that is not known"
	case t.req.GetFailed() != nil:
		step.Outcome, step.Message = "failed", t.req.GetFailed().GetMessage()
		if done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_KILLED {
			step.Outcome = "killed"
		}
	case done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED:
		step.Outcome = "not-implemented"
	}
	for _, e := range done.GetEffects() {
		step.Effects = append(step.Effects, &controllerv1.RehearsedEffect{Kind: e.GetKind(), Target: e.GetTarget(), Summary: e.GetSummary(), Detail: e.GetDetail()})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step)
	known := r.of(u.key)
	known.events++
	known.ran = append(known.ran, event.Name(t.d.Event))
}

// tellEvery is how long a step may wait for others to be told with it.
const tellEvery = 50 * time.Millisecond

// tellAlong tells steps as they come.
func (r *rehearsal) tellAlong(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = r.tell() // one that cannot be told ends by who waits for it
	}
}

// tellMost is how many steps one part of the answer has.
const tellMost = 200

// tell sends the steps that were not told yet, in order.
func (r *rehearsal) tell() error {
	r.telling.Lock()
	defer r.telling.Unlock()
	for {
		r.mu.Lock()
		n := min(len(r.steps), tellMost)
		part := r.steps[:n:n]
		r.steps = r.steps[n:]
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := r.answer(&controllerv1.AnswerRequest{Steps: part}); err != nil {
			return fmt.Errorf("cannot tell what was rehearsed: %w", err)
		}
	}
}

// pinned is what units find at their places, as it was when the rehearsal first looked. A unit that does not exist finds a
// place with nothing in it.
type pinned struct {
	real      observer
	strangers []string

	mu   sync.Mutex
	seen map[event.Key]*source.Observation
}

// Of answers what was known of a unit at first.
func (p *pinned) Of(_ context.Context, k event.Key) *source.Observation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[k] == nil {
		p.seen[k] = p.real.Known(k)
	}
	if p.seen[k] == nil || slices.Contains(p.strangers, k.Unit) {
		p.seen[k] = &source.Observation{Environment: &substratev1.EnvironmentResponse{}}
	}
	return p.seen[k]
}

// Known implements observer.
func (p *pinned) Known(k event.Key) *source.Observation { return p.Of(context.Background(), k) }

// Told implements observer: the unit's own notices stay.
func (p *pinned) Told(event.Key, string, time.Time) {}

// Forget implements observer.
func (p *pinned) Forget(event.Key) {}

// Close implements observer.
func (p *pinned) Close() {}

// nowhere is the unit's side of no substrate.
type nowhere struct{}

// UnitInfo implements substrate.UnitSide.
func (nowhere) UnitInfo(context.Context) (*substratev1.InfoResponse, error) {
	return &substratev1.InfoResponse{}, nil
}

// Environment implements substrate.UnitSide.
func (nowhere) Environment(context.Context, *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	return nil, errs.E(errs.NotFound, "a rehearsal has no places")
}

// Watch implements substrate.UnitSide.
func (nowhere) Watch(ctx context.Context, _ *substratev1.WatchRequest, _ func(*substratev1.UnitEvent) error) error {
	<-ctx.Done()
	return ctx.Err()
}
