package load_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/controller/model"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// final is what the model is when all has come to rest, and what the charms know of it.
type final struct {
	units     map[string][]string // application → its units
	scale     map[string]int      // application → how many it is to have
	leaders   map[string]string   // application → the unit that leads
	ticks     map[string]string   // application → what its databags are to say
	relations [][2]string         // out → in
	books     map[string]book     // unit → what its charm has seen
	tasks     []*controllerv1.Task
}

// book is what one unit's charm noted in its state, and what it was told when it showed that.
type book struct {
	entries map[string]string
	leader  string // "true" or "false": what is-leader said
}

// readBook reads lines of key=value or a JSON object.
func readBook(text string) (map[string]string, error) {
	entries := map[string]string{}
	if strings.HasPrefix(text, "{") {
		err := json.Unmarshal([]byte(text), &entries)
		return entries, err
	}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if !ok {
			return nil, fmt.Errorf("cannot read line %q of the book", line)
		}
		entries[key] = value
	}
	return entries, nil
}

// late says what the charms have not seen yet: it may come. Each unit is to know its own tick, who is in a relation with it
// and what they say, and nobody else.
func (f *final) late() []string {
	why := f.crowded()
	for app, units := range f.units {
		for _, unit := range units {
			b, ok := f.books[unit]
			if !ok {
				why = append(why, unit+" did not show its book")
				continue
			}
			if got := b.entries["tick"]; got != f.ticks[app] {
				why = append(why, fmt.Sprintf("%s knows tick %q, it is %q", unit, got, f.ticks[app]))
			}
			why = append(why, f.met(app, unit, b.entries)...)
			why = append(why, f.led(app, unit, b)...)
		}
	}
	for _, task := range f.tasks {
		if model.Open(task) {
			why = append(why, fmt.Sprintf("task %s of %s is %s", task.GetId(), task.GetUnit(), task.GetStatus()))
		}
	}
	slices.Sort(why)
	return why
}

// crowded says which applications have not the units that they are to have.
func (f *final) crowded() (why []string) {
	for app, units := range f.units {
		if len(units) != f.scale[app] {
			why = append(why, fmt.Sprintf("%s has %d units, want %d", app, len(units), f.scale[app]))
		}
	}
	return why
}

// met holds whom a unit has met, and what it heard, against the relations.
func (f *final) met(app, unit string, entries map[string]string) (why []string) {
	expect := map[string]string{} // "out.web-1" → tick
	apps := map[string]string{}   // "out.web" → tick
	join := func(end, other string) {
		for _, u := range f.units[other] {
			if u != unit {
				expect[end+"."+strings.Replace(u, "/", "-", 1)] = f.ticks[other]
			}
		}
		if end != "ring" && len(f.units[other]) > 0 {
			apps[end+"."+other] = f.ticks[other]
		}
	}
	join("ring", app)
	for _, r := range f.relations {
		if r[0] == app {
			join("out", r[1])
		}
		if r[1] == app {
			join("in", r[0])
		}
	}
	for who, tick := range expect {
		if n := entries["in."+who]; n != "1" {
			why = append(why, fmt.Sprintf("%s: %s joined minus departed is %q, want 1", unit, who, n))
		}
		if got := entries["saw."+who]; got != tick {
			why = append(why, fmt.Sprintf("%s: %s says %q, it is %q", unit, who, got, tick))
		}
	}
	for who, tick := range apps {
		if got := entries["app."+who]; got != tick {
			why = append(why, fmt.Sprintf("%s: application %s says %q, it is %q", unit, who, got, tick))
		}
	}
	for key, n := range entries {
		who, is := strings.CutPrefix(key, "in.")
		if _, there := expect[who]; is && !there && n != "0" {
			why = append(why, fmt.Sprintf("%s: %s is gone and joined minus departed is %s", unit, who, n))
		}
	}
	return why
}

