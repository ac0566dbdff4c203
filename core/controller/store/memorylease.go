package store

import (
	"context"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Grant implements Leases.
func (m *Memory) Grant(ctx context.Context, seconds int64) (LeaseID, error) {
	if err := m.open(ctx, "make a lease"); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lease++
	id := m.lease
	m.leases[id] = &memoryLease{seconds: seconds, timer: time.AfterFunc(time.Duration(seconds)*time.Second, func() { m.end(id) })}
	return id, nil
}

// KeepAlive implements Leases.
func (m *Memory) KeepAlive(ctx context.Context, id LeaseID) (int64, error) {
	if err := m.open(ctx, "renew a lease"); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[id]
	if l == nil {
		return 0, errs.E(errs.NotFound, "cannot renew a lease: it is over")
	}
	l.timer.Reset(time.Duration(l.seconds) * time.Second)
	return l.seconds, nil
}

// Revoke implements Leases.
func (m *Memory) Revoke(ctx context.Context, id LeaseID) error {
	if err := m.open(ctx, "end a lease"); err != nil {
		return err
	}
	m.end(id)
	return nil
}

// end deletes a lease and its keys.
func (m *Memory) end(id LeaseID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[id]
	if l == nil {
		return
	}
	l.timer.Stop()
	delete(m.leases, id)
	w := written{old: map[string]KV{}}
	for _, k := range slices.Clone(m.order) {
		if m.keys[k].Lease == id {
			m.drop([]string{k}, &w)
		}
	}
	m.land(w)
}
