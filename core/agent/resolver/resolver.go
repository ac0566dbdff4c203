// Package resolver is the stage that decides what a unit does next. It is pure: the next event is a function of the
// unit's cursor, the model's snapshot, what is observed at its place, and the time. Nothing is remembered between two
// calls, so that coalescing, restarts and lost messages are harmless: the same input derives the same event, with the
// same id.
//
// Next reads the table of rules from the top; the first rule that has something to say decides. Advance is the other
// half: what the cursor is once the event ended in one way or another.
package resolver

import (
	"time"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/event"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Reader is the newest form of the cursor that this package understands: see Cursor.min_reader.
const Reader = 1

// Input is all that decides. None of it is changed.
type Input struct {
	// Cursor is how far the unit has come, members included (Whole).
	Cursor *controllerv1.Cursor
	Model  *source.Snapshot
	Seen   *source.Observation
	// Incarnation is the agent's own; a unit of another is not ours to run.
	Incarnation string
	Now         time.Time
	// RebootNow: a hook was ended for the sake of a reboot that is still to come. NoReboot: the machine cannot be rebooted.
	RebootNow, NoReboot bool
}

// Do says what a Decision is.
type Do string

// The decisions.
const (
	Idle Do = "idle" // nothing to do before Until, or ever if that is zero
	Wait Do = "wait" // something is owed but must wait, for Reason; look again at Until if that is set
	Run  Do = "run"  // give Event to the charm
	Skip Do = "skip" // commit Event without running it
	Stop Do = "stop" // the unit is over
	// Reboot asks for the machine to be rebooted; nothing else is done before it was.
	Reboot Do = "reboot"
)

// Decision is what a unit does next.
type Decision struct {
	Do    Do
	Event *hookv1.Event
	// Begin asks for the event to be recorded before it runs.
	Begin bool
	// Takes: the unit's files become those of the application's charm, which must be in place before anything is written.
	Takes bool
	// Resolved says that the user's word on the failed event is followed and used up.
	Resolved bool
	// Interrupted: the event is a task that was running when the agent died; it is committed as failed.
	Interrupted bool
	Until       time.Time
	Reason      string
}

// rule is one line of the table: what has a say, in order.
type rule struct {
	name   string
	decide func(Input) (Decision, bool)
}

// table is Juju's order, with what a crash leaves behind on top.
func table() []rule {
	return []rule{
		{"dead, or remove has run", over},
		{"written by a newer agent", reader},
		{"another process speaks for the unit", taken},
		{"a task that nobody runs any more", interrupted},
		{"dying before it was installed", abandoned},
		{"no place yet", placeless},
		{"a reboot that a hook asked for", down},
		{"recorded and perhaps run", begun},
		{"actions and exec, also in error", task},
		{"failed", failed},
		{"a new place", moved},
		{"reboot", reboot},
		{"relation-created", created},
		{"leadership", leadership},
		{"containers, notices and checks", workload},
		{"secrets", secrets},
		{"storage", storage},
		{"what the last event left to be next", next},
		{"install", install},
		{"teardown", teardown},
		{"upgrade-charm", upgrade},
		{"config-changed", config},
		{"start", start},
		{"relations", relations},
		{"update-status", updateStatus},
		{"nothing", idle},
	}
}

// Next decides. The events of one input are always the same, id included.
func Next(in Input) Decision {
	crash.At("resolver.next")
	for _, r := range table() {
		if d, ok := r.decide(in); ok {
			return d
		}
	}
	return Decision{Do: Idle}
}

// run is the decision to run a new event. A pending event has the next number already.
func (in Input) run(ev *hookv1.Event) (Decision, bool) {
	sequence := in.Cursor.Sequence
	if in.Cursor.Pending != nil {
		sequence++
	}
	ev.Id = event.ID(sequence, event.Name(ev))
	return Decision{Do: Run, Event: ev, Begin: paired(ev), Takes: takes(ev)}, true
}

// plain is an event without arguments.
func plain(kind string) *hookv1.Event { return &hookv1.Event{Kind: kind, Name: kind} }

func wait(until time.Time, reason string) (Decision, bool) {
	return Decision{Do: Wait, Until: until, Reason: reason}, true
}

func none() (Decision, bool) { return Decision{}, false }

// dying says whether the unit is going away.
func (in Input) dying() bool { return !in.Model.Alive() }

// replaced says whether the unit found itself at a new place: a new pod, a new machine.
func (in Input) replaced() bool {
	return in.Cursor.Incarnation != "" && in.Cursor.Incarnation != in.Incarnation
}
