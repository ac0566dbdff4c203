package commit_test

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// elsewhere are the fields of a changeset that this commit cannot carry, with why.
var elsewhere = map[protoreflect.Name]string{
	"storage_add":   "needs a charm, see the tests of storage",
	"action":        "of an action, see the tests of tasks",
	"reboot":        "is nothing that is stored",
	"secret_remove": "needs an older secret, see the tests of secrets",
	"secret_tracks": "needs another's secret, see the tests of secrets",
	"state_delete":  "of what was set before, see the tests of charm state",
	"pod_spec":      "no substrate has pods of the charm's own yet",
	"close_ports":   "of what was opened before, see the tests of ports",
}

// Everything that a hook wrote is one transaction at one revision: the statuses, the databags, the secrets with their grants,
// the files of the charm, the cursor. A new field of the changeset that nobody writes fails here.
func TestEverythingAHookWroteIsOneTransaction(t *testing.T) {
	w := newWorld(t)
	id := id20(1)
	cs := makeSecret(id, "s", true)
	cs.SecretGrants = []*hookv1.SecretGrant{{Id: id, Target: "db", RelationId: 2, Application: true}}
	cs.UnitStatus, cs.AppStatus = &hookv1.Status{Current: "active"}, &hookv1.Status{Current: "blocked"}
	cs.WorkloadVersion = new("3")
	cs.Bags = []*hookv1.BagWrite{{RelationId: 2, Set: map[string]string{"a": "b"}}, {RelationId: 2, App: true, Set: map[string]string{"c": "d"}}}
	cs.OpenPorts = []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}}
	cs.StateSet = map[string]string{"k": "v"}
	cs.LeaderSettings = map[string]string{"l": "m"}
	cs.Payloads = []*hookv1.PayloadWrite{{Payload: &hookv1.PayloadView{Class: "c", Type: "t", Id: "i", Status: "started"}}}
	fields := cs.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if _, known := elsewhere[f.Name()]; !known && f.Name() != "event_id" && !cs.ProtoReflect().Has(f) {
			t.Errorf("field %s of the changeset is in no test of the whole", f.Name())
		}
	}
	req := w.request("web/0", "config-changed", cs)
	files := set(1, "ab", "a", "b")
	req.Cursor.FilesGeneration, req.GetDone().StateFiles = 1, files
	before := w.txns.Load()
	resp := w.commit(req)
	if n := w.txns.Load() - before; n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	g := w.load().Model(w.uuid)
	for _, k := range []key.Key{
		key.OfUnit(key.State, "web/0"), key.OfUnit(key.Status, "web/0"), key.OfApp(key.AppStatus, "web"), key.UnitBag(2, "web/0"), key.AppBag(2, "web"),
		key.OfUnit(key.Ports, "web/0"), key.OfUnit(key.CharmState, "web/0"), key.OfApp(key.LeaderSettings, "web"), key.OfUnit(key.Payloads, "web/0"),
		key.Named(key.Secret, id), key.OfUnit(key.StateFiles, "web/0"),
	} {
		if e := g.Entry(k.String()); e == nil || e.Mod != resp.Revision {
			t.Errorf("record %s is not of revision %d: %v", k, resp.Revision, e)
		}
	}
	if len(w.contents(id)) != 1 || w.pieces() != "a b" {
		t.Errorf("content %v, pieces %q", w.contents(id), w.pieces())
	}
	if p := get[*controllerv1.Payloads](w, key.OfUnit(key.Payloads, "web/0")); len(p.GetPayloads()) != 1 {
		t.Errorf("payloads %v", p)
	}
}
