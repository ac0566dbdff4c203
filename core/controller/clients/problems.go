package clients

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// problems collects everything that is wrong with a request, so that the user
// hears of it at once.
type problems struct {
	class errs.Kind
	lines []string
}

// add takes an error, nil included; the first one's class is that of all.
func (p *problems) add(err error) {
	if err == nil {
		return
	}
	if p.class == "" {
		p.class = errs.Class(err)
	}
	p.lines = append(p.lines, err.Error())
}

// addf takes a line of class Invalid.
func (p *problems) addf(format string, args ...any) {
	p.add(errs.E(errs.Invalid, format, args...))
}

func (p *problems) err() error {
	if len(p.lines) == 0 {
		return nil
	}
	return errs.E(p.class, "%s", strings.Join(p.lines, "\n"))
}

// names lists a map's keys for a message.
func names[V any](m map[string]V, none string) string {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(k string) bool { return k == "" })
	if len(keys) == 0 {
		return none
	}
	return strings.Join(keys, ", ")
}

// quoted lists texts for a message.
func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}
