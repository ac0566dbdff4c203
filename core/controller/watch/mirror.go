// Package watch follows the store: one watch on everything, applied revision by revision to typed records in memory,
// and fanned out to agents, each with what its units may see. It reads and never writes.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Config says what to follow and for whom.
type Config struct {
	Store store.Store
	Epoch string
	// MayRead decides whether one of the agent's units may see a record; authz.AgentMayRead.
	MayRead func(g *model.Graph, agent string, k key.Key) bool
	Log     *slog.Logger
	// QueueObjects bounds what waits for one slow agent before it is told everything anew; default 20,000 records.
	QueueObjects int
}

// Mirror is the store in memory.
type Mirror struct {
	cfg Config

	mu       sync.RWMutex
	state    *model.State
	ring     ring
	advanced chan struct{} // closed at the next revision
	subs     map[string]map[*Subscription]bool
	wakes    map[chan struct{}]bool
}

// Open lists the store; Run then follows it.
func Open(ctx context.Context, c Config) (*Mirror, error) {
	if c.QueueObjects == 0 {
		c.QueueObjects = 20_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mirror{cfg: c, advanced: make(chan struct{}), subs: map[string]map[*Subscription]bool{}, wakes: map[chan struct{}]bool{}}
	state, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	m.state, m.ring.after = state, state.Revision
	return m, nil
}

// Run follows the store until ctx ends; it survives a store that is away and one that compacted what was missed.
func (m *Mirror) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if _, ok := errors.AsType[*store.CompactedError](err); ok {
			m.cfg.Log.Warn("the store compacted revisions that were not seen yet; listing it anew")
			err = m.relist(ctx)
		}
		if err != nil && ctx.Err() == nil {
			m.cfg.Log.Warn("cannot follow the store; trying again", "error", err)
			pause(ctx, 200*time.Millisecond)
		}
	}
	return ctx.Err()
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// follow applies batches until the watch ends.
func (m *Mirror) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for b := range m.cfg.Store.Watch(ctx, store.Prefix, m.Revision()+1) {
		if b.Err != nil {
			return b.Err
		}
		m.apply(b)
	}
	return errs.E(errs.Unavailable, "cannot watch the store: the watch ended")
}

// list reads everything at one revision.
func (m *Mirror) list(ctx context.Context) (*model.State, error) {
	state := model.NewState(m.cfg.Epoch)
	o := store.RangeOptions{Prefix: true, Limit: 10_000}
	for {
		page, err := m.cfg.Store.Range(ctx, store.Prefix, o)
		if err != nil {
			return nil, fmt.Errorf("cannot list the store: %w", err)
		}
		if o.Revision == 0 {
			o.Revision, state.Revision = page.Revision, page.Revision
		}
		for _, kv := range page.KVs {
			m.load(state, store.Change{KV: kv})
			o.From = kv.Key + "\x00"
		}
		if !page.More {
			return state, nil
		}
	}
}

// relist replaces the state; every agent is told everything anew.
func (m *Mirror) relist(ctx context.Context) error {
	state, err := m.list(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.ring = state, ring{after: state.Revision}
	m.resyncAll()
	m.step()
	return nil
}

// step tells everybody who waits that the state moved on; the lock is held.
func (m *Mirror) step() {
	close(m.advanced)
	m.advanced = make(chan struct{})
	for wake := range m.wakes {
		select {
		case wake <- struct{}{}:
		default: // it was woken already and has not looked yet
		}
	}
}

// Read lets look look at the state; it must be quick, must not write and must not call the Mirror. Entries and messages
// found may be kept, maps and the state itself may not.
func (m *Mirror) Read(look func(*model.State)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	look(m.state)
}

// Revision is that of the newest write applied.
func (m *Mirror) Revision() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state.Revision
}

// WaitRevision returns when the state is at the revision or beyond.
func (m *Mirror) WaitRevision(ctx context.Context, revision int64) error {
	for {
		m.mu.RLock()
		now, advanced := m.state.Revision, m.advanced
		m.mu.RUnlock()
		if now >= revision {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return errs.E(errs.Canceled, "cannot reach revision %d of the store, at %d: %w", revision, now, ctx.Err())
		}
	}
}

// Notify gives a channel that is filled when the state has moved on since it was last emptied; many revisions may be
// one wake-up. It is filled at first. stop must be called.
func (m *Mirror) Notify() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wakes[c] = true
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.wakes, c)
	}
}

// Wait returns when until is true of the state; it is asked again at every revision.
func (m *Mirror) Wait(ctx context.Context, until func(*model.State) bool) error {
	for {
		m.mu.RLock()
		done, advanced := until(m.state), m.advanced
		m.mu.RUnlock()
		if done {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
