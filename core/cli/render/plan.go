package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/event"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// Planned is what a change would do.
type Planned struct {
	Model   string
	Changes []string // as they were given
	Steps   []*controllerv1.RehearsedStep
	End     *clientv1.PlanEnd
}

// PlanDoc is a plan in YAML and JSON.
type PlanDoc struct {
	Model      string               `json:"model" yaml:"model"`
	Changed    bool                 `json:"changed" yaml:"changed"`
	Units      map[string]*PlanUnit `json:"units" yaml:"units"`
	Unaffected int                  `json:"unaffected" yaml:"unaffected"`
	Grants     map[string]PlanGrant `json:"grants,omitempty" yaml:"grants,omitempty"` // by application
	Stopped    string               `json:"stopped,omitempty" yaml:"stopped,omitempty"`
}

// PlanGrant is what the change does to the permissions of an application.
type PlanGrant struct {
	Given []string `json:"given,omitempty" yaml:"given,omitempty"`
	Taken []string `json:"taken,omitempty" yaml:"taken,omitempty"`
}

// PlanUnit is one unit of a PlanDoc.
type PlanUnit struct {
	Fate    string      `json:"fate,omitempty" yaml:"fate,omitempty"` // new, gone
	Events  []PlanEvent `json:"events" yaml:"events"`
	Waits   string      `json:"waits,omitempty" yaml:"waits,omitempty"`
	Endless []string    `json:"endless,omitempty" yaml:"endless,omitempty"`
	Unknown string      `json:"unknown,omitempty" yaml:"unknown,omitempty"`
}

// PlanEvent is one event that a unit would be given.
type PlanEvent struct {
	Event   string   `json:"event" yaml:"event"`
	Outcome string   `json:"outcome" yaml:"outcome"`
	Message string   `json:"message,omitempty" yaml:"message,omitempty"`
	Changes []Change `json:"changes,omitempty" yaml:"changes,omitempty"`
	Effects []Effect `json:"effects,omitempty" yaml:"effects,omitempty"`
}

// Doc is the plan in the form of YAML and JSON.
func (p Planned) Doc() PlanDoc {
	doc := PlanDoc{Model: p.Model, Changed: p.End.GetChanged(), Units: map[string]*PlanUnit{}, Unaffected: int(p.End.GetRested()), Stopped: p.End.GetStopped()}
	for _, u := range p.End.GetUnits() {
		doc.Units[u.GetUnit()] = &PlanUnit{Fate: u.GetFate(), Events: []PlanEvent{}, Waits: u.GetWaits(), Unknown: u.GetUnknown()}
		if u.GetEndless() {
			doc.Units[u.GetUnit()].Endless = u.GetLast()
		}
	}
	for _, g := range p.End.GetGrants() {
		if doc.Grants == nil {
			doc.Grants = map[string]PlanGrant{}
		}
		doc.Grants[g.GetApplication()] = PlanGrant{Given: g.GetGiven(), Taken: g.GetTaken()}
	}
	for _, s := range p.Steps {
		u := doc.Units[s.GetUnit()]
		if u == nil {
			u = &PlanUnit{}
			doc.Units[s.GetUnit()] = u
		}
		u.Events = append(u.Events, PlanEvent{Event: event.Name(s.GetEvent()), Outcome: s.GetOutcome(), Message: s.GetMessage(),
			Changes: changes(s.GetChanges()), Effects: effects(s.GetEffects())})
	}
	return doc
}

// Failing lists the units of which an event would fail.
func (p Planned) Failing() []string {
	var out []string
	for _, s := range p.Steps {
		if (s.GetOutcome() == "failed" || s.GetOutcome() == "killed") && !slices.Contains(out, s.GetUnit()) {
			out = append(out, s.GetUnit())
		}
	}
	event.SortUnits(out)
	return out
}

// Bad says that an event would fail, or that it did not come to an end.
func (p Planned) Bad() bool {
	endless := slices.ContainsFunc(p.End.GetUnits(), func(u *clientv1.PlannedUnit) bool { return u.GetEndless() })
	return len(p.Failing()) > 0 || endless || p.End.GetStopped() != ""
}

