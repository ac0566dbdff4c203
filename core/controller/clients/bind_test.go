package clients_test

import (
	"maps"
	"strings"
	"testing"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func (b *box) application(name string) *controllerv1.Application {
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	return m.Applications[name].Value
}

func TestBind(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	if got := ok(t, b.client.ListSpaces, &clientv1.ListSpacesRequest{Model: "m"}).GetSpaces(); len(got) != 1 || got[0].GetName() != "alpha" || got[0].GetId() != "0" {
		t.Errorf("spaces %v", got)
	}
	digest := b.charm(simple("web", "provides: {site: {interface: http}}\nrequires: {db: {interface: sql}}\nextra-bindings:\n  admin:\n"))
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Units: 1, CharmDigest: digest, Bindings: map[string]string{"admin": "alpha"}})
	before := dump(t)
	for _, c := range []struct {
		bindings map[string]string
		want     string
	}{
		{map[string]string{"site": "dmz"}, `cannot bind endpoint site to space "dmz": there is no such space; there is: alpha`},
		{map[string]string{"": "dmz"}, `cannot bind all endpoints to space "dmz"`},
		{map[string]string{"sites": "alpha"}, `cannot bind endpoint "sites": charm "web" has`},
		{nil, "no bindings were given"},
	} {
		resp, err := b.client.Bind(t.Context(), connect.NewRequest(&clientv1.BindRequest{Model: "m", Application: "web", Bindings: c.bindings}))
		wantError(t, c.want, resp, err, c.want)
		if len(c.bindings) > 0 {
			deployed, err := b.client.Deploy(t.Context(), connect.NewRequest(&clientv1.DeployRequest{Model: "m", Application: "other", CharmDigest: digest, Bindings: c.bindings}))
			wantError(t, "deploy: "+c.want, deployed, err, c.want)
			refreshed, err := b.client.Refresh(t.Context(), connect.NewRequest(&clientv1.RefreshRequest{Model: "m", Application: "web", Bindings: c.bindings}))
			wantError(t, "refresh: "+c.want, refreshed, err, c.want)
		}
	}
	if dump(t) != before {
		t.Error("what was refused wrote")
	}
	bound := func(given, want map[string]string) {
		t.Helper()
		got := ok(t, b.client.Bind, &clientv1.BindRequest{Model: "m", Application: "web", Bindings: given}).GetBindings()
		if !maps.Equal(got, want) || !maps.Equal(b.application("web").GetEndpointBindings(), want) {
			t.Errorf("%v gives %v, want %v", given, got, want)
		}
	}
	bound(map[string]string{"db": "alpha"}, map[string]string{"admin": "alpha", "db": "alpha"})
	bound(map[string]string{"": "alpha", "site": "alpha"}, map[string]string{"": "alpha", "site": "alpha"})
	// what a new charm does not have is forgotten
	ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "web", CharmDigest: b.charm(simple("web", "requires: {db: {interface: sql}}\n")), Bindings: map[string]string{"db": "alpha"}})
	if got := b.application("web").GetEndpointBindings(); !maps.Equal(got, map[string]string{"": "alpha", "db": "alpha"}) {
		t.Errorf("after the refresh: %v", got)
	}
}

// TestAttachStorageOfANewUnit: it finds what is nobody's, and gets of each store only what is missing.
func TestAttachStorageOfANewUnit(t *testing.T) {
	b, client := storageBox(t)
	ok(t, client.DetachStorage, &clientv1.DetachStorageRequest{Model: "m", Ids: []string{"data/0", "data/1"}, Force: true})
	before := dump(t)
	for _, c := range []struct {
		count uint32
		ids   []string
		want  string
	}{
		{2, []string{"data/0"}, "--attach-storage goes with one unit"},
		{1, []string{"data/7"}, "there is no such storage"},
		{1, []string{"data/0", "data/1", "data/9"}, "there is no such storage"},
	} {
		resp, err := b.client.AddUnit(t.Context(), connect.NewRequest(&clientv1.AddUnitRequest{Model: "m", Application: "db", Count: c.count, AttachStorage: c.ids}))
		wantError(t, c.want, resp, err, c.want)
	}
	if dump(t) != before {
		t.Error("what was refused wrote")
	}
	unit := ok(t, b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "db", Count: 1, AttachStorage: []string{"data/1", "data/1"}}).GetUnits()[0]
	if st := b.storage("data/1"); st.GetOwner() != unit || st.GetStatus() != "pending" {
		t.Errorf("%v, want it with %s", st, unit)
	}
	if st := b.storage("data/2"); st != nil {
		t.Errorf("%v was made although the unit has one", st)
	}
	resp, err := b.client.AddUnit(t.Context(), connect.NewRequest(&clientv1.AddUnitRequest{Model: "m", Application: "db", AttachStorage: []string{"data/1"}}))
	wantError(t, "taken", resp, err, "storage is attached to unit "+unit)
	digest := b.application("db").GetCharmDigest()
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Application: "copy", Units: 1, CharmDigest: digest, AttachStorage: []string{"data/0"}})
	if st := b.storage("data/0"); st.GetOwner() != "copy/0" {
		t.Errorf("%v, want it with copy/0", st)
	}
}

