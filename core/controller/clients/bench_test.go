package clients_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// BenchmarkStatus10000 measures status of 10,000 units over TLS while the store
// moves on, so that no snapshot is shared.
func BenchmarkStatus10000(b *testing.B) {
	x := newBox(b)
	bench(b, x)
	b.ResetTimer()
	for i := range b.N {
		x.put(map[key.Key]proto.Message{key.OfUnit(key.Status, "web/0"): &controllerv1.UnitStatus{Workload: says("active", fmt.Sprint(i))}})
		resp := ok(b, x.client.Status, &clientv1.StatusRequest{Model: "m"})
		if n := len(resp.GetApplications()[0].GetUnits()); n != 10_000 {
			b.Fatalf("%d units", n)
		}
	}
}

func bench(b *testing.B, x *box) {
	b.Helper()
	ok(b, x.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(b, x.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: x.charm(webCharm(nil)), Units: 1000})
	for range 9 {
		ok(b, x.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web", Count: 1000})
	}
	for from := 0; from < 10_000; from += 1000 {
		records := map[key.Key]proto.Message{}
		for n := from; n < from+1000; n++ {
			unit := fmt.Sprintf("web/%d", n)
			records[key.OfUnit(key.State, unit)] = started(nil)
			records[key.OfUnit(key.Status, unit)] = &controllerv1.UnitStatus{Workload: says("active", "")}
			records[key.OfUnit(key.Addresses, unit)] = &controllerv1.Addresses{Addresses: []string{"10.0.0.1"}}
			records[key.ScopeOf(1, unit)] = &controllerv1.Scope{}
			records[key.UnitBag(1, unit)] = &controllerv1.Bag{Values: map[string]string{"a": "b"}, Version: 1}
		}
		x.put(records)
	}
}
