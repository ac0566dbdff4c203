package wasm

import (
	"context"
	goruntime "runtime"
	"time"
)

// slice is how long a guest runs before it needs a turn.
const slice = time.Millisecond

// turns are what guests that run for long share: one for each processor but one. So there is always a processor for
// short events and for the host, and those who wait come in the order of their coming.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, goruntime.GOMAXPROCS(0)-1)) }

// turn is one guest's part in them.
type turn struct {
	of    turns // nil = there are none
	held  bool
	since time.Time
}

// next gives the turn to whoever waits and comes back with another, or with the end of ctx.
func (t *turn) next(ctx context.Context) {
	t.end()
	if t.of != nil {
		select {
		case t.of <- struct{}{}:
			t.held = true
		case <-ctx.Done():
		}
	}
	goruntime.Gosched()
	t.since = time.Now()
}

// end gives the turn back.
func (t *turn) end() {
	if t.held {
		<-t.of
		t.held = false
	}
	t.since = time.Now()
}
