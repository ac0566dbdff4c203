package plan

import (
	"maps"
	"slices"

	"github.com/bangle-dev/bangle/core/controller/model"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// grants are the permissions of all applications of a model.
func grants(g *model.Graph) map[string][]string {
	all := map[string][]string{}
	for _, name := range g.Apps() {
		app, _ := g.App(name)
		all[name] = app.GetGrants()
	}
	return all
}

// granted is what a change did to permissions, by application. That one which is removed takes its own with it goes without
// saying.
func granted(before, after map[string][]string) []*clientv1.PlannedGrant {
	var out []*clientv1.PlannedGrant
	for _, name := range slices.Sorted(maps.Keys(after)) {
		one := &clientv1.PlannedGrant{Application: name, Given: grant.Missing(after[name], before[name]), Taken: grant.Missing(before[name], after[name])}
		if len(one.Given)+len(one.Taken) > 0 {
			out = append(out, one)
		}
	}
	return out
}
