package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxDeaths is how often an event may take the runtime with it before that is the charm's failure.
const maxDeaths = 3

// refusedWait is how long the replica may take to show what a write was refused for.
const refusedWait = 2 * time.Second

// againWait is how long the stream may take to show a write whose first answer was lost. A unit that went on earlier would
// be refused; it waits as long as a controller that is away may take to come back.
const againWait = time.Hour

// turn begins an event's way.
func (a *Agent) turn(u *unit, in resolver.Input, d resolver.Decision) *turn {
	t := &turn{in: in, d: d, start: a.cfg.Now()}
	if u.since != 0 {
		t.queued = t.start.Sub(time.Unix(0, u.since))
	}
	u.since = 0
	return t
}

// resume corrects the decision on a task that this agent recorded and has not run: it was not interrupted.
func (u *unit) resume(d resolver.Decision) resolver.Decision {
	if d.Interrupted && u.owns == d.Event.Id {
		d.Do, d.Interrupted = resolver.Run, false
	}
	return d
}

// guard is what the unit's writes compare.
func (a *Agent) guard(u *unit, t *turn) *controllerv1.Guard {
	return &controllerv1.Guard{Model: u.key.Model, Unit: u.key.Unit, Incarnation: a.cfg.Incarnation,
		StateRevision: t.in.Model.StateRevision, Epoch: t.in.Model.Epoch}
}

// place puts a charm that comes with the event in place. One that cannot be is the event's failure, and nothing of it is
// recorded: the unit goes on with the charm that it had. False means that it is to be tried again.
func (a *Agent) place(ctx context.Context, u *unit, t *turn) bool {
	if !t.d.Takes {
		return true
	}
	ran, err := a.dispatcher.Place(ctx, dispatch.Job{Key: u.key, Event: t.d.Event, Model: t.in.Model, Cursor: t.in.Cursor, Seen: t.in.Seen})
	if err != nil {
		a.cfg.Log.Warn("a charm is not there yet", "unit", u.key.Unit, "charm", t.in.Model.Application.CharmDigest, "err", err)
		return false
	}
	if ran.Done != nil {
		t.d = resolver.Unplaced(t.in, t.d)
		t.ran, t.ended = ran, a.cfg.Now()
		a.output(u, t)
	}
	return true
}

// begin records the event if it must be; false means that it was not, or that nobody knows.
func (a *Agent) begin(ctx context.Context, u *unit, t *turn) bool {
	if !t.d.Begin || t.ran.Done != nil {
		return true
	}
	req, after := changeset.Begin(t.in, t.d, a.guard(u, t), commitID())
	u.begin = req
	if !a.begun(ctx, u) {
		return false
	}
	// The turn goes on with what was just written.
	snap, ok := a.replica.Snapshot(u.key)
	if !ok {
		return false
	}
	t.in.Cursor = after
	model := *t.in.Model
	model.State, model.StateRevision = snap.State, snap.StateRevision
	t.in.Model = &model
	return true
}

// begun sends the Begin that is open.
func (a *Agent) begun(ctx context.Context, u *unit) bool {
	got := a.committer.begin(ctx, u.begin)
	switch {
	case got.unknown != nil:
		a.cfg.Log.Warn("a Begin was not answered", "unit", u.key.Unit, "err", got.unknown)
		return false
	case got.refusal != nil:
		a.refused(u, u.begin.Guard, got.refusal)
		u.begin = nil
		return false
	}
	if event.Task(u.begin.Cursor.Pending.Event.Kind) {
		u.owns = u.begin.Cursor.Pending.Event.Id
	}
	g := u.begin.Guard
	u.begin = nil
	return a.merge(u, g, got.resp)
}

// merge takes in the answer to a write. False means that it does not tell all that was written: the unit then waits for the
// stream, since with half of it the same event might be derived once more.
func (a *Agent) merge(u *unit, g *controllerv1.Guard, resp *controllerv1.CommitResponse) bool {
	if resp.Again {
		u.refused, u.until = g.StateRevision, a.cfg.Now().Add(againWait)
		return false
	}
	a.replica.Merge(g.Epoch, u.key.Unit, resp.Objects)
	return true
}

// refused notes that the unit's view is older than the store.
func (a *Agent) refused(u *unit, g *controllerv1.Guard, r *controllerv1.Refusal) {
	a.cfg.Log.Info("a write was refused", "unit", u.key.Unit, "kind", r.Kind, "why", r.Message)
	if k, err := key.Parse(r.Key); err == nil && k.Kind == key.Task {
		return // cancelled meanwhile: that moves the task's record, which wakes the unit, and not the unit's
	}
	u.refused, u.until = g.StateRevision, a.cfg.Now().Add(refusedWait)
}

