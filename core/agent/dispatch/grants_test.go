package dispatch_test

import (
	"context"
	"slices"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// granting is a runtime that keeps what charms were granted.
type granting struct {
	*agenttest.Runtime
	loads [][]string
}

func (g *granting) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return g, func() {}, nil
}

func (g *granting) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	g.loads = append(g.loads, req.GetGrants())
	return g.Runtime.Load(ctx, req)
}

// TestGrants: a charm is loaded with what it was granted, once for each; what was taken away is away at the next event, and
// the view says what there is.
func TestGrants(t *testing.T) {
	rt := &granting{Runtime: agenttest.NewRuntime(t, nil)}
	d, job := runner(t, rt)
	job.Model.Application.Runtime = "wasm"
	run := func(grants ...string) []string {
		t.Helper()
		job.Model.Application.Grants = grants
		r, err := d.Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		return r.View.GetCapabilities()
	}
	host := "http=https://api.example.com:443"
	if got := run(host); !slices.Equal(got, []string{"charm/http@1"}) {
		t.Errorf("the view says %v", got)
	}
	run(host)
	if got := run(); len(got) != 0 {
		t.Errorf("the view says %v", got)
	}
	if len(rt.loads) != 2 {
		t.Fatalf("loaded %d times, want once for each grant", len(rt.loads))
	}
	with, without := rt.loads[0], rt.loads[1]
	if !slices.Contains(with, host) || !slices.Contains(with, "charm/http@1") || slices.Contains(without, host) || slices.Contains(without, "charm/http@1") || !slices.Contains(without, "charm/log@1") {
		t.Errorf("granted %v and then %v", with, without)
	}
}
