package wasm

import (
	"sync/atomic"
	"time"
)

// handTime is how long an event holds its hand at most: longer than nearly every event takes, and not longer than making
// one more instance of a large charm does.
const handTime = 10 * time.Millisecond

// hand is an event's right to one of the instances that are kept ready. There are as many hands as such instances, so events
// that come together wait for an instance that is about to be free, which takes far less than making another. An event that
// takes long, because its guest does or what it asked the host for, loses its hand to the next.
type hand struct {
	of    chan struct{}
	gone  atomic.Bool
	timer *time.Timer
}

// newHand is the hand of an event that has put its own into of.
func newHand(of chan struct{}) *hand {
	h := &hand{of: of}
	h.timer = time.AfterFunc(handTime, h.lose)
	return h
}

// give lets the next event have it. It may be called again.
func (h *hand) give() {
	h.timer.Stop()
	h.lose()
}

func (h *hand) lose() {
	if !h.gone.Swap(true) {
		<-h.of
	}
}
