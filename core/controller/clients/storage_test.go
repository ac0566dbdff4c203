package clients_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// storageBox has model m with db/0 and db/1, which have data/0 and data/1; a unit may have up to two of data.
func storageBox(t *testing.T) (*box, clientv1connect.StorageClient) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Units: 2, CharmDigest: b.charm(simple("db", "storage:\n  data: {type: filesystem, multiple: {range: 1-2}, minimum-size: 1G}\n"))})
	return b, clientv1connect.NewStorageClient(b.http, b.url)
}

func (b *box) storage(id string) *controllerv1.StorageInstance {
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	return m.Storage[id].Value
}

// told makes the charm of the unit know the storage.
func (b *box) told(unit, id string) {
	st := proto.CloneOf(b.storage(id))
	st.Status, st.Attached, st.Location = "attached", unit, "/srv"
	b.put(map[key.Key]proto.Message{
		key.OfUnit(key.State, unit): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Storage: map[string]*controllerv1.StorageCursor{id: {Attached: true}}}},
		key.Named(key.Storage, id):  st,
	})
}

// wantError wants an error that says something.
func wantError[T any](t *testing.T, what string, resp *connect.Response[T], err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, %v; want %q", what, resp, err, want)
	}
}

func TestAddStorage(t *testing.T) {
	b, client := storageBox(t)
	add := func(unit, name string, d *controllerv1.StorageDirective) (*connect.Response[clientv1.AddStorageResponse], error) {
		return client.AddStorage(t.Context(), connect.NewRequest(&clientv1.AddStorageRequest{Model: "m", Unit: unit, Storage: map[string]*controllerv1.StorageDirective{name: d}}))
	}
	ok(t, b.pools().CreatePool, &clientv1.CreatePoolRequest{Model: "m", Name: "ssd", Provider: "local"})
	before := dump(t)
	for _, c := range []struct {
		unit, name string
		d          *controllerv1.StorageDirective
		want       string
	}{
		{"db/0", "data", &controllerv1.StorageDirective{Count: 2}, `allows 1 to 2 of storage "data" for each unit; it has 1 and 2 more`},
		{"db/0", "data", &controllerv1.StorageDirective{SizeBytes: 5}, "needs at least 1073741824 bytes"},
		{"db/0", "tape", nil, `charm "db" has no storage "tape"`}, {"db/7", "data", nil, "there is no such unit"},
	} {
		resp, err := add(c.unit, c.name, c.d)
		wantError(t, c.unit+" "+c.name, resp, err, c.want)
	}
	if dump(t) != before {
		t.Error("what was refused wrote")
	}
	resp, err := add("db/0", "data", &controllerv1.StorageDirective{Pool: "ssd", SizeBytes: 3 << 30})
	if err != nil || len(resp.Msg.GetIds()) != 1 || resp.Msg.GetIds()[0] != "data/2" {
		t.Fatalf("%v, %v", resp, err)
	}
	if st := b.storage("data/2"); st.GetOwner() != "db/0" || st.GetPool() != "ssd" || st.GetSizeBytes() != 3<<30 || st.GetStatus() != "pending" {
		t.Errorf("%v", st)
	}
}

