package logs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Store holds the rings of all services.
type Store struct {
	mu    sync.Mutex
	rings map[string]*Ring

	waitMu  sync.Mutex
	waiting chan struct{} // closed and forgotten at the next write; nil when nobody waits
}

// New returns an empty store.
func New() *Store { return &Store{rings: map[string]*Ring{}} }

// Ring returns the service's ring, made at its first use and kept across restarts.
func (s *Store) Ring(service string) *Ring {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rings[service]
	if r == nil {
		r = newRing(service, s.wake)
		s.rings[service] = r
	}
	return r
}

// Drop forgets a service's output.
func (s *Store) Drop(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rings, service)
}

func (s *Store) wake() {
	s.waitMu.Lock()
	defer s.waitMu.Unlock()
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}

func (s *Store) changed() <-chan struct{} {
	s.waitMu.Lock()
	defer s.waitMu.Unlock()
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}

func (s *Store) pick(services []string) map[string]*Ring {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]*Ring{}
	for n, r := range s.rings {
		if len(services) == 0 || slices.Contains(services, n) {
			out[n] = r
		}
	}
	return out
}

// Last returns the newest n lines over the given services together, oldest
// first; no services means all, n < 0 all that is kept.
func (s *Store) Last(services []string, n int) []Entry {
	out, _ := s.last(services, n)
	return out
}

func (s *Store) last(services []string, n int) ([]Entry, map[string]uint64) {
	var all []Entry
	at := map[string]uint64{}
	for name, r := range s.pick(services) {
		if n == 0 {
			at[name] = r.position()
			continue
		}
		text, next, _ := r.read(0, Size)
		at[name] = next
		all = append(all, r.entries(text)...)
	}
	byTime(all)
	if n >= 0 && len(all) > n {
		all = all[len(all)-n:]
	}
	return all, at
}

func byTime(es []Entry) {
	slices.SortStableFunc(es, func(a, b Entry) int { return a.Time.Compare(b.Time) })
}

// Follow calls fn with the last n lines and then with every batch of new ones,
// until ctx is done or fn fails. Services that first write later are included
// unless services names others. It takes at most 16 KiB of a service at a time.
func (s *Store) Follow(ctx context.Context, services []string, n int, fn func([]Entry) error) error {
	batch, at := s.last(services, n)
	for {
		changed := s.changed()
		for {
			if len(batch) > 0 {
				if err := fn(batch); err != nil {
					return err
				}
			}
			if batch = s.more(services, at); len(batch) == 0 {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (s *Store) more(services []string, at map[string]uint64) []Entry {
	var batch []Entry
	for name, r := range s.pick(services) {
		text, next, lost := r.read(at[name], 16<<10)
		if lost && at[name] > 0 {
			batch = append(batch, Entry{Time: time.Now().UTC(), Service: name, Message: truncated})
		}
		if len(text) > 0 {
			batch = append(batch, r.entries(text)...)
		}
		at[name] = next
	}
	byTime(batch)
	return batch
}

// Cursor reads the output of services in pieces, each from the oldest line
// that is kept when it is first asked for it. It is for one goroutine.
type Cursor struct {
	s  *Store
	at map[string]uint64
}

// Cursor returns a cursor that has read nothing.
func (s *Store) Cursor() *Cursor { return &Cursor{s: s, at: map[string]uint64{}} }

// Next returns what the services have written since it was last asked, at most
// 16 KiB of each, oldest first. It never waits.
func (c *Cursor) Next(services []string) []Entry {
	if len(services) == 0 {
		return nil
	}
	return c.s.more(services, c.at)
}

// Changed returns a channel that is closed at the next write of any service.
// Take it before reading.
func (s *Store) Changed() <-chan struct{} { return s.changed() }
