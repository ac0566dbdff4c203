package logbook

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Query selects records. The zero Query selects all that is kept.
type Query struct {
	// Replay starts with the oldest record; without it, Lines of the newest
	// come first.
	Replay bool
	// Follow goes on with new records.
	Follow bool
	// Lines is how many of the newest records come first; 0 = all unless
	// Follow, then none.
	Lines int
	// Limit ends after so many records; 0 = none.
	Limit int
	// Include and Exclude match entities: "unit-web-0", "web/0" or a glob
	// of either; "web" is every unit of the application.
	Include, Exclude []string
	// IncludeModule and ExcludeModule match a module and all below it.
	IncludeModule, ExcludeModule []string
	// Level is the lowest one shown: TRACE DEBUG INFO WARNING ERROR CRITICAL.
	Level string
}

// Levels are the log levels, lowest first.
func Levels() []string { return []string{"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"} }

// matcher is a compiled query.
type matcher struct {
	level            int
	include, exclude []string
	q                Query
}

func (q Query) compile() (*matcher, error) {
	m := &matcher{q: q}
	if q.Level != "" {
		m.level = rank(q.Level)
		if m.level < 0 {
			return nil, errs.E(errs.Invalid, "cannot show log: level %q is not one of %s", q.Level, strings.Join(Levels(), ", "))
		}
	}
	for _, list := range []struct {
		from []string
		to   *[]string
	}{{q.Include, &m.include}, {q.Exclude, &m.exclude}} {
		for _, pattern := range list.from {
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, errs.E(errs.Invalid, "cannot show log: %q is not a valid pattern", pattern)
			}
			*list.to = append(*list.to, entityPatterns(pattern)...)
		}
	}
	return m, nil
}

// entityPatterns turns what a person writes into patterns of entities.
func entityPatterns(p string) []string {
	if app, n, ok := strings.Cut(p, "/"); ok {
		return []string{"unit-" + app + "-" + n}
	}
	if strings.HasPrefix(p, "unit-") || strings.HasPrefix(p, "machine-") || p == "controller" {
		return []string{p}
	}
	return []string{p, "unit-" + p + "-[0-9]*"}
}

func (m *matcher) matches(r *controllerv1.LogRecord) bool {
	if m.level > 0 {
		if level := rank(r.GetLevel()); level >= 0 && level < m.level {
			return false
		}
	}
	return wanted(m.include, m.exclude, func(p string) bool { return entityIs(p, r.GetEntity()) }) &&
		wanted(m.q.IncludeModule, m.q.ExcludeModule, func(p string) bool {
			return r.GetModule() == p || strings.HasPrefix(r.GetModule(), p+".")
		})
}

func wanted(include, exclude []string, is func(string) bool) bool {
	return (len(include) == 0 || slices.ContainsFunc(include, is)) && !slices.ContainsFunc(exclude, is)
}

// entityIs compares with a glob; one of the form unit-APP-[0-9]* stands for the
// units of that application alone, so what follows must be a number.
func entityIs(pattern, entity string) bool {
	if app, ok := strings.CutSuffix(pattern, "[0-9]*"); ok {
		n, ok := strings.CutPrefix(entity, app)
		return ok && n != "" && strings.Trim(n, "0123456789") == ""
	}
	ok, err := path.Match(pattern, entity)
	return ok && err == nil
}

// rank is the place of a level, -1 for an unknown one.
func rank(level string) int {
	level = strings.ToUpper(level)
	if level == "WARN" {
		level = "WARNING"
	}
	return slices.Index(Levels(), level)
}

// history reads what the query wants of the past.
func history(parts []part, match *matcher, q Query) ([]*controllerv1.LogRecord, error) {
	if q.Follow && !q.Replay && q.Lines == 0 {
		return nil, nil
	}
	var found []*controllerv1.LogRecord
	err := scan(parts, "", func(line []byte) error {
		r := &controllerv1.LogRecord{}
		if unmarshal(line, r) != nil || !match.matches(r) {
			return nil //nolint:nilerr // a line that a crash cut off is no reason to show none
		}
		found = append(found, r)
		if !q.Replay && q.Lines > 0 && len(found) > 2*q.Lines {
			found = append(found[:0], found[len(found)-q.Lines:]...)
		}
		return nil
	})
	if !q.Replay && q.Lines > 0 && len(found) > q.Lines {
		found = found[len(found)-q.Lines:]
	}
	return found, err
}

// follower is somebody who reads new records as they come.
type follower struct {
	model   string
	match   *matcher
	records chan *controllerv1.LogRecord
	lost    int // since the last record that found room; guarded by the book
}

// offer never blocks: who is too slow loses records and is told how many.
func (f *follower) offer(r *controllerv1.LogRecord) {
	if r.GetModel() != f.model || !f.match.matches(r) {
		return
	}
	if f.lost > 0 {
		note := &controllerv1.LogRecord{
			Model: f.model, Entity: "controller", Module: "logbook", Level: "WARNING", TimeUnixNano: time.Now().UnixNano(),
			Message: fmt.Sprintf("%d records were left out here: the reader was too slow; --replay shows them", f.lost),
		}
		select {
		case f.records <- note:
			f.lost = 0
		default:
		}
	}
	select {
	case f.records <- r:
	default:
		f.lost++
	}
}

// run sends until ctx ends, the book is closed or the limit is met.
func (f *follower) run(ctx context.Context, limited bool, left int, send func([]*controllerv1.LogRecord) error) error {
	for {
		var batch []*controllerv1.LogRecord
		select {
		case <-ctx.Done():
			return nil
		case r, open := <-f.records:
			if !open {
				return nil
			}
			batch = append(batch, r)
		}
		for more := true; more && len(batch) < chunk; {
			select {
			case r, open := <-f.records:
				if more = open; open {
					batch = append(batch, r)
				}
			default:
				more = false
			}
		}
		if limited {
			batch = batch[:min(len(batch), left)]
			left -= len(batch)
		}
		if err := send(batch); err != nil {
			return err
		}
		if limited && left == 0 {
			return nil
		}
	}
}
