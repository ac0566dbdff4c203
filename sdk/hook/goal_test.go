package hook_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// goals answers goal states in turn.
type goals struct {
	answers []string
	asked   int
}

func (g *goals) Call(_ context.Context, operation, _ string) (string, error) {
	if operation != hook.GoalStateSection || g.asked >= len(g.answers) || g.answers[g.asked] == "" {
		g.asked++
		return "", errs.E(errs.Unavailable, "the controller is away")
	}
	g.asked++
	return g.answers[g.asked-1], nil
}

func (*goals) Immediate(*charmruntimev1.Immediate) {}

// TestGoalState is the view's own, or the host's first answer for the whole hook; an error is not kept.
func TestGoalState(t *testing.T) {
	ctx := context.Background()
	known := &hookv1.GoalState{Units: map[string]*hookv1.GoalStatus{"web/0": {Status: "active", Since: "t"}},
		Relations: map[string]*hookv1.GoalRelation{"db": {Members: map[string]*hookv1.GoalStatus{"mysql/0": {Status: "dying", Since: "u"}}}}}
	h := &goals{}
	if got, err := hook.New(nil, &hookv1.View{GoalState: known}, h).GoalState(ctx); err != nil || got != known || h.asked != 0 {
		t.Errorf("of the view: %v, %v, asked %d times", got, err, h.asked)
	}
	text, err := hook.EncodeGoal(known)
	if err != nil {
		t.Fatal(err)
	}
	h.answers = []string{"", "no JSON", text, `{"units":{}}`}
	c := hook.New(nil, &hookv1.View{OnDemand: []string{hook.GoalStateSection}}, h)
	for _, class := range []errs.Kind{errs.Unavailable, errs.Internal} {
		if got, err := c.GoalState(ctx); !errs.Is(err, class) || got != nil {
			t.Errorf("got %v, %v; want class %s", got, err, class)
		}
	}
	for range 2 {
		if got, err := c.GoalState(ctx); err != nil || !proto.Equal(got, known) || h.asked != 3 {
			t.Errorf("%v, %v after %d calls", got, err, h.asked)
		}
	}
	if _, err := hook.New(nil, &hookv1.View{OnDemand: []string{hook.GoalStateSection}}, nil).GoalState(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("without a host: %v", err)
	}
}