// TestRefreshAndWhatExists: settings that fit no more go back to the defaults, stores are added; storage that is in use
// cannot be taken from a charm, with force or without, and no other charm's package comes without force.
func TestRefreshAndWhatExists(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	charm := func(name, config, meta string) string {
		files := simple(name, meta)
		files["config.yaml"] = "options:\n" + config
		return b.charm(files)
	}
	old := charm("db", "  port: {type: int, default: 1}\n  gone: {type: string}\n  stays: {type: string}\n", "storage:\n  data: {type: filesystem}\n")
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Units: 2, CharmDigest: old, Config: map[string]string{"port": "5", "gone": "x", "stays": "y"}})
	refused := map[string]struct {
		digest string
		force  bool
		want   string
	}{
		"storage removed":      {charm("db", "  port: {type: int}\n", ""), false, `storage "data" (filesystem) would be lost`},
		"and forced":           {charm("db", "  port: {type: int}\n", ""), true, `storage "data" (filesystem) would be lost`},
		"storage changes kind": {charm("db", "  port: {type: int}\n", "storage:\n  data: {type: block}\n"), true, "would be lost"},
		"another charm":        {charm("web", "  port: {type: int}\n", "storage:\n  data: {type: filesystem}\n"), false, "use --force to switch charms"},
	}
	before := dump(t)
	for name, c := range refused {
		resp, err := b.client.Refresh(t.Context(), connect.NewRequest(&clientv1.RefreshRequest{Model: "m", Application: "db", CharmDigest: c.digest, Force: c.force}))
		wantError(t, name, resp, err, c.want)
	}
	if dump(t) != before {
		t.Error("what was refused wrote")
	}
	next := charm("db", "  port: {type: string, default: none}\n  stays: {type: string}\n", "storage:\n  data: {type: filesystem}\n  logs: {type: filesystem}\n")
	ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "db", CharmDigest: next})
	app := b.application("db")
	if len(app.GetConfig()) != 1 || app.GetConfig()["stays"].GetStringValue() != "y" || app.GetConfigRevision() != 2 {
		t.Errorf("config %v at revision %d", app.GetConfig(), app.GetConfigRevision())
	}
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	var logs []string
	for id, st := range m.Storage {
		if st.Value.GetName() == "logs" {
			logs = append(logs, id+" of "+st.Value.GetOwner())
		}
	}
	if text := strings.Join(logs, ", "); len(logs) != 2 || !strings.Contains(text, "of db/0") || !strings.Contains(text, "of db/1") {
		t.Errorf("the new store: %s", text)
	}
	units := charm("db", "  port: {type: string}\n", "storage:\n  data: {type: filesystem}\n  logs: {type: filesystem}\n")
	ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "db", CharmDigest: units, ForceUnits: true})
	if !b.application("db").GetForceCharm() {
		t.Error("units in error are not forced")
	}
	// another charm by force
	forced := charm("web", "  port: {type: string}\n", "storage:\n  data: {type: filesystem}\n  logs: {type: filesystem}\n")
	ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "db", CharmDigest: forced, Force: true})
	if app := b.application("db"); app.GetCharmName() != "web" || !app.GetForceCharm() {
		t.Errorf("switched to %q, forced %v", app.GetCharmName(), app.GetForceCharm())
	}
}
