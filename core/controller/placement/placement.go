// Package placement gives units their places: it tells each substrate what its
// applications want, hears what is, and clears away what is gone. One worker
// serves one substrate; the plugin behind it may die at any time and is told
// everything again by the next one.
package placement

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// Mirror is the store in memory: watch.Mirror.
type Mirror interface {
	Read(look func(*model.State))
	Notify() (wake <-chan struct{}, stop func())
}

// Units writes for units: commit.Committer.
type Units interface {
	PurgeUnit(ctx context.Context, uuid, unit string) error
	SetAddresses(ctx context.Context, agent string, req *controllerv1.SetAddressesRequest) error
}

// Session is one life of a provider, started and not configured yet.
type Session struct {
	Provider substrate.Provider
	// Done is closed when the provider has died.
	Done <-chan struct{}
	// Close ends it.
	Close func()
}

// Config says between whom placement stands.
type Config struct {
	Store  store.Store
	Epoch  string
	Mirror Mirror
	Reader *snapshot.Reader
	Units  Units
	// Connected says whether an agent watches this controller.
	Connected func(agent string) bool
	// Depose ends the leadership of a unit of which no process is left; may be nil.
	Depose func(ctx context.Context, uuid, unit string) error
	// Start starts a substrate's provider.
	Start func(ctx context.Context, substrate string) (*Session, error)
	// Known lists the names of substrates.
	Known func() []string
	// Configure is what every provider is told after its start, but for the
	// directory of its state, which gets the substrate's name where it is not
	// the first one's.
	Configure func(substrate string) (*substratev1.ConfigureRequest, error)
	// SharedAgent is the id of the agent beside the controller, which serves all
	// units of substrates that share one.
	SharedAgent string
	// Join is handed to places whose agents come with the unit; may be nil.
	Join func(substrate string) *substratev1.JoinMaterial
	// Credentials are what an application's images need to be pulled, by resource; may be nil.
	Credentials func(app *controllerv1.Application) (map[string]map[string]string, error)
	// Forget is called when a model is gone; may be nil.
	Forget       func(uuid string)
	AgentVersion string
	Log          *slog.Logger
}

// Placement runs the workers.
type Placement struct {
	cfg    Config
	charms charms.Cache

	mu      sync.Mutex
	workers map[string]*worker
	wg      sync.WaitGroup
	ctx     context.Context // of Run; nil before
	started chan struct{}
}

// New makes a Placement; Run starts it.
func New(cfg Config) *Placement {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Placement{cfg: cfg, workers: map[string]*worker{}, started: make(chan struct{})}
}

// pause is the shortest time between two looks at the model.
const pause = 20 * time.Millisecond

// Run places units until ctx ends; the providers are ended then, the units are
// not.
func (p *Placement) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer p.wg.Wait()
	defer cancel()
	p.mu.Lock()
	p.ctx = ctx
	close(p.started)
	p.mu.Unlock()
	wake, stop := p.cfg.Mirror.Notify()
	defer stop()
	seen := stamps{}
	for {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		began := time.Now()
		for _, uuid := range seen.changed(p.cfg.Mirror) {
			p.look(ctx, uuid)
		}
		if !sleep(ctx, max(pause, rest(began))) {
			return ctx.Err()
		}
	}
}

// rest is how long to let changes gather after a look at whole models that began then: a look costs as much as the models are
// large, and while thousands of units come one that follows the other would take the time that the units need. Small
// models are looked at again at once.
func rest(began time.Time) time.Duration {
	return min(max(0, 4*(time.Since(began)-pause)), time.Second)
}

// look serves one model that changed.
func (p *Placement) look(ctx context.Context, uuid string) {
	m, ok := p.cfg.Reader.Model(uuid)
	if ok && m.Record.Exists() {
		p.worker(m.Record.Value.GetSubstrate()).nudge()
		if err := p.tidy(ctx, m); err != nil && ctx.Err() == nil {
			p.cfg.Log.Warn("cannot tidy model", "model", m.Record.Value.GetName(), "error", err)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		w.nudge()
	}
}

// worker finds or starts the one of a substrate. Run must have begun.
func (p *Placement) worker(name string) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.workers[name]
	if w == nil {
		w = newWorker(p, name)
		p.workers[name] = w
		p.wg.Go(func() { w.run(p.ctx) })
	}
	return w
}

