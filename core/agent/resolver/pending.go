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

// again runs the pending event once more, under the same id.
func again(p *controllerv1.Pending) Decision {
	ev := proto.CloneOf(p.Event)
	ev.Attempt = p.Attempt
	return Decision{Do: Run, Event: ev, Begin: p.Step == stepQueued && paired(ev)}
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
			d.Do = Skip
		}
		return d, true
	case in.dying() && in.Model.Unit.GetForced():
		d.Do = Skip
		return d, true
	case in.forcedCharm():
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

// forcedCharm says whether the application was refreshed with force to a charm that the unit does not have.
func (in Input) forcedCharm() bool {
	app := in.Model.Application
	return app.ForceCharm && !in.dying() && app.CharmDigest != in.Cursor.CharmDigest
}

// failure is what status says of a unit in error.
func failure(p *controllerv1.Pending) string {
	return fmt.Sprintf("hook failed: %q", event.Name(p.Event))
}
