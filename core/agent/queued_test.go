package agent

import (
	"log/slog"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/source"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestQueuedCountsFromTheWakeThatLedToTheEvent: a wake that came to nothing is not what a later event waited for.
func TestQueuedCountsFromTheWakeThatLedToTheEvent(t *testing.T) {
	now := time.Unix(1000, 0)
	a := &Agent{cfg: Config{Now: func() time.Time { return now }}}
	u := &unit{told: "nothing to do"}
	in := resolver.Input{Model: &source.Snapshot{}, Cursor: &controllerv1.Cursor{}}
	u.since = now.UnixNano()
	a.rest(u, in, resolver.Decision{Do: resolver.Idle, Reason: "nothing to do"})
	now = now.Add(time.Hour)
	u.since = now.UnixNano()
	now = now.Add(3 * time.Millisecond)
	if got := a.turn(u, in, resolver.Decision{}).queued; got != 3*time.Millisecond {
		t.Errorf("queued for %s, want 3ms", got)
	}
	now = now.Add(time.Minute)
	if got := a.turn(u, in, resolver.Decision{}).queued; got != 0 {
		t.Errorf("the next event, which nothing woke, was queued for %s, want 0", got)
	}
}

// TestARefusalBecauseOfATask is none that the unit's state must move for.
func TestARefusalBecauseOfATask(t *testing.T) {
	for key, want := range map[string]int64{"task/3": 0, "ustate/web/0": 7, "": 7} {
		a := &Agent{cfg: Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
		u := &unit{}
		a.refused(u, &controllerv1.Guard{StateRevision: 7}, &controllerv1.Refusal{Kind: "conflict", Key: key})
		if u.refused != want {
			t.Errorf("after a refusal of %q the unit waits for what follows %d, want %d", key, u.refused, want)
		}
	}
}