func TestStorageIsDetachedAndGivenToAnother(t *testing.T) {
	b, client := storageBox(t)
	detach := func(id string, force bool) (*connect.Response[clientv1.DetachStorageResponse], error) {
		return client.DetachStorage(t.Context(), connect.NewRequest(&clientv1.DetachStorageRequest{Model: "m", Ids: []string{id}, Force: force}))
	}
	attach := func(unit string, ids ...string) (*connect.Response[clientv1.AttachStorageResponse], error) {
		return client.AttachStorage(t.Context(), connect.NewRequest(&clientv1.AttachStorageRequest{Model: "m", Unit: unit, Ids: ids}))
	}
	again, err := attach("db/1", "data/0")
	wantError(t, "attached already", again, err, "storage is attached to unit db/0; detach it first")
	// never told to the charm: gone at once
	if _, err := detach("data/0", false); err != nil || b.storage("data/0").GetOwner() != "" {
		t.Errorf("never attached: %v, %v", err, b.storage("data/0"))
	}
	// told: the unit must run its hook
	b.told("db/1", "data/1")
	if _, err := detach("data/1", false); err != nil || b.storage("data/1").GetOwner() != "db/1" || b.storage("data/1").GetStatus() != "detaching" {
		t.Errorf("attached: %v, %v", err, b.storage("data/1"))
	}
	if _, err := detach("data/1", true); err != nil || b.storage("data/1").GetOwner() != "" {
		t.Errorf("forced: %v, %v", err, b.storage("data/1"))
	}
	twice, err := detach("data/1", false)
	wantError(t, "detached already", twice, err, "storage is not attached")
	if _, err := attach("db/0", "data/0", "data/1"); err != nil || b.storage("data/1").GetOwner() != "db/0" || b.storage("data/1").GetStatus() != "pending" {
		t.Errorf("given to another: %v, %v", err, b.storage("data/1"))
	}
	more := ok(t, client.AddStorage, &clientv1.AddStorageRequest{Model: "m", Unit: "db/1", Storage: map[string]*controllerv1.StorageDirective{"data": {}}}).GetIds()[0]
	if _, err := detach(more, false); err != nil {
		t.Fatal(err)
	}
	full, err := attach("db/0", more)
	wantError(t, "more than allowed", full, err, "allows 1 to 2")
}

func TestRemoveStorage(t *testing.T) {
	b, client := storageBox(t)
	remove := func(id string, force, keep bool) (*connect.Response[clientv1.RemoveStorageResponse], error) {
		return client.RemoveStorage(t.Context(), connect.NewRequest(&clientv1.RemoveStorageRequest{Model: "m", Ids: []string{id}, Force: force, Keep: keep}))
	}
	b.told("db/0", "data/0")
	before := dump(t)
	resp, err := remove("data/0", false, false)
	wantError(t, "attached", resp, err, "storage is attached to unit db/0; use --force")
	resp, err = remove("data/9", true, false)
	wantError(t, "unknown", resp, err, "there is no such storage")
	if dump(t) != before {
		t.Error("what was refused wrote")
	}
	if _, err := remove("data/0", true, false); err != nil || b.storage("data/0").GetStatus() != "detaching" || !b.storage("data/0").GetDestroy() || b.storage("data/0").GetLife() != controllerv1.Life_LIFE_DYING {
		t.Errorf("forced: %v, %v", err, b.storage("data/0"))
	}
	if _, err := remove("data/1", true, true); err != nil || b.storage("data/1").GetOwner() != "" || b.storage("data/1").GetDestroy() {
		t.Errorf("kept: %v, %v", err, b.storage("data/1"))
	}
}

func TestDyingUnitMarksItsStorage(t *testing.T) {
	b, _ := storageBox(t)
	b.told("db/0", "data/0")
	b.told("db/1", "data/1")
	ok(t, b.client.RemoveUnit, &clientv1.RemoveUnitRequest{Model: "m", Units: []string{"db/0"}})
	ok(t, b.client.RemoveUnit, &clientv1.RemoveUnitRequest{Model: "m", Units: []string{"db/1"}, DestroyStorage: true})
	if st := b.storage("data/0"); st.GetStatus() != "detaching" || st.GetDestroy() || st.GetLife() != controllerv1.Life_LIFE_ALIVE {
		t.Errorf("kept: %v", st)
	}
	if st := b.storage("data/1"); st.GetStatus() != "detaching" || !st.GetDestroy() || st.GetLife() != controllerv1.Life_LIFE_DYING {
		t.Errorf("destroyed: %v", st)
	}
}

