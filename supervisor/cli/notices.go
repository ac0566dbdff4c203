package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

const warning = "warning" // the type of notices that are warnings

func (p Process) notify(args []string) (int, error) {
	f := p.flags("notify", "<key> [<name=value>...]")
	var o client.NotifyOptions
	f.DurationVar(&o.RepeatAfter, "repeat-after", 0, "wake nobody again within this time")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	for _, kv := range s.args[1:] {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return 0, fmt.Errorf("data args must be in \"name=value\" format, not %q", kv)
		}
		if o.Data == nil {
			o.Data = map[string]string{}
		}
		o.Data[k] = v
	}
	id, err := s.c.Notify(s.ctx, s.args[0], o)
	if err == nil {
		fmt.Fprintf(s.Stdout, "Recorded notice %s\n", id)
	}
	return 0, err
}

// noticeFlags declares the filters of `notices`.
func (f *flags) noticeFlags() func() client.NoticeFilter {
	var filter client.NoticeFilter
	var users string
	var uid *int
	f.choice(&users, "users", "", "of everybody, for admins", "all")
	f.options[len(f.options)-1].set = func(v string) error {
		if v != "all" {
			return errors.New(`invalid "users" filter: must be "all"`)
		}
		users = v
		return nil
	}
	f.intVar(&uid, "uid", "of the user with this id, for admins")
	list := func(to *[]string) func(string) error {
		return func(v string) error { *to = append(*to, v); return nil }
	}
	f.add("type", "type", "only of this type: custom, change-update or warning; may be repeated", list(&filter.Types))
	f.add("key", "key", "only with this key; may be repeated", list(&filter.Keys))
	f.DurationVar(&filter.Timeout, "timeout", 0, "wait that long for one")
	return func() client.NoticeFilter {
		filter.AllUsers, filter.UserID = users == "all", userID(uid)
		return filter
	}
}

func userID(n *int) *uint32 {
	if n == nil {
		return nil
	}
	id := uint32(*n) //nolint:gosec // the parser takes no negative numbers, and the daemon refuses those beyond
	return &id
}

func (p Process) notices(args []string) (int, error) {
	f := p.flags("notices", "")
	abs, format := f.timeFlag(), f.formatFlag()
	filter := f.noticeFlags()
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	read := s.recall()
	want := filter()
	want.After = read.NoticesOkayed
	list, err := s.c.Notices(s.ctx, want)
	if err != nil {
		return 0, err
	}
	if len(list) > 0 {
		read.NoticesListed = list[len(list)-1].LastRepeated
		if err := s.remember(read); err != nil {
			return 0, err
		}
	}
	if *format != "text" {
		return 0, s.encode(*format, map[string]any{"notices": append([]client.Notice{}, list...)})
	}
	if len(list) == 0 {
		text := "No matching notices."
		if want.Timeout > 0 {
			text = fmt.Sprintf("No matching notices after waiting %s.", want.Timeout)
		}
		fmt.Fprintln(s.Stderr, text)
		return 0, nil
	}
	when := clock{time.Now(), *abs}
	return 0, s.table("ID\tUser\tType\tKey\tFirst\tRepeated\tOccurrences", func(row func(...string)) {
		for _, n := range list {
			user := "public"
			if n.UserID != nil {
				user = strconv.FormatUint(uint64(*n.UserID), 10)
			}
			row(n.ID, user, n.Type, n.Key, when.format(n.FirstOccurred), when.format(n.LastRepeated), strconv.Itoa(n.Occurrences))
		}
	})
}

