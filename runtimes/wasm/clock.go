package wasm

import (
	"sync"
	"time"
)

// guestClock measures the time that the guest runs and stands still while the host works for it.
type guestClock struct {
	limit time.Duration

	mu    sync.Mutex
	used  time.Duration
	since time.Time // zero while it stands
	timer *time.Timer
}

// newGuestClock makes a clock that stands; limit 0 never ends.
func newGuestClock(limit time.Duration) *guestClock { return &guestClock{limit: limit} }

// start lets the time run; expired is called at most once, from another goroutine, when it is used up.
func (c *guestClock) start(expired func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
	if c.limit > 0 {
		c.timer = time.AfterFunc(c.limit, expired)
	}
}

func (c *guestClock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.used += time.Since(c.since)
	c.since = time.Time{}
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (c *guestClock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
	if c.timer != nil {
		c.timer.Reset(max(c.limit-c.used, 0))
	}
}

// total is the guest time used so far.
func (c *guestClock) total() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
