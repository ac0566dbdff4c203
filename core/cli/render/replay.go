package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// RecordedEvent is one in `replay --list` in YAML and JSON.
type RecordedEvent struct {
	Unit    string   `json:"unit" yaml:"unit"`
	Event   string   `json:"event" yaml:"event"`
	Name    string   `json:"name" yaml:"name"`
	Time    string   `json:"time" yaml:"time"`
	Outcome string   `json:"outcome" yaml:"outcome"`
	Charm   string   `json:"charm" yaml:"charm"`
	Bytes   int64    `json:"bytes" yaml:"bytes"`
	Secrets []string `json:"secrets,omitempty" yaml:"secrets,omitempty"`
	Problem string   `json:"problem,omitempty" yaml:"problem,omitempty"`
}

// ReplayedEvent is one in `replay` in YAML and JSON.
type ReplayedEvent struct {
	Recorded   RecordedEvent `json:"recorded" yaml:"recorded"`
	Same       bool          `json:"same" yaml:"same"`
	Outcome    string        `json:"outcome,omitempty" yaml:"outcome,omitempty"`
	Message    string        `json:"message,omitempty" yaml:"message,omitempty"`
	Divergence string        `json:"divergence,omitempty" yaml:"divergence,omitempty"`
	Changes    []Change      `json:"changes,omitempty" yaml:"changes,omitempty"`
	Effects    []Effect      `json:"effects,omitempty" yaml:"effects,omitempty"`
}

// RecordedEvents is `replay --list`.
func RecordedEvents(list []*controllerv1.Recorded, zone Zone) []RecordedEvent {
	out := []RecordedEvent{}
	for _, r := range list {
		out = append(out, recordedEvent(r, zone))
	}
	return out
}

func recordedEvent(r *controllerv1.Recorded, zone Zone) RecordedEvent {
	return RecordedEvent{Unit: r.GetUnit(), Event: r.GetEvent(), Name: r.GetName(), Outcome: r.GetOutcome(), Charm: r.GetCharm(), Bytes: r.GetBytes(),
		Time: time.Unix(0, r.GetAtUnixNano()).In(zone.location()).Format(time.RFC3339Nano), Secrets: r.GetSecrets(), Problem: r.GetProblem()}
}

// RecordedTable prints a line for each event.
func RecordedTable(w io.Writer, list []*controllerv1.Recorded, zone Zone, colour bool) error {
	t := &Table{Columns: Columns("Event", "Time", "Outcome", "Charm", "Bytes", "Secrets", "Problem")}
	for _, r := range list {
		t.Add(r.GetEvent(), zone.stamp(time.Unix(0, r.GetAtUnixNano()).UTC().Format(time.RFC3339)), r.GetOutcome(), brief(r.GetCharm()), fmt.Sprint(r.GetBytes()),
			strings.Join(r.GetSecrets(), " "), r.GetProblem())
	}
	return t.Write(w, colour)
}

func brief(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), 12)]
}

// ReplayedEvents is `replay`.
func ReplayedEvents(list []*controllerv1.Replayed, zone Zone) []ReplayedEvent {
	out := []ReplayedEvent{}
	for _, r := range list {
		e := ReplayedEvent{Recorded: recordedEvent(r.GetRecorded(), zone), Same: r.GetSame(), Outcome: r.GetOutcome(), Message: r.GetMessage(), Divergence: r.GetDivergence(),
			Changes: changes(r.GetChanges()), Effects: effects(r.GetEffects())}
		out = append(out, e)
	}
	return out
}

// Replayed prints what came of events that were run again.
func Replayed(w io.Writer, list []*controllerv1.Replayed) error {
	p := &printer{w: w}
	for _, r := range list {
		p.replayed(r, "")
	}
	return p.err
}

// Shadow prints the same for a package that is not the unit's, unit by unit.
func Shadow(w io.Writer, list []*controllerv1.Replayed) error {
	p := &printer{w: w}
	unit := ""
	var same, differ, fail int
	for _, r := range list {
		if u := r.GetRecorded().GetUnit(); u != unit {
			unit = u
			p.line("%s:", unit)
		}
		p.replayed(r, "  ")
		switch {
		case r.GetSame():
			same++
		case r.GetOutcome() == "ok" || r.GetOutcome() == r.GetRecorded().GetOutcome():
			differ++
		default:
			fail++
		}
	}
	if len(list) > 0 {
		p.line("%d the same, %d differ, %d would fail or cannot be run", same, differ, fail)
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) replayed(r *controllerv1.Replayed, indent string) {
	name := first(r.GetRecorded().GetEvent(), "an event")
	switch {
	case r.GetOutcome() == "":
		p.line("%s%s: cannot be run again: %s", indent, name, r.GetMessage())
		return
	case r.GetSame():
		p.line("%s%s: same changeset", indent, name)
		return
	case r.GetOutcome() != "ok" && r.GetOutcome() != r.GetRecorded().GetOutcome():
		p.line("%s%s: would be %s: %s", indent, name, r.GetOutcome(), r.GetMessage())
	default:
		p.line("%s%s: differs", indent, name)
	}
	for _, c := range r.GetChanges() {
		what := strings.Join(strings.Fields(c.GetKind()+" "+c.GetTarget()+" "+c.GetKey()), " ")
		p.line("%s  %s: %s -> %s", indent, what, value(c.GetBefore()), value(c.GetAfter()))
	}
	if r.GetDivergence() != "" {
		p.line("%s  %s", indent, r.GetDivergence())
	}
	for _, e := range r.GetEffects() {
		p.line("%s  does: %s: %s", indent, e.GetTarget(), e.GetSummary())
	}
}

func value(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return fmt.Sprintf("%q", text)
}
