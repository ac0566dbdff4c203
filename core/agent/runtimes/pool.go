// Package runtimes keeps the processes that run charms: one for each kind and scope, started when it is wanted, killed when
// it does not answer, ended when nothing has been asked of it for long or when there are too many.
package runtimes

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Life is a runtime's process from its start to its end.
type Life struct {
	Runtime charmruntime.Runtime
	Done    <-chan struct{} // closed when the process has ended
	Kill    func()          // ends the process, by force if it does not obey, and waits for its end
}

// Config says how processes are had and how long they stay. Without Idle and Silence they stay until they end.
type Config struct {
	Start func(ctx context.Context, kind, scope string) (Life, error)
	// Most is how many processes with a scope there may be at once; 0 = 16. Whoever wants one more waits until one of them
	// has nothing to do, which is then ended.
	Most int
	// Idle is how long a process with a scope stays when nothing is asked of it.
	Idle time.Duration
	// Silence is how long a process that has events under way may leave the question unanswered whether it is there.
	Silence time.Duration
	Log     *slog.Logger
}

// Pool is dispatch.Runtimes. It is safe for concurrent use and must be closed.
type Pool struct {
	cfg  Config
	stop chan struct{}
	ends sync.WaitGroup // what watches over processes

	mu      sync.Mutex
	closed  bool
	hosts   map[id]*host
	changed chan struct{} // closed and made anew when a host becomes free or ends
}

type id struct{ kind, scope string }

// New makes a pool without processes.
func New(cfg Config) *Pool {
	if cfg.Most == 0 {
		cfg.Most = 16
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Pool{cfg: cfg, stop: make(chan struct{}), hosts: map[id]*host{}, changed: make(chan struct{})}
}

// Get gives the runtime of a kind for a scope, "" = the one for all who have none, starting it when it does not run. It
// stays until release is called, unless it dies. A runtime that died is answered by another value the next time.
func (p *Pool) Get(ctx context.Context, kind, scope string) (rt charmruntime.Runtime, release func(), err error) {
	for {
		h, wait, victim := p.reserve(id{kind, scope})
		if victim != nil {
			victim.end("there are others that need its place")
		}
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, nil, errs.E(errs.Canceled, "cannot get a runtime %s: %w", kind, context.Cause(ctx))
			}
		}
		if h == nil {
			return nil, nil, errs.E(errs.Unavailable, "cannot get a runtime %s: the agent ends", kind)
		}
		h.once.Do(func() { h.start(ctx) })
		if h.err != nil {
			h.release()
			if errs.Is(h.err, errs.Canceled) && ctx.Err() == nil {
				continue // who began to start it wants it no more
			}
			return nil, nil, h.err
		}
		return h, h.release, nil
	}
}

// reserve finds the host, or makes room for one: wait is there when all others are at work, victim when one is not.
func (p *Pool) reserve(of id) (h *host, wait <-chan struct{}, victim *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, nil
	}
	if h = p.hosts[of]; h != nil && !h.gone() {
		h.users++
		return h, nil, nil
	}
	if h != nil {
		delete(p.hosts, of)
	}
	if of.scope != "" {
		var full bool
		if victim, full = p.room(); full {
			return nil, p.changed, nil
		}
	}
	if victim != nil {
		delete(p.hosts, victim.id)
	}
	h = &host{pool: p, id: of, users: 1, began: make(chan struct{})}
	p.hosts[of] = h
	return h, nil, victim
}

// room finds the host to be ended so that there is a place, nil when there is one already; full when all are at work.
func (p *Pool) room() (victim *host, full bool) {
	n := 0
	for _, h := range p.hosts {
		if h.id.scope == "" || h.gone() {
			continue
		}
		n++
		if h.users == 0 && (victim == nil || h.used.Before(victim.used)) {
			victim = h
		}
	}
	if n < p.cfg.Most {
		return nil, false
	}
	return victim, victim == nil
}

// tell wakes those who wait for a place. The caller holds the lock.
func (p *Pool) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close lets go of all: who has a runtime keeps it until its process is ended, which is the business of whoever started it.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stop)
		p.tell()
	}
	p.mu.Unlock()
	p.ends.Wait()
}