func (p Process) notice(args []string) (int, error) {
	f := p.flags("notice", "<id-or-type> [<key>]")
	format := f.formatFlag()
	var uid *int
	f.intVar(&uid, "uid", "of the user with this id, for admins; with type and key")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	if len(s.args) == 1 {
		n, err := s.c.Notice(s.ctx, s.args[0])
		if err != nil {
			return 0, err
		}
		return 0, s.encode(*format, n)
	}
	kind, key := s.args[0], s.args[1]
	list, err := s.c.Notices(s.ctx, client.NoticeFilter{Types: []string{kind}, Keys: []string{key}, UserID: userID(uid)})
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("cannot find %s notice with key %q", kind, key)
	}
	if i := slices.IndexFunc(list, func(n client.Notice) bool { return n.UserID != nil }); i >= 0 {
		return 0, s.encode(*format, list[i]) // one's own rather than a public one
	}
	return 0, s.encode(*format, list[0])
}

// warningInfo is a warning as it is shown.
type warningInfo struct {
	Message       string    `json:"message" yaml:"message"`
	FirstOccurred time.Time `json:"first-occurred" yaml:"first-occurred"`
	LastOccurred  time.Time `json:"last-occurred" yaml:"last-occurred"`
	LastRepeated  time.Time `json:"last-repeated" yaml:"last-repeated"`
	RepeatAfter   string    `json:"repeat-after,omitempty" yaml:"repeat-after,omitempty"`
	ExpireAfter   string    `json:"expire-after" yaml:"expire-after"`
}

func (p Process) warnings(args []string) (int, error) {
	f := p.flags("warnings", "")
	var all, verbose bool
	var unicode string
	f.BoolVar(&all, "all", false, "also those taken as read")
	abs, format := f.timeFlag(), f.formatFlag()
	f.choice(&unicode, "unicode", "auto", "accepted and not needed", "auto", "never", "always")
	f.BoolVar(&verbose, "verbose", false, "with the times of each")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	read := s.recall()
	filter := client.NoticeFilter{Types: []string{warning}}
	if !all {
		filter.After = read.WarningsOkayed
	}
	list, err := s.c.Notices(s.ctx, filter)
	if err != nil {
		return 0, err
	}
	out := []warningInfo{}
	for _, n := range list {
		out = append(out, warningInfo{n.Key, n.FirstOccurred, n.LastOccurred, n.LastRepeated, n.RepeatAfter, n.ExpireAfter})
	}
	if len(list) > 0 {
		read.WarningsListed = list[len(list)-1].LastRepeated
		if err := s.remember(read); err != nil {
			return 0, err
		}
	}
	if *format != "text" {
		return 0, s.encode(*format, map[string]any{"warnings": out})
	}
	s.printWarnings(out, clock{time.Now(), *abs}, verbose)
	return 0, nil
}

func (s *session) printWarnings(list []warningInfo, when clock, verbose bool) {
	if len(list) == 0 {
		fmt.Fprintln(s.Stderr, "No warnings.")
	}
	for i, w := range list {
		if i > 0 {
			fmt.Fprintln(s.Stdout, "---")
		}
		fmt.Fprintf(s.Stdout, "last-occurrence:  %s\n", when.format(w.LastOccurred))
		if verbose {
			fmt.Fprintf(s.Stdout, "first-occurrence: %s\nrepeat-after:     %s\nexpires-after:    %s\n",
				when.format(w.FirstOccurred), orDash(w.RepeatAfter), w.ExpireAfter)
		}
		fmt.Fprintf(s.Stdout, "warning: |\n  %s\n", fill(w.Message, screen-2, "  "))
	}
}

func (p Process) okay(args []string) (int, error) {
	f := p.flags("okay", "")
	only := false
	f.BoolVar(&only, "warnings", false, "only warnings")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	read := s.recall()
	switch {
	case only && read.WarningsListed.IsZero():
		return 0, fmt.Errorf("no warnings have been listed; try '%s warnings'", s.name())
	case read.WarningsListed.IsZero() && read.NoticesListed.IsZero():
		return 0, fmt.Errorf("no notices or warnings have been listed; try '%[1]s notices' or '%[1]s warnings'", s.name())
	}
	if !only && !read.NoticesListed.IsZero() {
		read.NoticesOkayed = read.NoticesListed
	}
	if !read.WarningsListed.IsZero() {
		read.WarningsOkayed = read.WarningsListed
	}
	return 0, s.remember(read)
}
