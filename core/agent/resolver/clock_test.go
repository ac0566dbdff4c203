package resolver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/resolver"
)

// TestUpdateStatusIsSpread: due a fifth before or after the interval, at another time for each unit, and at the same for two agents that look at the same unit.
func TestUpdateStatusIsSpread(t *testing.T) {
	for setting, every := range map[string]time.Duration{"": 5 * time.Minute, "1m": time.Minute, "60m": time.Hour} {
		s := newSim(t)
		s.store.Deploy(agenttest.App{Name: "web", Digest: "one", Units: 20})
		if setting != "" {
			s.store.ModelConfig("update-status-hook-interval", setting)
		}
		s.settle()
		due := map[time.Duration]bool{}
		for n := range 20 {
			in, _ := s.input(fmt.Sprintf("web/%d", n))
			d, again := resolver.Next(in), resolver.Next(in)
			if d.Do != resolver.Idle || !d.Until.Equal(again.Until) {
				t.Fatalf("%v and %v of the same unit", d, again)
			}
			after := d.Until.Sub(time.Unix(in.Cursor.LastUpdateStatus, 0))
			if after < every*8/10 || after > every*12/10 {
				t.Errorf("interval %q: due after %v, want %v give or take a fifth", setting, after, every)
			}
			due[after] = true
		}
		if len(due) < 15 {
			t.Errorf("interval %q: 20 units share %d times", setting, len(due))
		}
	}
}
