package clients

import (
	"path"
	"slices"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// selectAll cuts applications down to what the selectors name: applications,
// units (globs of either) or statuses. A unit brings those along that it lives
// beside, or that live beside it.
func selectAll(apps []*clientv1.ApplicationStatusInfo, selectors []string) []*clientv1.ApplicationStatusInfo {
	if len(selectors) == 0 {
		return apps
	}
	whole, units := map[string]bool{}, map[string]bool{}
	for _, app := range apps {
		whole[app.GetName()] = matches(app.GetName(), selectors)
		for _, u := range app.GetUnits() {
			if whole[app.GetName()] || named(u, selectors) {
				units[u.GetName()] = true
				units[u.GetPrincipal()] = true
				for _, sub := range u.GetSubordinates() {
					units[sub] = true
				}
			}
		}
	}
	var out []*clientv1.ApplicationStatusInfo
	for _, app := range apps {
		if !whole[app.GetName()] {
			app.Units = slices.DeleteFunc(app.GetUnits(), func(u *clientv1.UnitStatusInfo) bool { return !units[u.GetName()] })
		}
		if whole[app.GetName()] || len(app.GetUnits()) > 0 {
			out = append(out, app)
		}
	}
	return out
}

func matches(name string, selectors []string) bool {
	return slices.ContainsFunc(selectors, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// named says whether a selector means the unit or what it is doing.
func named(u *clientv1.UnitStatusInfo, selectors []string) bool {
	return matches(u.GetName(), selectors) || slices.Contains(selectors, u.GetWorkload().GetCurrent()) || slices.Contains(selectors, u.GetAgent().GetCurrent())
}
