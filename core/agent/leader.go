package agent

import (
	"context"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

const (
	leadEvery = 10 * time.Second
	leadCall  = 10 * time.Second
)

// leadership knows for which units the controller has promised that they lead, and for how long. The promise counts
// from before it was asked for.
type leadership struct {
	client controllerv1.AgentsClient
	clock  func() time.Duration
	now    chan struct{} // ask now

	mu       sync.Mutex
	promises map[event.Key]promise
}

type promise struct {
	term  int64
	until time.Duration
}

func newLeadership(client controllerv1.AgentsClient) *leadership {
	return &leadership{client: client, clock: bootTime, now: make(chan struct{}, 1), promises: map[event.Key]promise{}}
}

// seconds are what is left of the promise for that term. A leader without one is asked about soon.
func (l *leadership) seconds(k event.Key, term int64) float64 {
	l.mu.Lock()
	p, ok := l.promises[k]
	if !ok || p.term != term {
		p = promise{term: term}
		l.promises[k] = p
		select {
		case l.now <- struct{}{}:
		default:
		}
	}
	l.mu.Unlock()
	return max(0, (p.until - l.clock()).Seconds())
}

// forget drops a unit that does not lead.
func (l *leadership) forget(k event.Key) {
	l.mu.Lock()
	delete(l.promises, k)
	l.mu.Unlock()
}

// run renews all leaders in one call every ten seconds, and at once when there is a new one.
func (l *leadership) run(ctx context.Context) {
	tick := time.NewTicker(leadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.now:
		}
		l.mu.Lock()
		var keys []event.Key
		for k := range l.promises {
			keys = append(keys, k)
		}
		l.mu.Unlock()
		_ = l.renew(ctx, keys) // what is not renewed runs out, which is the meaning of a promise
	}
}

// renew asks about the given leaders.
func (l *leadership) renew(ctx context.Context, keys []event.Key) error {
	if len(keys) == 0 {
		return nil
	}
	req := &controllerv1.LeadRequest{}
	l.mu.Lock()
	for _, k := range keys {
		req.Terms = append(req.Terms, &controllerv1.LeadTerm{Model: k.Model, Application: api.ApplicationOf(k.Unit), Unit: k.Unit, Term: l.promises[k].term})
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, leadCall)
	defer cancel()
	before := l.clock()
	resp, err := l.client.Lead(ctx, req)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range resp.Promises {
		if i >= len(keys) {
			break
		}
		if had, ok := l.promises[keys[i]]; ok && had.term == req.Terms[i].Term {
			had.until = 0
			if p.Term == had.term && p.Seconds > 0 {
				had.until = before + time.Duration(p.Seconds*float64(time.Second))
			}
			l.promises[keys[i]] = had
		}
	}
	return nil
}

// leads asks now and says whether the unit leads at this moment.
func (l *leadership) leads(ctx context.Context, k event.Key) (bool, error) {
	if err := l.renew(ctx, []event.Key{k}); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.promises[k].until > l.clock(), nil
}
