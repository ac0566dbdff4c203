package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Config is what a set of checks needs.
type Config struct {
	Prober  Prober
	Changes *change.Journal
	// Failed is called when a check reaches its threshold; it must not wait.
	Failed func(name string)
}

// Set holds the checks of the plan.
type Set struct {
	prober  Prober
	changes *change.Journal
	failed  func(string)
	wg      sync.WaitGroup

	mu     sync.Mutex
	checks map[string]*runner
}

// New returns a set without checks; Apply fills it.
func New(c Config) *Set {
	return &Set{prober: c.Prober, changes: c.Changes, failed: c.Failed, checks: map[string]*runner{}}
}

// Close stops every check and waits for their goroutines.
func (s *Set) Close() {
	for _, r := range s.snapshot() {
		r.stop()
	}
	s.wg.Wait()
}

func (s *Set) snapshot() map[string]*runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.checks)
}

// Apply follows a new plan: unchanged checks go on, changed ones begin anew,
// new ones start if enabled, removed ones end.
func (s *Set) Apply(p *plan.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, r := range s.checks {
		if p.Checks[n] == nil {
			r.stop()
			delete(s.checks, n)
		}
	}
	for n, def := range p.Checks {
		r := s.checks[n]
		switch {
		case r == nil:
			r = &runner{set: s, def: def}
			s.checks[n] = r
		case r.def.Equal(def):
			continue
		default:
			r.stop()
			r.replace(def)
		}
		if def.EffectiveStartup() == plan.Enabled {
			r.start()
		}
	}
}

// Replan starts the enabled checks that are inactive.
func (s *Set) Replan() {
	for _, r := range s.snapshot() {
		if r.info().Startup == plan.Enabled {
			r.start()
		}
	}
}

// List tells about the checks with that level ("" for any) and name (none for all), sorted.
func (s *Set) List(level string, names []string) []Info {
	out := []Info{}
	all := s.snapshot()
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if len(names) > 0 && !slices.Contains(names, n) {
			continue
		}
		if i := all[n].info(); level == "" || i.Level == level {
			out = append(out, i)
		}
	}
	return out
}

// Healthy reports whether no check is down that level and names choose; the
// level "ready" includes the alive ones.
func (s *Set) Healthy(level string, names []string) bool {
	for _, i := range s.List("", names) {
		chosen := level == "" || i.Level == level || level == plan.Ready && i.Level == plan.Alive
		if chosen && i.Status == Down {
			return false
		}
	}
	return true
}

// Start starts checks and returns the names that were inactive, sorted.
func (s *Set) Start(names []string) ([]string, error) {
	return s.each("start", names, (*runner).start)
}

// Stop stops checks and returns the names that were active, sorted.
func (s *Set) Stop(names []string) ([]string, error) {
	return s.each("stop", names, (*runner).stop)
}

func (s *Set) each(verb string, names []string, do func(*runner) bool) ([]string, error) {
	all := s.snapshot()
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	var missing []string
	for _, n := range names {
		if all[n] == nil {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("cannot %s checks: cannot find checks in plan: %s", verb, strings.Join(missing, ", "))
	}
	changed := []string{}
	for _, n := range names {
		if do(all[n]) {
			changed = append(changed, n)
		}
	}
	return changed, nil
}

// Refresh runs a check now. found is false for an unknown one; err is what the check said.
func (s *Set) Refresh(ctx context.Context, name string) (info Info, found bool, err error) {
	r := s.snapshot()[name]
	if r == nil {
		return Info{}, false, nil
	}
	err = r.run(ctx)
	return r.info(), true, err
}
