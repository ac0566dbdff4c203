package render

import controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"

// Change is one thing that an event writes to the model: in a plan what was there and what would be, in a replay what the
// event wrote and what it writes now.
type Change struct {
	Kind   string `json:"kind" yaml:"kind"`
	Target string `json:"target,omitempty" yaml:"target,omitempty"`
	Key    string `json:"key,omitempty" yaml:"key,omitempty"`
	Before string `json:"before" yaml:"before"`
	After  string `json:"after" yaml:"after"`
}

// Effect is one thing that an event would do outside of the model.
type Effect struct {
	Kind    string `json:"kind" yaml:"kind"`
	Target  string `json:"target" yaml:"target"`
	Summary string `json:"summary" yaml:"summary"`
	Detail  string `json:"detail,omitempty" yaml:"detail,omitempty"`
}

func changes(list []*controllerv1.RehearsedChange) []Change {
	var out []Change
	for _, c := range list {
		out = append(out, Change{Kind: c.GetKind(), Target: c.GetTarget(), Key: c.GetKey(), Before: c.GetBefore(), After: c.GetAfter()})
	}
	return out
}

func effects(list []*controllerv1.RehearsedEffect) []Effect {
	var out []Effect
	for _, e := range list {
		out = append(out, Effect{Kind: e.GetKind(), Target: e.GetTarget(), Summary: e.GetSummary(), Detail: e.GetDetail()})
	}
	return out
}