// settle has the open writes answered; false means that they are not yet.
func (a *Agent) settle(ctx context.Context, u *unit) bool {
	if !u.opened {
		req, err := kept(a.runDir(u.key))
		if err != nil {
			a.cfg.Log.Warn("an open commit is lost; its event is derived again", "unit", u.key.Unit, "err", err)
		}
		if req != nil {
			u.commit = &turn{req: req}
		}
		u.opened = true
	}
	if u.stale.Load() {
		return true // look drops everything
	}
	if u.begin != nil && !a.begun(ctx, u) {
		return u.begin == nil
	}
	if u.commit == nil {
		return true
	}
	t := u.commit
	if t.d.Event != nil {
		a.commit(ctx, u, t)
		return u.commit == nil
	}
	// Of an earlier life of the agent: whatever it answers, the cursor then says what is next.
	got := a.send(ctx, u, t.req)
	if got.unknown != nil {
		return false
	}
	u.commit = nil
	if got.refusal != nil {
		a.refused(u, t.req.Guard, got.refusal)
		return true
	}
	a.merge(u, t.req.Guard, got.resp)
	entry := &controllerv1.JournalEntry{Model: u.key.Model, Unit: u.key.Unit, Event: t.req.Event, Outcome: "ok", Message: "committed by the agent's next start",
		Revision: got.resp.Revision, StartUnixNano: a.cfg.Now().UnixNano(), Wrote: changeset.Wrote(t.req.GetDone().GetChangeset())}
	if f := t.req.GetFailed(); f != nil {
		entry.Outcome, entry.Message = "failed", f.Message
	}
	a.report.tell(entry)
	return true
}

// dispatch gives the event to the charm; false means that nobody knows what ran.
func (a *Agent) dispatch(ctx context.Context, u *unit, t *turn) bool {
	if t.ran.Done != nil {
		return true // its charm could not be put in place
	}
	if t.d.Do == resolver.Skip {
		return a.ended(ctx, u, t)
	}
	ev := t.d.Event
	u.owns = ""
	if ev.Kind != api.EventUpdateStatus {
		a.state(u, api.AgentExecuting, "running "+event.Name(ev))
		u.told = "running"
	}
	job := dispatch.Job{Key: u.key, Event: ev, Model: t.in.Model, Cursor: t.in.Cursor, Seen: t.in.Seen, NotLeader: u.notLeader == ev.Id,
		Record: a.recordings != nil && recordingLimits(t.in.Model).Events > 0}
	a.upToDate(&job)
	ran, err := a.run(ctx, u, job)
	t.ran, t.ended = ran, a.cfg.Now()
	if ctx.Err() != nil {
		return false // the agent ends: the event is derived again
	}
	if err == nil && a.rebootNow(ctx, u, t) {
		return false
	}
	if err == nil {
		a.output(u, t)
		return true
	}
	a.cfg.Log.Warn("an event has no end", "unit", u.key.Unit, "event", ev.Id, "err", err)
	if !ran.Started && event.Task(ev.Kind) {
		u.owns = ev.Id // it is recorded and has not run yet
	}
	if !ran.Started || event.Task(ev.Kind) {
		return false
	}
	if u.died != ev.Id {
		u.died, u.deaths = ev.Id, 0
	}
	if u.deaths++; u.deaths < maxDeaths {
		return false
	}
	u.deaths = 0
	t.ran.Done = &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, ExitCode: 1,
		Message: fmt.Sprintf("the runtime ended %d times while it ran this event: %v", maxDeaths, err)}
	return true
}

// ended sees to it that nothing is left running of a task that was interrupted, before it is said to have ended; false
// means that something may be.
func (a *Agent) ended(ctx context.Context, u *unit, t *turn) bool {
	if !t.d.Interrupted {
		return true
	}
	if err := a.dispatcher.End(ctx, dispatch.Job{Key: u.key, Event: t.d.Event, Model: t.in.Model, Cursor: t.in.Cursor}); err != nil {
		a.cfg.Log.Warn("what an interrupted task left running may still be there", "unit", u.key.Unit, "event", t.d.Event.Id, "err", err)
		return false
	}
	return true
}

