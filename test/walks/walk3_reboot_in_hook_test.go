package walks_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// TestWalk3RebootInHook: the machine goes down while a hook runs. The agent that starts again finds the hook recorded
// and not committed, runs it again, and then start once more because the machine is another boot. The machine is
// simulated by its boot id; the agent, its directory and the cursor are real.
func TestWalk3RebootInHook(t *testing.T) {
	s := newSimulated(t)
	var inHook atomic.Bool
	code := func(ctx context.Context, st *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if st.Event.Name == "upgrade-charm" && !inHook.Swap(true) {
			<-ctx.Done() // the power fails
			return nil, ctx.Err()
		}
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
	}
	machine := func(boot string) *substratev1.EnvironmentResponse {
		return &substratev1.EnvironmentResponse{BootId: boot, MachineId: "0"}
	}
	dir := t.TempDir()
	s.store.Deploy(agenttest.App{Name: "web", Digest: s.digest, Runtime: "python", Units: 1})
	before := s.start(agenttest.Agent, agenttest.Place, dir, machine("first boot"), code)
	s.until("the unit is started", func() bool { return s.cursor("web/0").GetStarted() })
	s.store.Refresh("web", s.charm("two"), false)
	s.until("the hook runs", inHook.Load)
	before.kill()
	if p := s.cursor("web/0").GetPending(); p.GetStep() != "begun" || p.GetEvent().GetName() != "upgrade-charm" {
		t.Fatalf("the cursor says %v, want upgrade-charm begun", p)
	}

	after := s.start(agenttest.Agent, agenttest.Place, dir, machine("second boot"), code)
	s.until("all is committed", func() bool {
		return s.cursor("web/0").GetMachineBootId() == "second boot" && !s.cursor("web/0").GetConfigOwed() && s.cursor("web/0").GetPending() == nil
	})
	// config-changed belongs to the upgrade and comes before the extra start of the reboot.
	if got, want := after.hooks(), []string{"upgrade-charm", "config-changed", "start"}; !slices.Equal(got, want) {
		t.Errorf("after the reboot ran %v, want %v", got, want)
	}
	if got, want := after.runtime.Runs()[0], "web/0 5-upgrade-charm"; got != want {
		t.Errorf("the hook came again as %q, want %q", got, want)
	}
}
