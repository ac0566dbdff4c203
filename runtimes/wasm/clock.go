package wasm

import "time"

// guestClock measures the time that the guest runs and stands still while the host works for it. It belongs to the
// goroutine that the guest runs in.
type guestClock struct {
	limit time.Duration // 0 = none
	used  time.Duration
	since time.Time // zero while it stands
}

// newGuestClock makes a clock that stands.
func newGuestClock(limit time.Duration) *guestClock { return &guestClock{limit: limit} }

func (c *guestClock) resume() { c.since = time.Now() }

func (c *guestClock) pause() {
	if c.since.IsZero() {
		return
	}
	c.used += time.Since(c.since)
	c.since = time.Time{}
}

// at is the guest time at a moment.
func (c *guestClock) at(now time.Time) time.Duration {
	if c.since.IsZero() {
		return c.used
	}
	return c.used + now.Sub(c.since)
}

// over says whether the limit is reached.
func (c *guestClock) over(now time.Time) bool { return c.limit > 0 && c.at(now) >= c.limit }

// total is the guest time used so far.
func (c *guestClock) total() time.Duration { return c.at(time.Now()) }
