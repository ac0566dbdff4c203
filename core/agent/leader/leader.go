// Package leader keeps the promises of leadership that the controller gave this agent's units: asks for them, lets them
// run out, and says what is left.
//
// Guarantees: a promise counts from before it was asked for, on the machine's clock that goes on while the machine is
// suspended (CLOCK_BOOTTIME); so a paused agent, a paused machine or a slow line make it shorter, never longer. What is
// not renewed runs out by itself. Caveat: effects on workloads are not fenced by any of this; model writes are, by the
// term.
package leader

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Caller is the controller, as far as leadership needs it.
type Caller interface {
	Lead(ctx context.Context, req *controllerv1.LeadRequest, options ...grpc.CallOption) (*controllerv1.LeadResponse, error)
}

// Config says whom to ask and how often.
type Config struct {
	Client Caller
	Clock  func() time.Duration // default BootTime
	Every  time.Duration        // between renewals of all promises; default 10 s
	Call   time.Duration        // how long one renewal may take; default 10 s
}

// Promises are those of this agent's units. They are safe for concurrent use.
type Promises struct {
	cfg Config
	now chan struct{} // ask now

	mu   sync.Mutex
	held map[event.Key]promise
}

type promise struct {
	term  int64
	until time.Duration
}

// New makes Promises; Run keeps them fresh.
func New(cfg Config) *Promises {
	if cfg.Clock == nil {
		cfg.Clock = BootTime
	}
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Call == 0 {
		cfg.Call = 10 * time.Second
	}
	return &Promises{cfg: cfg, now: make(chan struct{}, 1), held: map[event.Key]promise{}}
}

// Until is when the promise for that term ends, a time of the clock; 0 if there is none. A leader without one is asked
// about soon.
func (p *Promises) Until(k event.Key, term int64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	had, ok := p.held[k]
	if !ok || had.term != term {
		had = promise{term: term}
		p.held[k] = had
		select {
		case p.now <- struct{}{}:
		default:
		}
	}
	return had.until
}

// Left is what is left of a promise that ends then.
func (p *Promises) Left(until time.Duration) time.Duration {
	return max(0, until-p.cfg.Clock())
}

// Forget drops a unit that does not lead.
func (p *Promises) Forget(k event.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, k)
}

// Run renews all promises in one call at each interval, and at once when there is a new leader, until ctx ends.
func (p *Promises) Run(ctx context.Context) {
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.now:
		}
		p.mu.Lock()
		terms := make(map[event.Key]int64, len(p.held))
		for k, had := range p.held {
			terms[k] = had.term
		}
		p.mu.Unlock()
		_ = p.renew(ctx, terms) // what is not renewed runs out, which is the meaning of a promise
	}
}

// Renew asks about one unit now and says what is left of the promise for that term, 0 if it does not lead in it any more.
func (p *Promises) Renew(ctx context.Context, k event.Key, term int64) (time.Duration, error) {
	if err := p.renew(ctx, map[event.Key]int64{k: term}); err != nil {
		return 0, err
	}
	p.mu.Lock()
	had := p.held[k]
	p.mu.Unlock()
	if had.term != term {
		return 0, nil
	}
	return p.Left(had.until), nil
}

// renew asks about the given leaders.
func (p *Promises) renew(ctx context.Context, terms map[event.Key]int64) error {
	if len(terms) == 0 {
		return nil
	}
	var keys []event.Key
	req := &controllerv1.LeadRequest{}
	for k, term := range terms {
		keys = append(keys, k)
		req.Terms = append(req.Terms, &controllerv1.LeadTerm{Model: k.Model, Application: api.ApplicationOf(k.Unit), Unit: k.Unit, Term: term})
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	before := p.cfg.Clock()
	resp, err := p.cfg.Client.Lead(ctx, req)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, got := range resp.GetPromises() {
		if i < len(keys) {
			p.take(keys[i], terms[keys[i]], before, got)
		}
	}
	return nil
}

// take notes an answer. One that was overtaken by another for the same term does not shorten that; a no is always taken.
func (p *Promises) take(k event.Key, term int64, before time.Duration, got *controllerv1.LeadPromise) {
	had, ok := p.held[k]
	if !ok || had.term != term {
		return
	}
	until := time.Duration(0)
	if got.GetTerm() == term && got.GetSeconds() > 0 {
		until = max(had.until, before+time.Duration(got.GetSeconds()*float64(time.Second)))
	}
	p.held[k] = promise{term: term, until: until}
}
