package resolver

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// The steps of Cursor.pending.
const (
	stepBegun  = "begun"  // recorded; it may have run
	stepFailed = "failed" // it ran and failed
	stepQueued = "queued" // it is next and never ran
)

// takes says whether a unit gets a charm with the event.
func takes(ev *hookv1.Event) bool {
	return ev.GetKind() == api.EventInstall || ev.GetKind() == api.EventUpgradeCharm
}

func paired(ev *hookv1.Event) bool { return api.Paired(ev.Kind) }

// interrupted: a task that was begun and is not running here was cut off. It never runs twice.
func interrupted(in Input) (Decision, bool) {
	p := in.Cursor.Pending
	if p.GetStep() != stepBegun || !event.Task(p.Event.Kind) {
		return none()
	}
	reason := "interrupted: the agent was restarted while it ran; it is never run again by itself"
	for _, t := range in.Model.Tasks {
		if t.Id == p.Event.TaskId && t.Status == api.TaskAborting {
			reason = "cancelled; the agent was restarted while it ran"
		}
	}
	return Decision{Do: Skip, Event: proto.CloneOf(p.Event), Interrupted: true, Reason: reason}, true
}

// begun: what was recorded comes first, with the same arguments, whatever the model says by now.
func begun(in Input) (Decision, bool) {
	p := in.Cursor.Pending
	if p.GetStep() != stepBegun && p.GetStep() != stepQueued {
		return none()
	}
	return again(p), true
}

// again runs the pending event once more, under the same id. One whose charm never came into its place was not recorded.
func again(p *controllerv1.Pending) Decision {
	ev := proto.CloneOf(p.Event)
	ev.Attempt = p.Attempt
	unplaced := p.CharmDigest != "" && takes(ev)
	return Decision{Do: Run, Event: ev, Begin: unplaced || p.Step == stepQueued && paired(ev), Takes: unplaced}
}

// Unplaced is the decision once the charm that it was to take could not be put in place: of an event that a forced charm
// was to overtake, that it failed once more.
func Unplaced(in Input, d Decision) Decision {
	if p := in.Cursor.Pending; d.Do == Skip && p.GetStep() == stepFailed {
		return again(p)
	}
	return d
}

// task: actions and exec, the oldest first. A hook in error under one stays as it is.
func task(in Input) (Decision, bool) {
	c := in.Cursor
	if !c.Installed && c.Pending == nil || c.Stopped || in.queued() != "" {
		return none()
	}
	for _, t := range in.Model.Tasks {
		if t.Status != api.TaskPending {
			continue
		}
		return in.run(&hookv1.Event{Kind: t.Kind, Name: t.Action, TaskId: t.Id, ActionParams: t.Params, Command: t.Command})
	}
	return none()
}

// failed: a failed event holds everything but tasks until it is tried again, resolved, or overtaken by force.
func failed(in Input) (Decision, bool) {
	p := in.Cursor.Pending
	if p.GetStep() != stepFailed {
		return none()
	}
	d := again(p)
	switch r := in.Model.Resolved; {
	case r != nil && r.EventId == p.Event.Id && r.Attempt == p.Attempt:
		d.Resolved = true
		if !r.Retry {
			d.Do, d.Begin, d.Takes = Skip, false, false
		}
		return d, true
	case in.dying() && in.Model.Unit.GetForced():
		d.Do, d.Begin, d.Takes = Skip, false, false
		return d, true
	case d.Takes && !in.dying() && in.Model.Application.CharmDigest != p.CharmDigest:
		return d, true // another charm than the one that could not be put in place
	case !d.Takes && in.forcedCharm(p):
		// The files change under the failed event; it is tried again with them, and the charm hears no upgrade-charm.
		d, ok := in.run(plain(api.EventUpgradeCharm))
		d.Do, d.Begin = Skip, false
		return d, ok
	case p.NextTryUnixNano == 0 || in.Model.Model.GetConfig()[retryConfig] == "false":
		return wait(time.Time{}, failure(p))
	}
	if next := time.Unix(0, p.NextTryUnixNano); in.Now.Before(next) {
		return wait(next, failure(p))
	}
	return d, true
}

// forcedCharm says whether the application was refreshed with force to a charm that the unit does not have, and that was
// not just tried in vain.
func (in Input) forcedCharm(p *controllerv1.Pending) bool {
	app := in.Model.Application
	return app.ForceCharm && !in.dying() && app.CharmDigest != in.Cursor.CharmDigest &&
		(app.CharmDigest != p.CharmDigest || p.NextTryUnixNano != 0 && !in.Now.Before(time.Unix(0, p.NextTryUnixNano)))
}

// failure is what status says of a unit in error.
func failure(p *controllerv1.Pending) string {
	return fmt.Sprintf("hook failed: %q", event.Name(p.Event))
}
