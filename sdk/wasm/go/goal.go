package charm

import "github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"

// Goal is what the model is heading for: all units of the application, and who is on the other side of each relation,
// whether the charm was told of them or not.
type Goal struct {
	Units     map[string]GoalStatus
	Relations map[string]map[string]GoalStatus // by endpoint: applications and units
}

// GoalStatus is a unit's status or a relation's, and since when (RFC 3339).
type GoalStatus struct{ Status, Since string }

// Goal asks what the model is heading for. It is as it is now, which may be newer than what else the event shows.
func (ctx *Context) Goal() (Goal, error) {
	v, err := ctx.call(&goalGet, object())
	if err != nil {
		return Goal{}, err
	}
	g := Goal{Units: statuses(v.Get("units")), Relations: map[string]map[string]GoalStatus{}}
	for endpoint, members := range v.Get("relations").Members() {
		g.Relations[endpoint] = statuses(members)
	}
	return g, nil
}

func statuses(v wire.Value) map[string]GoalStatus {
	out := map[string]GoalStatus{}
	for name, s := range v.Members() {
		out[name] = GoalStatus{s.Get("status").String(), s.Get("since").String()}
	}
	return out
}
