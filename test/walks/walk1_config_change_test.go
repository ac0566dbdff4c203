package walks_test

import (
	"context"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// TestWalk1ConfigChange: client → controller's transaction → watch → agent's queue → resolver → view → charm →
// changeset → one commit → the client's watch. One write before the charm runs, one after, and nothing else.
func TestWalk1ConfigChange(t *testing.T) {
	r := newRig(t, &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, BootId: "boot-1"},
		func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
			name := s.View.Config["name"].GetStringValue()
			return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Changeset: &hookv1.Changeset{
				UnitStatus: &hookv1.Status{Current: "active", Message: "hello " + name}}}, nil
		})
	r.start()
	r.deploy(1, webCharm())
	says := func(text string) func(*clientv1.StatusResponse) bool {
		return func(s *clientv1.StatusResponse) bool {
			u := s.GetApplications()[0].GetUnits()
			return len(u) == 1 && u[0].GetWorkload().GetMessage() == text
		}
	}
	r.until("the first hooks run", says("hello nobody"))
	r.wait("start is committed", func() bool {
		return r.commits.Load() >= 4 && slices.Contains(r.runtime.Runs(), "web/0 4-start")
	})
	r.wait("the last hook's end", func() bool { return r.commits.Load() == int64(len(r.runtime.Runs())) })
	begins, commits, runs := r.begins.Load(), r.commits.Load(), len(r.runtime.Runs())
	if begins != 1 {
		t.Errorf("%d Begin in a first deploy without relations, want the one of install; ran %v", begins, r.runtime.Runs())
	}

	set, err := r.client.SetConfig(t.Context(), connect.NewRequest(&clientv1.SetConfigRequest{Model: "m", Application: "web", Set: map[string]string{"name": "you"}}))
	must(t, err)
	seen := r.until("the change is committed", says("hello you"))
	if n := r.begins.Load() - begins; n != 0 {
		t.Errorf("%d Begin for a plain event, want none", n)
	}
	if n := r.commits.Load() - commits; n != 1 {
		t.Errorf("%d Commit for one config change, want 1", n)
	}
	if got := r.runtime.Runs()[runs:]; !slices.Equal(got, []string{"web/0 5-config-changed"}) {
		t.Errorf("ran %v, want config-changed alone", got)
	}
	if seen < set.Msg.GetRevision()+1 {
		t.Errorf("the change is revision %d and its effect revision %d", set.Msg.GetRevision(), seen)
	}
}
