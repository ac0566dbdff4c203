package dispatch_test

import (
	"maps"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestOnlyTheCounterpartIsInTheView: an agent that serves several pairs knows the bags of all; a unit's view has those of its
// own counterpart, in the relation and among the departed.
func TestOnlyTheCounterpartIsInTheView(t *testing.T) {
	in := input(t, &hookv1.Event{Id: "9-config-changed", Kind: "config-changed", Name: "config-changed"})
	rel := in.Model.Relations[0]
	rel.Own.Scope = "container"
	rel.Units = []string{"db/0", "db/1", "db/2", "web/1"}
	rel.Bags["db/2"] = bag("i", "2")
	in.Cursor.Relations[1].Members = map[string]uint64{"db/0": 3}
	in.Model.Unit.Subordinates = []string{"db/0"}
	v := dispatch.View(in)
	if got := names(v.Relations[0].Members); got != "db/0=0" {
		t.Errorf("members %s", got)
	}
	if got := names(v.Relations[0].Departed); got != "" {
		t.Errorf("readable though they were never met: %s", got)
	}
	in.Model.Unit.Subordinates, in.Model.Unit.Principal = nil, "db/2"
	in.Cursor.Relations[1].Members = map[string]uint64{"db/2": 3}
	v = dispatch.View(in)
	if got := names(v.Relations[0].Members); got != "db/2=2" || v.Unit.Principal != "db/2" {
		t.Errorf("of a subordinate: members %s, principal %q", got, v.Unit.Principal)
	}
}

// TestOwnBagOfAUnitThatEnters: it begins with the addresses, whatever an earlier stay left there.
func TestOwnBagOfAUnitThatEnters(t *testing.T) {
	in := input(t, &hookv1.Event{Id: "9-store-relation-created", Kind: "relation-created", Name: "store-relation-created", RelationId: 1, Endpoint: "store", RemoteApp: "db"})
	in.Model.Relations[0].Units = []string{"db/0"}
	in.Model.Addresses = &controllerv1.Addresses{Addresses: []string{"10.1.2.3"}}
	want := map[string]string{"private-address": "10.1.2.3", "ingress-address": "10.1.2.3", "egress-subnets": "10.1.2.3/32"}
	if got := dispatch.View(in).Relations[0].LocalUnit; !maps.Equal(got, want) {
		t.Errorf("the own bag is %v, want %v", got, want)
	}
	in.Model.Relations[0].Units = []string{"db/0", "web/1"} // the commit was done, its answer lost
	if got := dispatch.View(in).Relations[0].LocalUnit; got["me"] != "1" {
		t.Errorf("of a unit that is in it: %v", got)
	}
}
