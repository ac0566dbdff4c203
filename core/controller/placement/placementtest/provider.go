// Package placementtest has a substrate that only remembers: places come up at
// once, and go once a spec leaves them out. It is for tests of what stands above
// substrates.
package placementtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// World is what outlives a provider: its places.
type World struct {
	mu       sync.Mutex
	units    map[unit]*substratev1.Observation
	specs    map[app]*substratev1.EnsureRequest
	watchers map[chan *substratev1.Observation]bool
	kill     chan struct{} // of the running provider
	starts   int
	removed  []string
	// Refuse makes Validate refuse with this text; Hold keeps places of units
	// that a spec left out.
	refuse string
	hold   bool
	agents string // how agents come to be; "" = shared
}

type (
	unit struct{ model, name string }
	app  struct{ model, name string }
)

// NewWorld makes an empty one.
func NewWorld() *World {
	return &World{units: map[unit]*substratev1.Observation{}, specs: map[app]*substratev1.EnsureRequest{}, watchers: map[chan *substratev1.Observation]bool{}}
}

// Start starts a provider over the world; it has the form that placement wants.
func (w *World) Start(context.Context, string) (*placement.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts++
	kill := make(chan struct{})
	w.kill = kill
	w.specs = map[app]*substratev1.EnsureRequest{}
	return &placement.Session{Provider: &Provider{world: w}, Done: kill, Close: func() {}}, nil
}

// Kill ends the running provider as a crash would.
func (w *World) Kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.kill)
}

// Starts counts the providers that were started.
func (w *World) Starts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.starts
}

// Hold says whether places stay although a spec left them out.
func (w *World) Hold(hold bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = hold
}

// Refuse makes Validate refuse with the text; empty refuses nothing.
func (w *World) Refuse(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = text
}

// Spec is the newest spec of an application, nil if none was accepted.
func (w *World) Spec(model, name string) *substratev1.ApplicationSpec {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.specs[app{model, name}].GetSpec()
}

// Places lists the units that have a place, sorted.
func (w *World) Places() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for u, o := range w.units {
		if !o.GetGoneConfirmed() {
			names = append(names, u.name)
		}
	}
	slices.Sort(names)
	return names
}

// Removed lists what Remove was asked for, in order.
func (w *World) Removed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.removed)
}

// OwnAgents makes the substrate one whose units bring agents of their own; before Start.
func (w *World) OwnAgents() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agents = "unit"
}

// Say makes the substrate observe something.
func (w *World) Say(o *substratev1.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say(o)
}

// say changes what is and tells watchers; the lock is held.
func (w *World) say(o *substratev1.Observation) {
	w.units[unit{o.GetModelUuid(), o.GetUnit()}] = o
	for c := range w.watchers {
		c <- o
	}
}

// Provider implements substrate.Provider, Adopter and Validator.
type Provider struct{ world *World }

// Info implements substrate.Provider.
func (p *Provider) Info(context.Context) (*substratev1.InfoResponse, error) {
	return &substratev1.InfoResponse{Name: "fake", Version: "1", Capabilities: []string{"scale", "adopt", "validate", "confirm-gone"}, Agents: cmp.Or(p.world.agents, "shared")}, nil
}

// Configure implements substrate.Provider.
func (p *Provider) Configure(context.Context, *substratev1.ConfigureRequest) error { return nil }

// Validate implements substrate.Validator.
func (p *Provider) Validate(context.Context, *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if p.world.refuse == "" {
		return nil, nil
	}
	return []*substratev1.Diagnostic{{Severity: "error", Message: p.world.refuse}}, nil
}

// Adopt implements substrate.Adopter.
func (p *Provider) Adopt(context.Context) (*substratev1.AdoptResponse, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	resp := &substratev1.AdoptResponse{}
	for u, o := range p.world.units {
		if !o.GetGoneConfirmed() {
			resp.Units = append(resp.Units, &substratev1.Adopted{ModelUuid: u.model, Unit: u.name, ProviderId: o.GetProviderId()})
		}
	}
	return resp, nil
}

// Ensure implements substrate.Provider.
func (p *Provider) Ensure(_ context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	w, spec := p.world, req.GetSpec()
	w.mu.Lock()
	defer w.mu.Unlock()
	at := app{spec.GetModelUuid(), spec.GetApplication()}
	if had := w.specs[at]; had.GetRevision() > req.GetRevision() {
		return &substratev1.EnsureResponse{}, nil
	}
	w.specs[at] = proto.CloneOf(req)
	wanted := map[string]bool{}
	for _, u := range spec.GetUnits() {
		wanted[u.GetName()] = true
		if o := w.units[unit{at.model, u.GetName()}]; o == nil || o.GetGoneConfirmed() {
			w.say(&substratev1.Observation{ModelUuid: at.model, Application: at.name, Unit: u.GetName(), ProviderId: "fake-" + u.GetName(), Addresses: []string{"127.0.0.1"}, Phase: "running", Ready: true})
		}
	}
	for u, o := range maps.Clone(w.units) {
		if u.model == at.model && o.GetApplication() == at.name && !wanted[u.name] && !w.hold && !o.GetGoneConfirmed() {
			w.say(&substratev1.Observation{ModelUuid: at.model, Application: at.name, Unit: u.name, Phase: "gone", GoneConfirmed: true})
		}
	}
	return &substratev1.EnsureResponse{Accepted: true}, nil
}

// Observe implements substrate.Provider.
func (p *Provider) Observe(ctx context.Context, _ *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error {
	w := p.world
	c := make(chan *substratev1.Observation, 100_000)
	w.mu.Lock()
	for _, o := range w.units {
		if !o.GetGoneConfirmed() {
			c <- o
		}
	}
	c <- &substratev1.Observation{Synced: true}
	w.watchers[c] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, c)
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-c:
			if err := send(o); err != nil {
				return err
			}
		}
	}
}

// Remove implements substrate.Provider.
func (p *Provider) Remove(_ context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	w := p.world
	if req.GetModelUuid() == "" {
		return errs.E(errs.Invalid, "cannot remove: no model was named")
	}
	w.mu.Lock()
	if req.GetStorage() != "" {
		defer w.mu.Unlock()
		w.removed = append(w.removed, "storage "+req.GetStorage())
		return send(&substratev1.RemoveProgress{Object: req.GetStorage(), State: "removed"})
	}
	what := req.GetApplication()
	if req.GetUnit() != "" {
		what = req.GetUnit()
	}
	if req.GetDestroyStorage() {
		what += " with storage"
	}
	w.removed = append(w.removed, what)
	for u, o := range maps.Clone(w.units) {
		if u.model == req.GetModelUuid() && o.GetApplication() == req.GetApplication() && (req.GetUnit() == "" || req.GetUnit() == u.name) && !o.GetGoneConfirmed() {
			w.say(&substratev1.Observation{ModelUuid: u.model, Application: o.GetApplication(), Unit: u.name, Phase: "gone", GoneConfirmed: true})
		}
	}
	w.mu.Unlock()
	return send(&substratev1.RemoveProgress{Object: req.GetApplication(), State: "removed"})
}