// TestRefreshAndStorage: a store may go with a refresh as long as no unit has any of it; a new one comes to every unit.
func TestRefreshAndStorage(t *testing.T) {
	b, _ := storageBox(t)
	refresh := func(metadata string) error {
		_, err := b.client.Refresh(t.Context(), connect.NewRequest(&clientv1.RefreshRequest{Model: "m", Application: "db", CharmDigest: b.charm(simple("db", metadata))}))
		return err
	}
	wantError[clientv1.RefreshResponse](t, "in use", nil, refresh("storage: {}\n"), `storage "data" (filesystem) would be lost`)
	wantError[clientv1.RefreshResponse](t, "another type", nil, refresh("storage:\n  data: {type: block}\n"), `storage "data" (filesystem) would be lost`)
	const data = "  data: {type: filesystem, multiple: {range: 1-2}}\n"
	if err := refresh("storage:\n" + data + "  logs: {type: filesystem}\n  spare: {type: filesystem, multiple: {range: 0-}}\n"); err != nil {
		t.Fatal(err)
	}
	for id, owner := range map[string]string{"logs/2": "db/0", "logs/3": "db/1"} {
		if st := b.storage(id); st.GetOwner() != owner || st.GetStatus() != "pending" {
			t.Errorf("%s is %v, want it to be %s's", id, st, owner)
		}
	}
	if st := b.storage("spare/4"); st != nil {
		t.Errorf("storage that nobody must have came: %v", st)
	}
	if err := refresh("storage:\n" + data + "  logs: {type: filesystem}\n"); err != nil {
		t.Errorf("spare, of which there is none, went: %v", err)
	}
}

// TestRefreshWithStorage: what a refresh says of stores is for those that the charm adds and for units that come; units get
// what the charm needs at least. What cannot be had changes nothing.
func TestRefreshWithStorage(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.pools().CreatePool, &clientv1.CreatePoolRequest{Model: "m", Name: "fast", Provider: "rootfs"})
	depot := func(meta string) string {
		return b.charm(simple("depot", "storage:\n  data: {type: filesystem, multiple: {range: "+meta))
	}
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: depot("1-9}}\n"), Units: 1})
	next := depot("2-9}}\n  logs: {type: filesystem, multiple: {range: 1-9}}\n")
	refresh := func(digest string, storage map[string]*controllerv1.StorageDirective) (*clientv1.RefreshResponse, error) {
		resp, err := b.client.Refresh(t.Context(), connect.NewRequest(&clientv1.RefreshRequest{Model: "m", Application: "depot", CharmDigest: digest, Storage: storage}))
		if err != nil {
			return nil, err
		}
		return resp.Msg, nil
	}
	before := dump(t)
	for want, storage := range map[string]map[string]*controllerv1.StorageDirective{
		`charm "depot" has data, logs`: {"tape": {Count: 1}},
		"there is fast, local, rootfs": {"logs": {Pool: "slow"}},
		"allows 2 to 9":                {"data": {Count: 1}},
	} {
		if _, err := refresh(next, storage); err == nil || !strings.Contains(err.Error(), want) || dump(t) != before {
			t.Errorf("%v: %v, want %q and nothing stored", storage, err, want)
		}
	}
	if _, err := refresh(next, map[string]*controllerv1.StorageDirective{"data": {Pool: "fast", Count: 3}, "logs": {Count: 2, SizeBytes: 1 << 20}}); err != nil {
		t.Fatal(err)
	}
	if got := b.stores("depot/0"); got != "data/0: 1073741824; data/1:fast 1073741824; logs/2: 1048576; logs/3: 1048576" {
		t.Errorf("the unit that was there has %s", got)
	}
	ok(t, b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "depot", Count: 1})
	if got := b.stores("depot/1"); got != "data/4:fast 1073741824; data/5:fast 1073741824; data/6:fast 1073741824; logs/7: 1048576; logs/8: 1048576" {
		t.Errorf("the unit that came has %s", got)
	}
	version := b.application("depot").GetModifiedVersion()
	if same, err := refresh("", map[string]*controllerv1.StorageDirective{"data": {Pool: "fast", Count: 3}}); err != nil || same.GetChanged() {
		t.Errorf("the same again: %v, %v", same, err)
	}
	resp, err := refresh("", map[string]*controllerv1.StorageDirective{"data": {Count: 4}})
	if err != nil || !resp.GetChanged() || b.application("depot").GetModifiedVersion() != version || b.application("depot").GetStorage()["logs"].GetCount() != 2 {
		t.Errorf("storage alone: %v, %v; no hook is due, and other stores stay as they are", resp, err)
	}
}

// stores are what a unit has: id, pool and size.
func (b *box) stores(unit string) string {
	m := b.model()
	var list []string
	for _, id := range slices.Sorted(maps.Keys(m.Storage)) {
		if st := m.Storage[id].Value; st.GetOwner() == unit {
			list = append(list, fmt.Sprintf("%s:%s %d", id, st.GetPool(), st.GetSizeBytes()))
		}
	}
	return strings.Join(list, "; ")
}
