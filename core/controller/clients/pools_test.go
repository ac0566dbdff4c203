package clients_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func (b *box) pools() clientv1connect.StoragePoolsClient {
	return clientv1connect.NewStoragePoolsClient(b.http, b.url)
}

// listed are the pools as a line each.
func (b *box) listed(req *clientv1.ListPoolsRequest) string {
	b.t.Helper()
	var lines []string
	for _, p := range ok(b.t, b.pools().ListPools, req).GetPools() {
		line := p.GetName() + "=" + p.GetProvider()
		if v := p.GetAttributes()["iops"]; v != "" {
			line += "," + v
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, " ")
}

func TestStoragePools(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	create := func(name, provider string, attributes map[string]string) error {
		_, err := b.pools().CreatePool(t.Context(), connect.NewRequest(&clientv1.CreatePoolRequest{Model: "m", Name: name, Provider: provider, Attributes: attributes}))
		return err
	}
	update := func(name, provider string, attributes map[string]string) error {
		_, err := b.pools().UpdatePool(t.Context(), connect.NewRequest(&clientv1.UpdatePoolRequest{Model: "m", Name: name, Provider: provider, Attributes: attributes}))
		return err
	}
	remove := func(name string) error {
		_, err := b.pools().RemovePool(t.Context(), connect.NewRequest(&clientv1.RemovePoolRequest{Model: "m", Name: name}))
		return err
	}
	if err := create("fast", "rootfs", map[string]string{"iops": "40", "class": "gold"}); err != nil {
		t.Fatal(err)
	}
	before := dump(t)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"twice":              {create("fast", "rootfs", nil), "there is one of that name"},
		"as a provider":      {create("local", "rootfs", nil), "there is one of that name"},
		"no such provider":   {create("x", "ebs", nil), `there is no storage provider "ebs" here; allowed: local, rootfs`},
		"no name":            {create("", "rootfs", nil), "a name begins with a letter"},
		"a name like a size": {create("10G", "rootfs", nil), "a name begins with a letter"},
		"attribute of air":   {create("x", "rootfs", map[string]string{"": "1"}), "an attribute has no name"},
		"too much":           {create("x", "rootfs", map[string]string{"a": strings.Repeat("x", 65<<10)}), "at most 65536"},
		"update a provider":  {update("local", "", nil), "it is the substrate's own"},
		"update none":        {update("slow", "", nil), `cannot find storage pool "slow" in model "m": there is fast, local, rootfs`},
		"update to no such":  {update("fast", "ebs", nil), "allowed: local, rootfs"},
		"remove a provider":  {remove("rootfs"), "it is the substrate's own"},
		"remove none":        {remove("slow"), "there is fast, local, rootfs"},
		"list one not there": {func() error {
			_, err := b.pools().ListPools(t.Context(), connect.NewRequest(&clientv1.ListPoolsRequest{Model: "m", Names: []string{"slow"}}))
			return err
		}(), "there is fast"},
		"list of no provider": {func() error {
			_, err := b.pools().ListPools(t.Context(), connect.NewRequest(&clientv1.ListPoolsRequest{Model: "m", Providers: []string{"ebs"}}))
			return err
		}(), "there is local, rootfs"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
	if dump(t) != before {
		t.Error("what was refused is stored")
	}
	for want, req := range map[string]*clientv1.ListPoolsRequest{
		"fast=rootfs,40 local=local rootfs=rootfs": {Model: "m"},
		"fast=rootfs,40 rootfs=rootfs":             {Model: "m", Providers: []string{"rootfs"}},
		"fast=rootfs,40":                           {Model: "m", Names: []string{"fast", "local"}, Providers: []string{"rootfs"}},
	} {
		if got := b.listed(req); got != want {
			t.Errorf("%v lists %q, want %q", req, got, want)
		}
	}
	if err := update("fast", "local", map[string]string{"iops": "50"}); err != nil || b.listed(&clientv1.ListPoolsRequest{Model: "m", Names: []string{"fast"}}) != "fast=local,50" {
		t.Errorf("updated: %v", err)
	}
	if a := b.model().Pools["fast"].Value.GetAttributes(); len(a) != 1 {
		t.Errorf("attributes are %v; an update replaces them", a)
	}
	if err := remove("fast"); err != nil || len(b.model().Pools) != 0 {
		t.Errorf("removed: %v", err)
	}
}

// TestPoolsInUse: a deploy and an added storage use pools that are there; the substrate is told provider and attributes;
// such a pool cannot go.
func TestPoolsInUse(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	digest := b.charm(simple("depot", "storage:\n  data: {type: filesystem, multiple: {range: 1-9}}\n"))
	for _, name := range []string{"fast", "more"} {
		ok(t, b.pools().CreatePool, &clientv1.CreatePoolRequest{Model: "m", Name: name, Provider: "rootfs", Attributes: map[string]string{"iops": "40"}})
	}
	before := dump(t)
	deploy := func(pool string) error {
		_, err := b.client.Deploy(t.Context(), connect.NewRequest(&clientv1.DeployRequest{Model: "m", CharmDigest: digest, Units: 1,
			Storage: map[string]*controllerv1.StorageDirective{"data": {Pool: pool, Count: 2}}}))
		return err
	}
	if err := deploy("slow"); err == nil || dump(t) != before || !strings.Contains(err.Error(), `cannot use storage "data": cannot find storage pool "slow" in model "m": there is fast, local, more, rootfs`) {
		t.Errorf("a pool that is not there: %v", err)
	}
	if err := deploy("fast"); err != nil {
		t.Fatal(err)
	}
	if st := b.lastSpec.GetStorage()[0]; st.GetPool() != "fast" || st.GetPoolProvider() != "rootfs" || st.GetPoolAttributes()["iops"] != "40" {
		t.Errorf("the substrate was asked about %v", st)
	}
	add := func(pool string) error {
		_, err := clientv1connect.NewStorageClient(b.http, b.url).AddStorage(t.Context(), connect.NewRequest(&clientv1.AddStorageRequest{Model: "m", Unit: "depot/0",
			Storage: map[string]*controllerv1.StorageDirective{"data": {Pool: pool, Count: 1}}}))
		return err
	}
	if err := add("slow"); err == nil || !strings.Contains(err.Error(), "there is fast, local, more, rootfs") {
		t.Errorf("added from a pool that is not there: %v", err)
	}
	for _, pool := range []string{"more", "rootfs"} {
		if err := add(pool); err != nil {
			t.Errorf("added from %s: %v", pool, err)
		}
	}
	for name, want := range map[string]string{"fast": "application depot, storage data/0, storage data/1", "more": "storage data/2"} {
		if uses := b.model().Pools[name].Value.GetUses(); uses != 1 {
			t.Errorf("pool %s was taken into use %d times; its removal at the same moment would not notice", name, uses)
		}
		if _, err := b.pools().RemovePool(t.Context(), connect.NewRequest(&clientv1.RemovePoolRequest{Model: "m", Name: name})); err == nil || !strings.Contains(err.Error(), "it is in use by "+want) {
			t.Errorf("removed %s: %v", name, err)
		}
		if _, err := b.pools().UpdatePool(t.Context(), connect.NewRequest(&clientv1.UpdatePoolRequest{Model: "m", Name: name, Provider: "local"})); err == nil || !strings.Contains(err.Error(), "only attributes can change") {
			t.Errorf("another provider for %s: %v", name, err)
		}
		ok(t, b.pools().UpdatePool, &clientv1.UpdatePoolRequest{Model: "m", Name: name, Attributes: map[string]string{"iops": "50"}})
	}
}