// Validate asks the substrate what it would refuse. A substrate that cannot say
// refuses nothing.
func (p *Placement) Validate(ctx context.Context, name string, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	provider, _, err := p.provider(ctx, name)
	if err != nil {
		return nil, err
	}
	if v, ok := substrate.AsValidator(provider); ok {
		return v.Validate(ctx, spec)
	}
	return nil, nil
}

// StorageProviders are the providers of storage that a substrate knows; none if it does not say.
func (p *Placement) StorageProviders(ctx context.Context, name string) ([]string, error) {
	_, info, err := p.provider(ctx, name)
	return info.GetStorageProviders(), err
}

// readyWait is how long a request waits for a provider that is starting.
const readyWait = 10 * time.Second

// provider waits for a substrate's provider.
func (p *Placement) provider(ctx context.Context, name string) (substrate.Provider, *substratev1.InfoResponse, error) {
	select {
	case <-p.started:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	wait, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	w := p.worker(name)
	for {
		provider, info, changed, why := w.current()
		if provider != nil {
			return provider, info, nil
		}
		select {
		case <-changed:
		case <-wait.Done():
			return nil, nil, errs.E(errs.Unavailable, "cannot reach substrate %q: it does not serve (%v); see debug-log and plugins", name, why)
		}
	}
}

// Shared names the agent that serves every unit of the substrate; ok is false
// if units bring agents of their own, or the agent has not joined yet.
func (p *Placement) Shared(name string) (agent, incarnation string, ok bool) {
	p.mu.Lock()
	w := p.workers[name]
	p.mu.Unlock()
	if w == nil || p.cfg.SharedAgent == "" {
		return "", "", false
	}
	_, info, _, _ := w.current()
	rec := p.cfg.Reader.Agent(p.cfg.SharedAgent)
	if info.GetAgents() != "shared" || rec.GetIncarnation() == "" {
		return "", "", false
	}
	return rec.GetId(), rec.GetIncarnation(), true
}

// Known says whether there is such a substrate, and lists all.
func (p *Placement) Known(name string) (bool, []string) {
	all := p.cfg.Known()
	return slices.Contains(all, name), all
}

// Warm starts a substrate's provider before the first model needs it.
func (p *Placement) Warm(name string) {
	<-p.started
	p.worker(name)
}

// stamps tell which models changed in what concerns places.
type stamps map[string]model.Stamp

// changed lists models that differ from the last look or are gone. It is asked at every revision, so it looks at no record
// of a unit.
func (s stamps) changed(mirror Mirror) []string {
	now := stamps{}
	agents := model.Stamp{}
	mirror.Read(func(st *model.State) {
		for _, id := range st.Agents() {
			agents = agents.And(model.Stamp{Newest: st.Agent(id).Mod, Records: 1})
		}
		for _, g := range st.Models() {
			now[g.UUID] = agents.And(g.Stamp(key.Model, key.App, key.Unit, key.Incarnation, key.Ports, key.Storage, key.Pool, key.Relation))
		}
	})
	var list []string
	for uuid, one := range now {
		if s[uuid] != one {
			list = append(list, uuid)
		}
		s[uuid] = one
	}
	for uuid := range s {
		if _, there := now[uuid]; !there {
			list = append(list, uuid)
			delete(s, uuid)
		}
	}
	return list
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Trouble says why a substrate does not serve, nil when it does or was not needed yet.
func (p *Placement) Trouble(name string) error {
	p.mu.Lock()
	w := p.workers[name]
	p.mu.Unlock()
	if w == nil {
		return nil
	}
	provider, _, _, why := w.current()
	if provider != nil {
		return nil
	}
	return why
}

// Serving says what a substrate that serves now told of itself, nil if none of
// that name does.
func (p *Placement) Serving(name string) *substratev1.InfoResponse {
	p.mu.Lock()
	w := p.workers[name]
	p.mu.Unlock()
	if w == nil {
		return nil
	}
	provider, info, _, _ := w.current()
	if provider == nil {
		return nil
	}
	return info
}
