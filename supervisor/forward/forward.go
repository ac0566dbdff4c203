package forward

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Limits of the contract.
const (
	gather    = time.Second // from the first line until it is sent
	most      = 100         // lines in one request
	firstWait = time.Second // after a failure; doubled up to longest
	longest   = 30 * time.Second
	lastFlush = 2 * time.Second // for what is left when the supervisor ends
)

// Config is what forwarding needs.
type Config struct {
	Logs    *logs.Store
	Log     *slog.Logger
	Version string // in the User-Agent
}

// Forwarder keeps one gatherer for each log target.
type Forwarder struct {
	cfg Config
	wg  sync.WaitGroup

	mu      sync.Mutex
	plan    *plan.Plan
	targets map[string]*gatherer
}

// New returns a forwarder without targets; Apply gives it some.
func New(c Config) *Forwarder {
	return &Forwarder{cfg: c, plan: &plan.Plan{}, targets: map[string]*gatherer{}}
}

// gatherer is one target's life.
type gatherer struct {
	f      *Forwarder
	name   string
	kind   string
	where  string
	cancel context.CancelFunc
	moved  chan struct{} // gets a value when the plan has changed
}

// Apply follows a new plan. A target whose type or location changed begins
// anew, with the oldest lines that are kept.
func (f *Forwarder) Apply(p *plan.Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = p
	for n, g := range f.targets {
		if t := p.LogTargets[n]; t == nil || t.Type != g.kind || t.Location != g.where {
			g.cancel()
			delete(f.targets, n)
			continue
		}
		select {
		case g.moved <- struct{}{}:
		default:
		}
	}
	for n, t := range p.LogTargets {
		if f.targets[n] == nil {
			f.begin(n, t)
		}
	}
}

func (f *Forwarder) begin(name string, t *plan.LogTarget) {
	s, err := newSender(t.Type, t.Location, f.cfg.Version)
	if err != nil {
		f.cfg.Log.Error("cannot forward logs", "target", name, "error", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &gatherer{f: f, name: name, kind: t.Type, where: t.Location, cancel: cancel, moved: make(chan struct{}, 1)}
	f.targets[name] = g
	f.wg.Go(func() {
		defer s.close()
		g.run(ctx, s)
	})
}

// Close sends what is left, in at most a few seconds, and ends.
func (f *Forwarder) Close() {
	f.mu.Lock()
	for _, g := range f.targets {
		g.cancel()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// target returns the target as it is now and the services it wants.
func (g *gatherer) target() (*plan.LogTarget, map[string]*plan.Service) {
	g.f.mu.Lock()
	defer g.f.mu.Unlock()
	t := g.f.plan.LogTargets[g.name]
	if t == nil {
		return nil, nil
	}
	return t, g.f.plan.Services
}

// Selected reports whether a target wants a service: the last item of its
// list that matches decides, and nothing is wanted without one.
func Selected(t *plan.LogTarget, service string) bool {
	for _, item := range slices.Backward(t.Services) {
		name, without := strings.CutPrefix(item, "-")
		if name == service || name == "all" {
			return !without
		}
	}
	return false
}

// labels are the target's for one service, variables replaced by the service's environment.
func labels(t *plan.LogTarget, s *plan.Service) map[string]string {
	out := make(map[string]string, len(t.Labels))
	for k, v := range t.Labels {
		out[k] = os.Expand(v, func(name string) string {
			if s == nil {
				return ""
			}
			return s.Environment[name]
		})
	}
	return out
}

func (g *gatherer) run(ctx context.Context, s sender) {
	cursor := g.f.cfg.Logs.Cursor()
	var kept []logs.Entry
	for ctx.Err() == nil {
		changed := g.f.cfg.Logs.Changed()
		if kept = append(kept, g.read(cursor)...); len(kept) == 0 {
			select {
			case <-ctx.Done():
			case <-changed:
			case <-g.moved:
			}
			continue
		}
		kept = g.gather(ctx, cursor, kept)
		kept = g.sendAll(ctx, s, kept)
	}
	last, cancel := context.WithTimeout(context.Background(), lastFlush)
	defer cancel()
	for {
		if kept = append(kept, g.read(cursor)...); len(kept) == 0 {
			return
		}
		if kept = g.sendOnce(last, s, kept); len(kept) > 0 {
			g.f.cfg.Log.Warn("lines were not forwarded", "target", g.name, "lines", len(kept))
			return
		}
	}
}

func (g *gatherer) read(c *logs.Cursor) []logs.Entry {
	t, services := g.target()
	if t == nil {
		return nil
	}
	var names []string
	for _, n := range slices.Sorted(maps.Keys(services)) {
		if Selected(t, n) {
			names = append(names, n)
		}
	}
	return c.Next(names)
}

// gather waits a little for more to send along.
func (g *gatherer) gather(ctx context.Context, c *logs.Cursor, kept []logs.Entry) []logs.Entry {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for len(kept) < most {
		changed := g.f.cfg.Logs.Changed()
		more := g.read(c)
		if kept = append(kept, more...); len(more) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return kept
		case <-timer.C:
			return kept
		case <-changed:
		}
	}
	return kept
}

// sendAll sends and tries again until all is sent or ctx is done, and returns what is left.
func (g *gatherer) sendAll(ctx context.Context, s sender, kept []logs.Entry) []logs.Entry {
	wait := firstWait
	for {
		if kept = g.sendOnce(ctx, s, kept); len(kept) == 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return kept
		case <-timer.C:
		}
		wait = min(2*wait, longest)
	}
}

// sendOnce sends in pieces and returns what must be tried again.
func (g *gatherer) sendOnce(ctx context.Context, s sender, kept []logs.Entry) []logs.Entry {
	for len(kept) > 0 {
		t, services := g.target()
		if t == nil {
			return nil
		}
		n := min(len(kept), most)
		err := s.send(ctx, batch(t, services, kept[:n]))
		var refused *refusedError
		if err != nil && !errors.As(err, &refused) {
			g.f.cfg.Log.Warn("cannot forward logs, trying again", "target", g.name, "error", err)
			return slices.Clone(kept)
		}
		if err != nil {
			g.f.cfg.Log.Error("log target refuses lines; they are dropped", "target", g.name, "lines", n, "error", err)
		}
		kept = kept[n:]
	}
	return nil
}

// stream is what one service has to send.
type stream struct {
	service string
	labels  map[string]string
	lines   []logs.Entry
}

func batch(t *plan.LogTarget, services map[string]*plan.Service, es []logs.Entry) []stream {
	by := map[string]*stream{}
	for _, e := range es {
		s := by[e.Service]
		if s == nil {
			s = &stream{service: e.Service, labels: labels(t, services[e.Service])}
			by[e.Service] = s
		}
		s.lines = append(s.lines, e)
	}
	out := make([]stream, 0, len(by))
	for _, n := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[n])
	}
	return out
}
