package wasm

import (
	"context"
	"slices"
	"sync"
	"time"
)

// handTime is how long an event holds its hand at most, if another waits: longer than nearly every event takes.
const handTime = 10 * time.Millisecond

// hands are as many as the instances that are kept ready. An event has one, its right to one of those, so events that come
// together wait for an instance that is about to be free instead of making another. An event that takes long, because
// its guest does or what it asked the host for, loses its hand to the next. Who waits looks after that; an event for which
// nobody waits needs no timer.
type hands struct {
	of chan struct{} // one for each that is held

	mu   sync.Mutex
	held []*hand // in the order of their taking
}

// hand is one event's.
type hand struct {
	all   *hands
	since time.Time
}

func newHands(n int) *hands { return &hands{of: make(chan struct{}, n)} }

// take waits for a hand; nil when ctx is over or closed is closed.
func (a *hands) take(ctx context.Context, closed <-chan struct{}) *hand {
	for {
		select {
		case a.of <- struct{}{}:
			return a.note()
		default:
		}
		timer := time.NewTimer(a.left())
		select {
		case <-closed:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return nil
		case a.of <- struct{}{}:
			timer.Stop()
			return a.note()
		case <-timer.C:
			a.lose()
		}
	}
}

func (a *hands) note() *hand {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := &hand{all: a, since: time.Now()}
	a.held = append(a.held, h)
	return h
}

// left is how long the oldest hand is held yet.
func (a *hands) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.held) == 0 { // it is being taken
		return handTime
	}
	return max(0, time.Until(a.held[0].since.Add(handTime)))
}

// lose takes the oldest hand from who has held it for too long.
func (a *hands) lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.held) > 0 && time.Since(a.held[0].since) >= handTime {
		a.drop(0)
	}
}

// drop is called under the lock.
func (a *hands) drop(n int) {
	a.held = slices.Delete(a.held, n, n+1)
	<-a.of
}

// give lets the next event have it. It may be called again, and after it was lost.
func (h *hand) give() {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	if n := slices.Index(h.all.held, h); n >= 0 {
		h.all.drop(n)
	}
}
