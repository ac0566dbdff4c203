package load_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// final is what the model is when all has come to rest, and what the charms know of it.
type final struct {
	units     map[string][]string // application → its units
	ticks     map[string]string   // application → what its databags are to say
	relations [][2]string         // out → in
	books     map[string]book     // unit → what its charm has seen
}

// book is what one unit's charm noted in its state.
type book struct {
	entries   map[string]string
	committed int // events of the unit that are committed before the one in which it showed the book
	tasks     int // of those, tasks that were committed as failed without having run
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
func (f *final) late() (why []string) {
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
		}
	}
	slices.Sort(why)
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

// wrong says what no time mends: a changeset that was lost or applied twice.
func (f *final) wrong() (why []string) {
	for _, unit := range slices.Sorted(maps.Keys(f.books)) {
		b := f.books[unit]
		n, err := strconv.Atoi(b.entries["n"])
		if want := b.committed - b.tasks; err != nil || n != want {
			why = append(why, fmt.Sprintf("%s: %d events are committed and its charm's counter says %q", unit, want, b.entries["n"]))
		}
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

// unitsOf is who is in a status.
func unitsOf(status *clientv1.StatusResponse) map[string][]string {
	units := map[string][]string{}
	for _, app := range status.GetApplications() {
		units[app.GetName()] = nil
		for _, u := range app.GetUnits() {
			units[app.GetName()] = append(units[app.GetName()], u.GetName())
		}
	}
	return units
}
