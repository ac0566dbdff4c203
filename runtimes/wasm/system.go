package wasm

import (
	"crypto/rand"
	"time"
)

// maxRandom is how much randomness is drawn before the guest's limits are looked at again.
const maxRandom = 1 << 20

// random is an instance's source of randomness.
type random struct{ i *instance }

// Read fills some of p; it ends the guest when its time is over.
func (r random) Read(p []byte) (int, error) {
	r.i.rest()
	return rand.Read(p[:min(len(p), maxRandom)])
}

// rest ends the guest when its time is over.
func (i *instance) rest() {
	if i.run != nil {
		i.run.rest()
	}
}

// sleep is what a guest's sleeping comes down to. It is guest time, and ends with it.
func (i *instance) sleep(ns int64) {
	if i.run == nil || ns <= 0 {
		return
	}
	d := time.Duration(ns)
	if c := i.run.clock; c.limit > 0 {
		d = min(d, c.limit-c.total())
	}
	i.run.turn.end()
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.run.ctx.Done():
	}
	i.run.rest()
}
