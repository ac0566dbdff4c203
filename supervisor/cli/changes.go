package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

// byID sorts changes by number.
func byID(a, b *client.Change) int {
	x, _ := strconv.Atoi(a.ID)
	y, _ := strconv.Atoi(b.ID)
	return x - y
}

// inOrder returns the changes by number. It sorts pointers: of large values a sort is 20 kB of code.
func inOrder(list []client.Change) []client.Change {
	all := make([]*client.Change, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	slices.SortFunc(all, byID)
	out := make([]client.Change, len(list))
	for i, c := range all {
		out[i] = *c
	}
	return out
}

func (p Process) changes(args []string) (int, error) {
	f := p.flags("changes", "[<service>]")
	abs, format := f.timeFlag(), f.formatFlag()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	list, err := s.c.Changes(s.ctx, "all", f.arg(0))
	if err != nil {
		return 0, err
	}
	list = inOrder(list)
	if *format != "text" {
		return 0, s.encode(*format, map[string]any{"changes": append([]client.Change{}, list...)})
	}
	if len(list) == 0 {
		fmt.Fprintln(s.Stderr, "no changes found")
		return 0, nil
	}
	when := clock{time.Now(), *abs}
	err = s.table("ID\tStatus\tSpawn\tReady\tSummary", func(row func(...string)) {
		for _, c := range list {
			row(c.ID, c.Status, when.format(c.SpawnTime), when.format(c.ReadyTime), c.Summary)
		}
	})
	fmt.Fprintln(s.Stdout)
	return 0, err
}

func (p Process) tasks(args []string) (int, error) {
	f := p.flags("tasks", "[<change-id>]")
	f.lax = true
	abs, format := f.timeFlag(), f.formatFlag()
	last := ""
	f.StringVar(&last, "last", "", "the newest change of this kind, such as start, replan or exec").value = "kind"
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	c, err := s.chosen(f.arg(0), last)
	if err != nil {
		return 0, err
	}
	if *format != "text" {
		return 0, s.encode(*format, c)
	}
	when := clock{time.Now(), *abs}
	err = s.table("Status\tSpawn\tReady\tSummary", func(row func(...string)) {
		for _, t := range c.Tasks {
			row(t.Status, when.format(t.SpawnTime), when.format(t.ReadyTime), t.Summary)
		}
	})
	for _, t := range c.Tasks {
		if len(t.Log) > 0 {
			fmt.Fprintf(s.Stdout, "\n%s\n%s\n\n%s\n", strings.Repeat(".", 70), t.Summary, strings.Join(t.Log, "\n"))
		}
	}
	fmt.Fprintln(s.Stdout)
	return 0, err
}

var changeID = regexp.MustCompile(`^[a-z0-9]+$`)

// chosen finds a change by its id, or the newest of a kind.
func (s *session) chosen(id, last string) (client.Change, error) {
	switch {
	case id == "" && last == "":
		return client.Change{}, errors.New("please provide change ID or type with --last=<type>")
	case id != "" && last != "":
		return client.Change{}, errors.New("cannot use change ID and type together")
	case id != "" && !changeID.MatchString(id):
		return client.Change{}, fmt.Errorf("invalid change ID %q", id)
	case id != "":
		return s.c.Change(s.ctx, id)
	}
	list, err := s.c.Changes(s.ctx, "all", "")
	if err != nil {
		return client.Change{}, err
	}
	list = slices.DeleteFunc(list, func(c client.Change) bool { return c.Kind != last })
	if len(list) == 0 {
		return client.Change{}, fmt.Errorf("no changes of type %q found", last)
	}
	return inOrder(list)[len(list)-1], nil
}
