package wasm

import (
	"sync"
	"time"
)

// guestClock measures the time that the guest runs and stands still while the host works for it.
type guestClock struct {
	limit time.Duration

	mu      sync.Mutex
	used    time.Duration
	since   time.Time // zero while it stands
	timer   *time.Timer
	expired func()
}

func newGuestClock(limit time.Duration) *guestClock { return &guestClock{limit: limit} }

// start lets the time run; expired is called at most once, from another goroutine, when it is used up.
func (c *guestClock) start(expired func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expired = expired
	c.since = time.Now()
	c.timer = time.AfterFunc(c.limit, expired)
}

func (c *guestClock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.used += time.Since(c.since)
	c.since = time.Time{}
	c.timer.Stop()
}

func (c *guestClock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
	c.timer.Reset(max(c.limit-c.used, 0))
}

// total is the guest time used so far.
func (c *guestClock) total() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
