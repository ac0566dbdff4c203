package agents

import (
	"context"
	"sync"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Presence is who is connected to this controller and what units are doing right now. It is in memory only.
type Presence struct {
	mu     sync.Mutex
	agents map[string]map[*visit]bool
	units  map[[2]string]*controllerv1.AgentState
	wakes  map[chan struct{}]bool
}

// visit is one watch of one agent.
type visit struct {
	incarnation string
	end         context.CancelCauseFunc
}

// NewPresence makes an empty one.
func NewPresence() *Presence {
	return &Presence{agents: map[string]map[*visit]bool{}, units: map[[2]string]*controllerv1.AgentState{}, wakes: map[chan struct{}]bool{}}
}

// Connected says whether the agent watches this controller.
func (p *Presence) Connected(agent string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.agents[agent]) > 0
}

// State is what the unit's agent said last, nil if it said nothing; ask Connected whether that still holds.
func (p *Presence) State(model, unit string) *controllerv1.AgentState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.units[[2]string{model, unit}]
}

// Notify gives a channel that is filled when an agent came or went, or a unit's agent does something else. stop must be
// called.
func (p *Presence) Notify() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakes[c] = true
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.wakes, c)
	}
}

// changed wakes who waits; the lock is held.
func (p *Presence) changed() {
	for c := range p.wakes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// enter notes a watch. A watch of another process of the same agent ends by it: one process speaks for an agent.
func (p *Presence) enter(ctx context.Context, agent, incarnation string) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	v := &visit{incarnation, end}
	p.mu.Lock()
	defer p.mu.Unlock()
	for other := range p.agents[agent] {
		if other.incarnation != incarnation {
			other.end(errs.E(errs.Conflict, "cannot watch: another process speaks for agent %s now", agent))
		}
	}
	if p.agents[agent] == nil {
		p.agents[agent] = map[*visit]bool{}
	}
	p.agents[agent][v] = true
	p.changed()
	return ctx, func() {
		end(nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.agents[agent], v)
		if len(p.agents[agent]) == 0 {
			delete(p.agents, agent)
		}
		p.changed()
	}
}

// set notes what units do.
func (p *Presence) set(states []*controllerv1.AgentState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range states {
		p.units[[2]string{s.GetModel(), s.GetUnit()}] = s
	}
	if len(states) > 0 {
		p.changed()
	}
}

// Forget drops what was said of a unit that is gone.
func (p *Presence) Forget(model, unit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.units, [2]string{model, unit})
}