// output puts what a failed hook left behind into the unit's log, and why it failed where that does not say it.
func (a *Agent) output(u *unit, t *turn) {
	done := t.ran.Done
	text := done.GetDetail()
	killed := done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_KILLED
	if killed || text == "" && done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_FAILED {
		text = strings.TrimPrefix(fmt.Sprintf("%s\n%s failed: %s", strings.TrimRight(text, "\n"), event.Name(t.d.Event), done.GetMessage()), "\n")
	}
	if text == "" {
		return
	}
	a.report.tell(dispatch.LogRecord(u.key, t.d.Event, &charmruntimev1.LogLine{Level: "ERROR", Message: text, TimeUnixNano: t.ended.UnixNano()}))
}

// commit sends what the event did and takes the answer in.
func (a *Agent) commit(ctx context.Context, u *unit, t *turn) time.Duration {
	u.commit = t
	if t.req.Event.Kind == api.EventRemove {
		a.report.sent(ctx)
	}
	sent := a.cfg.Now()
	got := a.send(ctx, u, t.req)
	if got.unknown != nil {
		a.cfg.Log.Warn("a commit was not answered", "unit", u.key.Unit, "event", t.req.Event.Id, "err", got.unknown)
		return u.pause()
	}
	u.commit = nil
	if got.refusal != nil {
		return a.turnedDown(ctx, u, t, got.refusal)
	}
	u.fails, u.notLeader, u.refused = 0, "", 0
	a.merge(u, t.req.Guard, got.resp)
	if t.ran.Started && t.req.GetDone() != nil {
		if err := a.dispatcher.Settle(u.key, t.req.GetDone().GetStateFiles()); err != nil {
			a.cfg.Log.Warn("the unit's state files will be restored before its next event", "unit", u.key.Unit, "err", err)
		}
	}
	for name, c := range t.req.Cursor.Containers {
		if at, err := time.Parse(time.RFC3339Nano, c.LastNotice); err == nil {
			a.observer.Told(u.key, name, at)
		}
	}
	a.answered(u, t)
	a.journal(u, t, sent, got.resp.Revision)
	a.rehearsal.did(u, t)
	a.rebootAfter(ctx, u, t)
	return 0
}

// send has a commit answered. Meanwhile the unit keeps no other from running its charm: the controller writes the commits
// that wait in one transaction, so more of them on their way are less work for everybody. They are bounded, since what ran
// and is not committed runs again after a crash.
func (a *Agent) send(ctx context.Context, u *unit, req *controllerv1.CommitRequest) answer {
	select {
	case a.flights <- struct{}{}:
		back := a.queue.Aside()
		defer func() { back(); <-a.flights }()
	default: // it waits in its place
	}
	return a.committer.commit(ctx, a.runDir(u.key), req)
}

// turnedDown follows a refusal of a commit.
func (a *Agent) turnedDown(ctx context.Context, u *unit, t *turn, r *controllerv1.Refusal) time.Duration {
	ev := t.d.Event
	switch {
	case r.Kind == refusedDenied && u.notLeader != ev.Id && !event.Task(ev.Kind) && t.d.Do == resolver.Run:
		u.notLeader = ev.Id // it runs once more, with a view that says so
		return 0
	case (r.Kind == refusedDenied || r.Kind == refusedInvalid) && t.req.GetFailed() == nil:
		t.ran.Done = &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, ExitCode: 1, Message: r.Message}
		t.req = changeset.Commit(t.in, t.d, t.ran, a.guard(u, t), commitID())
		return a.commit(ctx, u, t)
	}
	a.refused(u, t.req.Guard, r)
	return u.pause()
}

// journal reports the event as show-unit --events prints it.
func (a *Agent) journal(u *unit, t *turn, sent time.Time, revision int64) {
	entry := a.entry(u, t)
	entry.Revision, entry.CommitUs, entry.Wrote = revision, a.cfg.Now().Sub(sent).Microseconds(), changeset.Wrote(t.req.GetDone().GetChangeset())
	switch done := t.ran.Done; {
	case t.req.GetFailed() != nil:
		entry.Outcome, entry.Message = "failed", t.req.GetFailed().Message
		if done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_KILLED {
			entry.Outcome = "killed"
		}
	case done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED:
		entry.Outcome = "not-implemented"
	case done == nil:
		entry.Message = "committed without being run"
	}
	entry.Recorded = a.record(u, t)
	a.report.tell(entry)
}

// entry is what is known of an event before it is committed.
func (a *Agent) entry(u *unit, t *turn) *controllerv1.JournalEntry {
	entry := &controllerv1.JournalEntry{Model: u.key.Model, Unit: u.key.Unit, Event: t.d.Event, Outcome: "ok",
		StartUnixNano: t.start.UnixNano(), QueuedUs: t.queued.Microseconds()}
	if !t.ended.IsZero() {
		entry.RunUs = t.ended.Sub(t.start).Microseconds()
	}
	return entry
}