// Plan writes a plan for who reads it.
func Plan(w io.Writer, p Planned) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "Plan for model %s: %s. Nothing is changed.\n", p.Model, strings.Join(p.Changes, "; "))
	if !p.End.GetChanged() {
		b.WriteString("\nIt would change nothing: the model is as it wants it already.\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	doc := p.Doc()
	grantPlan(b, doc.Grants)
	names := make([]string, 0, len(doc.Units))
	for name := range doc.Units {
		names = append(names, name)
	}
	event.SortUnits(names)
	for _, name := range names {
		unitPlan(b, name, doc.Units[name])
	}
	b.WriteString("\n")
	if doc.Stopped != "" {
		fmt.Fprintf(b, "It ended early: %s.\n", doc.Stopped)
	}
	if n := doc.Unaffected; n > 0 && doc.Stopped == "" {
		fmt.Fprintf(b, "%s: nothing would happen.\n", count(n, "other unit"))
	}
	switch failing := p.Failing(); {
	case len(failing) > 0:
		fmt.Fprintf(b, "It would fail on %s.\n", strings.Join(failing, ", "))
	case doc.Stopped == "":
		b.WriteString("No event would fail.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// grantPlan writes what applications would be allowed, and what no more.
func grantPlan(b *strings.Builder, all map[string]PlanGrant) {
	for _, app := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(b, "\n%s\n", app)
		for _, text := range all[app].Given {
			fmt.Fprintf(b, "  granted: %s\n", grant.Words(text))
		}
		for _, text := range all[app].Taken {
			fmt.Fprintf(b, "  taken away: %s\n", grant.Words(text))
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// unitPlan writes what one unit would do.
func unitPlan(b *strings.Builder, name string, u *PlanUnit) {
	b.WriteString("\n" + name)
	if u.Fate != "" {
		b.WriteString(" (" + u.Fate + ")")
	}
	b.WriteString("\n")
	for _, ev := range u.Events {
		eventPlan(b, ev)
	}
	if len(u.Events) == 0 && u.Fate == "new" && u.Unknown == "" && u.Waits == "" {
		b.WriteString("  it would do nothing\n")
	}
	if u.Waits != "" && u.Fate != "gone" {
		fmt.Fprintf(b, "  then it waits: %s\n", u.Waits)
	}
	if len(u.Endless) > 0 {
		fmt.Fprintf(b, "  it does not come to rest: … %s; it was stopped there\n", strings.Join(u.Endless, ", "))
	}
	if why := unknowable(u); why != "" {
		fmt.Fprintf(b, "  what it would do at that is not known: %s\n", why)
	}
	if u.Unknown != "" {
		fmt.Fprintf(b, "  what it would do is not known: %s\n", u.Unknown)
	}
	if u.Fate == "new" && len(u.Events) > 0 {
		b.WriteString("  not known yet: its addresses, storage and containers, and what it does once they are there\n")
	}
}

// unknowable is why it is not known what events of the unit would do, "" if it is.
func unknowable(u *PlanUnit) string {
	var why []string
	for _, ev := range u.Events {
		if ev.Outcome == "unknown" && !slices.Contains(why, ev.Message) {
			why = append(why, ev.Message)
		}
	}
	return strings.Join(why, "; ")
}

// eventPlan writes one event.
func eventPlan(b *strings.Builder, ev PlanEvent) {
	switch ev.Outcome {
	case "unknown":
		fmt.Fprintf(b, "  %s: not known\n", ev.Event)
	case "failed", "killed":
		fmt.Fprintf(b, "  %s: it would fail: %s\n", ev.Event, ev.Message)
	case "not-implemented":
		fmt.Fprintf(b, "  %s: the charm does nothing with it\n", ev.Event)
	default:
		fmt.Fprintf(b, "  %s\n", ev.Event)
	}
	for _, c := range ev.Changes {
		b.WriteString("    " + changeLine(c) + "\n")
	}
	for _, e := range ev.Effects {
		fmt.Fprintf(b, "    %s\n", e.Summary)
		for line := range strings.Lines(e.Detail) {
			b.WriteString("      " + strings.TrimRight(line, "\n") + "\n")
		}
	}
}

// changeLine is "status: waiting → active".
func changeLine(c Change) string {
	what := strings.Join(strings.Fields(c.Kind+" "+c.Target+" "+c.Key), " ")
	switch c.Kind {
	case "port":
		if c.After == "" {
			return what + ": closed"
		}
		return what + ": opened"
	case "secret", "storage", "payload", "reboot", "pod-spec", "action":
		return what + ": " + c.After
	}
	switch {
	case c.Before == "":
		return what + ": " + c.After
	case c.After == "":
		return what + ": " + c.Before + " → removed"
	}
	return what + ": " + c.Before + " → " + c.After
}