// led holds what a unit knows of leadership against who leads: one of them, which was told so.
func (f *final) led(app, unit string, b book) (why []string) {
	leads := f.leaders[app] == unit
	if b.leader != strconv.FormatBool(leads) {
		why = append(why, fmt.Sprintf("%s: is-leader says %q, the leader of %s is %q", unit, b.leader, app, f.leaders[app]))
	}
	if leads && number(b.entries["led"]) < 1 {
		why = append(why, unit+" leads and had no leader-elected")
	}
	return why
}

// number reads a counter; nothing yet is 0, and what is no number is -1.
func number(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// wrong says what no waiting mends: a changeset that was lost, or applied more often than once.
func wrong(accounts []account) (why []string) {
	for _, a := range accounts {
		n := number(a.n)
		if want := int(a.sequence) - a.unrun; n != want {
			why = append(why, fmt.Sprintf("%s: %d events are committed and its charm's counter says %q", a.unit, want, a.n))
		}
		if int64(n) != a.written {
			why = append(why, fmt.Sprintf("%s: its charm's counter says %q and the store wrote it %d times", a.unit, a.n, a.written))
		}
		for _, task := range a.done {
			if a.once[task] == 0 {
				why = append(why, fmt.Sprintf("%s: task %s is completed and its charm does not know", a.unit, task))
			}
		}
		for _, task := range slices.Sorted(maps.Keys(a.once)) {
			if a.once[task] != 1 || !slices.Contains(a.done, task) {
				why = append(why, fmt.Sprintf("%s: its charm counts task %s %d times; completed: %v", a.unit, task, a.once[task], slices.Contains(a.done, task)))
			}
		}
	}
	return why
}

// gone says where the runs that executable charms noted outside of the model do not fit what is committed: lines of a unit
// and how many of its events were committed when the run began. A run from a state that an earlier run had left behind
// means a lost commit, a state that no run has left means that one was applied twice or came from nowhere.
func gone(lines []string, accounts []account) (why []string) {
	ran := map[string]int{} // unit → committed when its last run began
	for _, line := range lines {
		unit, text, _ := strings.Cut(line, " ")
		now := number(text)
		last, known := ran[unit]
		if !known {
			last = -1
		}
		if now != last && now != last+1 {
			why = append(why, fmt.Sprintf("%s: a run began with %d events committed, the one before it with %d", unit, now, last))
		}
		ran[unit] = now
	}
	for _, a := range accounts {
		last, known := ran[a.unit]
		if n := number(a.n); known && n != last && n != last+1 {
			why = append(why, fmt.Sprintf("%s: its last run began with %d events committed, at the end there are %d", a.unit, last, n))
		}
	}
	return why
}

// again says which events a unit's journal has as done more often than once.
func again(unit string, entries []*controllerv1.JournalEntry) (why []string) {
	done := map[string]int64{}
	for _, e := range entries {
		if e.GetOutcome() != "ok" {
			continue
		}
		event, _, _ := strings.Cut(e.GetEvent().GetId(), "-")
		if at, is := done[event]; is && at != e.GetRevision() {
			why = append(why, fmt.Sprintf("%s: event %s was committed at revision %d and at %d", unit, event, at, e.GetRevision()))
		}
		done[event] = e.GetRevision()
	}
	return why
}

// twice says which tasks ran more often than once, of those that left a line outside of the model.
func twice(lines []string) (why []string) {
	ran := map[string]int{}
	for _, id := range lines {
		if ran[id]++; ran[id] == 2 {
			why = append(why, "task "+id+" ran twice")
		}
	}
	return why
}

// unitsOf is who is in a status, and who leads.
func unitsOf(status *clientv1.StatusResponse) (units map[string][]string, leaders map[string]string) {
	units, leaders = map[string][]string{}, map[string]string{}
	for _, app := range status.GetApplications() {
		units[app.GetName()] = nil
		for _, u := range app.GetUnits() {
			units[app.GetName()] = append(units[app.GetName()], u.GetName())
			if u.GetLeader() {
				leaders[app.GetName()] = u.GetName()
			}
		}
	}
	return units, leaders
}
