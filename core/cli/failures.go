package cli

import (
	"fmt"
	"slices"

	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// failures tells who waits of units that fail meanwhile. An error that was there before is what the change may be meant to
// end, so it counts only when it comes again.
type failures struct {
	through bool // none of them counts
	fresh   bool // units that come were not there before
	before  map[string]string
}

// news is the first of the units that are waited for that has failed since the last look, nil when none has.
func (f *failures) news(s *clientv1.StatusResponse, missing []string) *clientv1.UnitStatusInfo {
	if f.through {
		return nil
	}
	first := f.before == nil
	if f.before == nil {
		f.before = map[string]string{}
	}
	var news *clientv1.UnitStatusInfo
	for _, app := range s.GetApplications() {
		for _, u := range app.GetUnits() {
			comes, goes := slices.Contains(missing, state(u)), slices.Contains(missing, end(u.GetName())) || slices.Contains(missing, end(app.GetName()))
			if !comes && !goes || u.GetWorkload().GetCurrent() != api.StatusError || u.GetAgent().GetCurrent() != api.AgentIdle {
				continue
			}
			p := u.GetFailed()
			this := fmt.Sprint(p.GetEvent().GetId(), p.GetAttempt(), p.GetCharmDigest(), u.GetWorkload().GetMessage())
			if f.before[u.GetName()] != this && news == nil && (!first || comes && f.fresh) {
				news = u
			}
			f.before[u.GetName()] = this
		}
	}
	return news
}

// end names what is waited for when something is removed.
func end(name string) string { return "the end of " + name }
