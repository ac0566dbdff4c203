package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Config is what a set of services needs.
type Config struct {
	Runner Runner
	Logs   *logs.Store
	Log    *slog.Logger
	// Plan returns the plan of the moment.
	Plan func() *plan.Plan
	// Shutdown is called, from another goroutine, when a service's or check's
	// action is to end everything.
	Shutdown func(ExitKind)
	// Exited is told of exits, where the plan asks for it; it must not wait. It may be nil.
	Exited func(Exit)
}

// Set holds every service that was ever named by the plan.
type Set struct {
	shared
	plan   func() *plan.Plan
	ending atomic.Bool

	mu       sync.Mutex
	services map[string]*Service
}

// New returns a set in which nothing runs.
func New(c Config) *Set {
	return &Set{
		shared: shared{runner: c.Runner, logs: c.Logs, log: c.Log, exit: c.Exited, shutdown: func(k ExitKind) {
			if c.Shutdown != nil {
				go c.Shutdown(k)
			}
		}},
		plan:     c.Plan,
		services: map[string]*Service{},
	}
}

// RefuseStarts makes every start from now on fail; shutdown begins with it.
func (t *Set) RefuseStarts() { t.ending.Store(true) }

// Wait blocks until every run has ended; stop them first.
func (t *Set) Wait() { t.wg.Wait() }

// Limits of what is remembered of services that do not run.
const (
	maxIdle    = 100
	maxIdleAge = 7 * 24 * time.Hour
)

// Prune forgets the output of services that have been inactive for long, and of the longest inactive beyond a hundred.
func (t *Set) Prune(now time.Time) {
	type idle struct {
		name  string
		since time.Time
	}
	var list []*idle
	for n, s := range t.all() {
		s.mu.Lock()
		if s.began && (s.state == Stopped || s.state == Exited) {
			list = append(list, &idle{n, s.since})
		}
		s.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b *idle) int { return b.since.Compare(a.since) })
	for i, s := range list {
		if i >= maxIdle || now.Sub(s.since) > maxIdleAge {
			t.logs.Drop(s.name)
		}
	}
}

func (t *Set) get(name string) *Service {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.services[name]
	if s == nil {
		s = &Service{shared: &t.shared, name: name}
		t.services[name] = s
	}
	return s
}

func (t *Set) all() map[string]*Service {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.services)
}

// List tells about the named services of the plan, all without names, sorted.
func (t *Set) List(names []string) []Info {
	p := t.plan()
	out := []Info{}
	for _, n := range slices.Sorted(maps.Keys(p.Services)) {
		if len(names) > 0 && !slices.Contains(names, n) {
			continue
		}
		startup := plan.Disabled
		if p.Services[n].Startup == plan.Enabled {
			startup = plan.Enabled
		}
		out = append(out, t.get(n).info(startup))
	}
	return out
}

