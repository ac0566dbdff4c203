package cli

import (
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// failures tells who waits of units that fail meanwhile. An error that was there before is what the change may be meant to
// end, so it counts only when it comes again.
type failures struct {
	through bool              // none of them counts
	before  map[string]string // unit → how it failed, as far as it had before
}

// baseline looks, before a change is made, at the units that are in error. A controller that does not say is one that the change
// will not reach either.
func (a *app) baseline(ctx context.Context, t *target, w *waiting) {
	if !w.wait || w.through {
		return
	}
	answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model}))
	if err != nil {
		return
	}
	w.before = map[string]string{}
	for _, app := range answer.Msg.GetApplications() {
		for _, u := range app.GetUnits() {
			if u.GetWorkload().GetCurrent() == api.StatusError {
				w.before[u.GetName()] = failure(u)
			}
		}
	}
}

// failure tells a unit's failures apart.
func failure(u *clientv1.UnitStatusInfo) string {
	p := u.GetFailed()
	return fmt.Sprint(p.GetEvent().GetId(), p.GetAttempt(), p.GetCharmDigest(), u.GetWorkload().GetMessage())
}

// news is the first of the units that are waited for that has failed since, nil when none has.
func (f *failures) news(s *clientv1.StatusResponse, missing []string) *clientv1.UnitStatusInfo {
	if f.through {
		return nil
	}
	for _, app := range s.GetApplications() {
		for _, u := range app.GetUnits() {
			awaited := slices.Contains(missing, state(u)) || slices.Contains(missing, end(u.GetName())) || slices.Contains(missing, end(app.GetName()))
			rests := u.GetWorkload().GetCurrent() == api.StatusError && u.GetAgent().GetCurrent() == api.AgentIdle
			if awaited && rests && f.before[u.GetName()] != failure(u) {
				return u
			}
		}
	}
	return nil
}

// end names what is waited for when something is removed.
func end(name string) string { return "the end of " + name }
