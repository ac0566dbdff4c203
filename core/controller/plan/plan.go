// Package plan finds out what a change would do, by making it on a fork: a copy of one model's records in memory, with the
// very same parts on it as on the store. The change is made there by the calls that make it for real; the agents then run
// their units' steps on the fork, with effects noted instead of done, until nothing more happens. The fork is dropped.
//
// Nothing of a fork reaches the store by construction: its parts know no other store than its own, and its epoch is its
// own, so that a write of it that went astray is refused.
package plan

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/agents"
	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Header names the fork that a client's call goes to.
const Header = "Bangle-Plan"

// Ask gives an agent a command; agents.Service.Ask.
type Ask func(ctx context.Context, agent string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error

// Config is what forks are made of.
type Config struct {
	Store store.Store
	Ask   Ask
	// Clients and Agents are the services of the controller. A fork's are the same but for the store and what follows it.
	Clients clients.Config
	Agents  agents.Config
	// ParseCharm reads what a charm declares from its record.
	ParseCharm func(*controllerv1.Charm) (*charm.Charm, error)
	// Most is how many forks there may be at a time; default 4.
	Most int
	Log  *slog.Logger
}

// Plans are the forks of a controller.
type Plans struct {
	cfg Config

	mu    sync.Mutex
	forks map[string]*Fork
}

// New makes Plans without a fork.
func New(cfg Config) *Plans {
	if cfg.Most == 0 {
		cfg.Most = 4
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Plans{cfg: cfg, forks: map[string]*Fork{}}
}

// Agents is the face for agents of a fork, nil if there is no such fork.
func (p *Plans) Agents(name string) *agents.Service {
	if f := p.fork(name); f != nil {
		return f.agents
	}
	return nil
}

func (p *Plans) fork(name string) *Fork {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forks[name]
}

// Open forks a model, by name or uuid. The fork must be closed.
func (p *Plans) Open(ctx context.Context, model string) (*Fork, error) {
	record, err := p.model(model)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	f := &Fork{Name: hex.EncodeToString(raw), Model: record.GetName(), UUID: record.GetUuid(), plans: p}
	p.mu.Lock()
	full := len(p.forks) >= p.cfg.Most
	if !full {
		p.forks[f.Name] = nil // its place
	}
	p.mu.Unlock()
	if full {
		return nil, errs.E(errs.Exhausted, "cannot make a plan: %d are being made, which is the most at a time; try again when one has ended", p.cfg.Most)
	}
	err = f.open(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		delete(p.forks, f.Name)
		return nil, err
	}
	p.forks[f.Name] = f
	return f, nil
}

func (p *Plans) model(name string) (*controllerv1.Model, error) {
	for _, m := range p.cfg.Clients.Mirror.Models() {
		if m.GetName() != name && m.GetUuid() != name {
			continue
		}
		if m.GetLife() != controllerv1.Life_LIFE_ALIVE {
			return nil, errs.E(errs.Conflict, "cannot make a plan for model %q: it is being destroyed", name)
		}
		return m, nil
	}
	return nil, errs.E(errs.NotFound, "cannot make a plan for model %q: there is no such model; see the list with models", name)
}

// Door sends calls that name a fork to it, all others on.
func (p *Plans) Door(next http.Handler) http.Handler {
	refusals := connect.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get(Header)
		if name == "" {
			next.ServeHTTP(w, r)
			return
		}
		var err error
		f := p.fork(name)
		switch {
		case f == nil:
			err = connect.NewError(connect.CodeNotFound, errs.E(errs.NotFound, "cannot find the plan: it has ended; make it again"))
		case !plannable(r.URL.Path):
			err = connect.NewError(connect.CodePermissionDenied, errs.E(errs.Denied, "cannot make a plan of %s: it changes no application, unit, relation or secret of a model", r.URL.Path))
		default:
			f.mux.ServeHTTP(w, r)
			return
		}
		if err := refusals.Write(w, r, err); err != nil {
			p.cfg.Log.Debug("cannot refuse a call to a plan", "error", err)
		}
	})
}