// Signal sends sig to the main process of each; the failures are joined with "; ".
func (t *Set) Signal(names []string, sig syscall.Signal) error {
	var failed []string
	p := t.plan()
	for _, n := range names {
		if p.Services[n] == nil {
			failed = append(failed, fmt.Sprintf("cannot send signal to %q: service does not exist", n))
		} else if err := t.get(n).signal(sig); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// CheckFailed applies the on-check-failure actions of every service that names the check.
func (t *Set) CheckFailed(check string) {
	for n, c := range t.plan().Services {
		if action, ok := c.OnCheckFailure[check]; ok {
			t.log.Info("check failure triggers action", "service", n, "check", check, "action", string(action))
			t.get(n).checkFailed(action)
		}
	}
}

func (t *Set) definition(name string) Definition {
	p := t.plan()
	s := p.Services[name]
	if s == nil {
		return Definition{}
	}
	return Definition{Service: s, Workload: p.Workloads[s.Workload]}
}

// ErrNoDefault is returned by Autostart when no service has startup: enabled.
var ErrNoDefault = errors.New("no default services")

// Start returns the change that starts names and what they require.
func (t *Set) Start(names []string) (change.Spec, error) { return t.startChange("start", names) }

func (t *Set) startChange(kind string, names []string) (change.Spec, error) {
	order, err := t.plan().StartOrder(names)
	if err != nil {
		return change.Spec{}, fmt.Errorf("cannot start services: %w", err)
	}
	b := builder{set: t}
	if kind == "start" {
		b.named = names
	}
	b.add(order, false)
	return b.spec(kind, names, order.Names), nil
}

// Autostart returns the change that starts every service with startup: enabled.
func (t *Set) Autostart() (change.Spec, error) {
	names := t.enabled()
	if len(names) == 0 {
		return change.Spec{}, ErrNoDefault
	}
	return t.startChange("autostart", names)
}

func (t *Set) enabled() []string {
	var names []string
	p := t.plan()
	for _, n := range slices.Sorted(maps.Keys(p.Services)) {
		if p.Services[n].Startup == plan.Enabled {
			names = append(names, n)
		}
	}
	return names
}

// Stop returns the change that stops names and what requires them.
func (t *Set) Stop(names []string) (change.Spec, error) {
	order, err := t.plan().StopOrder(names)
	if err != nil {
		return change.Spec{}, fmt.Errorf("cannot stop services: %w", err)
	}
	b := builder{set: t}
	b.add(order, true)
	return b.spec("stop", names, order.Names), nil
}

// StopAll returns the change that stops whatever is live, and the longest it may take.
func (t *Set) StopAll() (change.Spec, time.Duration, error) {
	var names []string
	longest := 5 * time.Second
	for n, s := range t.all() {
		if live, d := s.live(); live {
			names = append(names, n)
			longest = max(longest, d)
		}
	}
	slices.Sort(names)
	order, err := t.plan().Only(names)
	if err != nil {
		return change.Spec{}, 0, fmt.Errorf("cannot stop services: %w", err)
	}
	b := builder{set: t}
	b.add(order, true)
	spec := b.spec("stop", names, names)
	spec.Summary = "Stop all running services"
	return spec, longest + GiveUpTime + 100*time.Millisecond, nil
}

// Restart returns the change that stops exactly names, then starts them and what they require.
func (t *Set) Restart(names []string) (change.Spec, error) {
	return t.stopStart("restart", names, names, names)
}

// Replan returns the change that restarts what runs with an old definition
// and starts what is enabled.
func (t *Set) Replan() (change.Spec, error) {
	var stop []string
	for n, s := range t.all() {
		if def := t.definition(n); def.Service != nil && s.outdated(def) {
			stop = append(stop, n)
		}
	}
	slices.Sort(stop)
	start := slices.Clone(stop)
	for _, n := range t.enabled() {
		if !slices.Contains(start, n) {
			start = append(start, n)
		}
	}
	return t.stopStart("replan", start, stop, start)
}

func (t *Set) stopStart(kind string, asked, stop, start []string) (change.Spec, error) {
	p := t.plan()
	stops, err := p.Only(stop)
	if err != nil {
		return change.Spec{}, fmt.Errorf("cannot %s services: %w", kind, err)
	}
	starts, err := p.StartOrder(start)
	if err != nil {
		return change.Spec{}, fmt.Errorf("cannot %s services: %w", kind, err)
	}
	b := builder{set: t}
	b.add(stops, true)
	b.barrier = len(b.tasks)
	if kind == "restart" {
		b.named = asked
	}
	b.add(starts, false)
	return b.spec(kind, asked, starts.Names), nil
}

// builder turns orders into tasks.
type builder struct {
	set     *Set
	tasks   []change.TaskSpec
	named   []string // by the client itself
	barrier int      // tasks before this index come before all that are added
}

func (b *builder) add(o plan.Order, stop bool) {
	previous := map[string]string{}
	for _, lane := range o.Lanes {
		for i := 1; i < len(lane); i++ {
			previous[lane[i]] = lane[i-1]
		}
	}
	index := map[string]int{}
	for _, n := range o.Names {
		t := b.task(n, stop)
		for i := range b.barrier {
			t.Needs = append(t.Needs, i)
		}
		if p, ok := previous[n]; ok {
			t.Needs = append(t.Needs, index[p])
		}
		for _, f := range o.After[n] {
			t.Follows = append(t.Follows, index[f])
		}
		index[n] = len(b.tasks)
		b.tasks = append(b.tasks, t)
	}
}

func (b *builder) task(name string, stop bool) change.TaskSpec {
	set := b.set
	if stop {
		return change.TaskSpec{
			Kind: "stop", Summary: fmt.Sprintf("Stop service %q", name),
			Work: func(_ context.Context, t *change.Task) error { return set.get(name).stop(t.Log) },
		}
	}
	named := slices.Contains(b.named, name)
	return change.TaskSpec{
		Kind: "start", Summary: fmt.Sprintf("Start service %q", name),
		Work: func(ctx context.Context, t *change.Task) error {
			if set.ending.Load() {
				return errors.New("cannot start service: the supervisor is shutting down")
			}
			def := set.definition(name)
			if def.Service == nil {
				return fmt.Errorf("cannot find service %q in plan", name)
			}
			return set.get(name).start(ctx, def, named, t.Log)
		},
	}
}

func (b *builder) spec(kind string, asked, resolved []string) change.Spec {
	title := strings.ToUpper(kind[:1]) + kind[1:]
	s := change.Spec{Kind: kind, Services: resolved, Tasks: b.tasks}
	switch {
	case len(resolved) == 0:
		s.Summary = title + " - no services"
	case len(resolved) == 1:
		s.Summary = fmt.Sprintf("%s service %q", title, asked[0])
	default:
		s.Summary = fmt.Sprintf("%s service %q and %d more", title, asked[0], len(resolved)-1)
	}
	return s
}
