package cli

import (
	"testing"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// seenAs is a status in which web/0 is so, and has failed in its event that often.
func seenAs(workload, agent string, event string, attempt int32) *clientv1.StatusResponse {
	u := &clientv1.UnitStatusInfo{Name: "web/0", Workload: &hookv1.Status{Current: workload}, Agent: &hookv1.Status{Current: agent}}
	if attempt > 0 {
		u.Failed = &controllerv1.Pending{Event: &hookv1.Event{Id: event}, Step: "failed", Attempt: attempt}
	}
	return &clientv1.StatusResponse{Applications: []*clientv1.ApplicationStatusInfo{{Name: "web", Units: []*clientv1.UnitStatusInfo{u}}}}
}

func TestWhichFailuresEndAWait(t *testing.T) {
	fine, fails := seenAs("active", "executing", "", 0), seenAs("error", "idle", "5-install", 1)
	runs, again, next := seenAs("error", "executing", "5-install", 1), seenAs("error", "idle", "5-install", 2), seenAs("error", "idle", "6-start", 1)
	comes, goes := settled("web"), func(s *clientv1.StatusResponse) []string { return left(s, []string{"web"}) }
	before := map[string]string{"web/0": failure(fails.Applications[0].Units[0])}
	for name, c := range map[string]struct {
		failures
		reached goal
		looks   []*clientv1.StatusResponse
		ends    int // at which look, -1 = at none
	}{
		"while it is waited for":       {failures{}, comes, []*clientv1.StatusResponse{fine, fails}, 1},
		"before the first look":        {failures{}, comes, []*clientv1.StatusResponse{fails}, 0},
		"an error of before":           {failures{before: before}, comes, []*clientv1.StatusResponse{fails, runs, fails}, -1},
		"of before, and again":         {failures{before: before}, comes, []*clientv1.StatusResponse{fails, runs, again}, 2},
		"again before the first look":  {failures{before: before}, comes, []*clientv1.StatusResponse{again}, 0},
		"of before, and the next one":  {failures{before: before}, comes, []*clientv1.StatusResponse{fails, runs, next}, 2},
		"runs again":                   {failures{}, comes, []*clientv1.StatusResponse{fine, runs}, -1},
		"told to go on":                {failures{through: true}, comes, []*clientv1.StatusResponse{fine, fails, again}, -1},
		"removed":                      {failures{}, goes, []*clientv1.StatusResponse{fine, fails}, 1},
		"removed, in error before":     {failures{before: before}, goes, []*clientv1.StatusResponse{fails, fails}, -1},
		"somebody else's":              {failures{}, settled("db"), []*clientv1.StatusResponse{fine, fails}, -1},
		"not waited for any more":      {failures{}, func(*clientv1.StatusResponse) []string { return nil }, []*clientv1.StatusResponse{fine, fails}, -1},
		"well, and in error once more": {failures{before: before}, comes, []*clientv1.StatusResponse{fails, fine, again}, 2},
	} {
		f, ended := c.failures, -1
		for i, s := range c.looks {
			if u := f.news(s, c.reached(s)); u != nil && ended < 0 {
				ended = i
			}
		}
		if ended != c.ends {
			t.Errorf("%s: ended at look %d, want %d", name, ended, c.ends)
		}
	}
}
