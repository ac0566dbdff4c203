package walks_test

import (
	"context"
	"slices"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// TestWalk2LeaderPodDeleted: the leader's pod is gone for certain, so the lead moves on at once and the other unit is
// elected; a new pod of the same name finds the charm's state and is told by upgrade-charm, config-changed, start and
// pebble-ready. The observation and the hand-over of the lease are simulated; the agents are real, one for each pod.
func TestWalk2LeaderPodDeleted(t *testing.T) {
	s := newSimulated(t)
	code := func(_ context.Context, st *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		cs := &hookv1.Changeset{}
		if st.Event.Name == "install" {
			cs.StateSet = map[string]string{"password": "of " + st.View.Unit.Name}
		}
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Changeset: cs}, nil
	}
	env := func(boot string) *substratev1.EnvironmentResponse {
		return &substratev1.EnvironmentResponse{BootId: boot, Containers: []*substratev1.UnitContainer{{Name: "app", Socket: "/charm/app"}}}
	}
	s.store.Deploy(agenttest.App{Name: "web", Digest: s.digest, Runtime: "python", Units: 2})
	s.store.Assign("web/0", "pod-web-0", "first")
	s.store.Assign("web/1", "pod-web-1", "other")
	leader := s.start("pod-web-0", "first", t.TempDir(), env("a"), code)
	leader.side.Up("web/0", "app", "boot of the first")
	other := s.start("pod-web-1", "other", t.TempDir(), env("b"), code)
	s.until("both are started, the leader's container ready", func() bool {
		c := s.cursor("web/0")
		return c.GetStarted() && c.GetContainers()["app"].GetReadyBootId() != "" && s.cursor("web/1").GetStarted()
	})
	if !s.cursor("web/0").Leader || s.cursor("web/1").Leader {
		t.Fatal("web/0 was to lead")
	}

	leader.kill()
	s.store.Lead("web", "web/1") // gone-confirmed: the lease is dropped
	s.until("web/1 is elected", func() bool { return s.cursor("web/1").GetLeader() })
	if got := other.hooks(); got[len(got)-1] != "leader-elected" {
		t.Errorf("web/1 ran %v, want leader-elected at the end", got)
	}

	s.store.Assign("web/0", "pod-web-0", "second")
	again := s.start("pod-web-0", "second", t.TempDir(), env("c"), code)
	again.side.Up("web/0", "app", "boot of the second")
	s.until("the new pod is ready", func() bool {
		return s.cursor("web/0").GetContainers()["app"].GetReadyBootId() == "boot of the second"
	})
	// It led before, so it has never heard of the settings that its successor may change.
	if got, want := again.hooks(), []string{"upgrade-charm", "config-changed", "start", "leader-settings-changed", "app-pebble-ready"}; !slices.Equal(got, want) {
		t.Errorf("the new pod ran %v, want %v", got, want)
	}
	if v := again.runtime.View("web/0", "upgrade-charm"); v.CharmState["password"] != "of web/0" || v.Leadership.Leader {
		t.Errorf("the new pod's charm found state %v and leader %v", v.CharmState, v.Leadership.Leader)
	}
}
