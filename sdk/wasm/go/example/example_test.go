package example_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/charmtest"
	"github.com/bangle-dev/bangle/sdk/wasm/go/example"
)

var update = flag.Bool("update", false, "write the story anew")

const storyFile = "../../vectors/story.json"

// TestStory tells the story against the rules of the host, and holds what went over the line against vectors/story.json,
// which the charms in the other languages are held against.
func TestStory(t *testing.T) {
	h := charmtest.New(t, example.Charm())
	h.Config("port", 8080)
	h.Config("title", "hello")
	web := h.Container("web")
	web.Down = true
	if _, handled, err := h.Run(charmtest.Hook(charm.Install)); handled || err != nil {
		t.Errorf("install: handled %v, %v", handled, err)
	}
	h.OK(charmtest.Hook(charm.ConfigChanged))
	h.Status("waiting", "for the container")
	web.Down = false
	h.OK(&hookv1.Event{Kind: "pebble-ready", Name: "web-pebble-ready", Container: "web"})
	h.Status("blocked", "needs a database")
	h.OK(charmtest.Action("info", ""))
	if a := h.Trace[len(h.Trace)-1].Output; string(a) != `{"action":{"failed":true,"message":"the service does not run yet"}}` {
		t.Errorf("info: %s", a)
	}
	db := withDatabase(t, h, web)
	withSite(t, h)
	atLast(t, h, web, db)
	compare(t, h.Trace)
}

// withDatabase relates the charm to a database, which says in two steps where it is.
func withDatabase(t *testing.T, h *charmtest.Harness, web *charmtest.Container) *hookv1.RelationView {
	db := h.Relation("db", "pg")
	db.LocalAppReadable = false
	h.OK(charmtest.OfRelation(db, "relation-created", ""))
	h.Status("waiting", "for the database")
	uri := h.Secret("", map[string]string{"password": "s3cret \"ü\""})
	db.RemoteAppBag = map[string]string{"address": "10.0.0.7:5432", "secret": uri}
	charmtest.Join(db, "pg/0", map[string]string{"private-address": "10.0.0.7"})
	h.View.Storage = []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/srv/data", Life: "alive"}}
	h.OK(charmtest.OfRelation(db, "relation-changed", "pg/0"))
	h.Status("active", "")
	if s := web.Running["web"]; s.Command != "/bin/web --port 8080" || s.Environment["DATABASE"] != "10.0.0.7:5432" || s.Environment["DATA"] != "/srv/data" {
		t.Errorf("running %v", web.Running)
	}
	h.Config("port", 9090)
	h.OK(charmtest.Hook(charm.ConfigChanged))
	if p := h.View.GetPorts(); len(p) != 1 || p[0].GetFrom() != 9090 {
		t.Errorf("ports %v", p)
	}
	h.Secret(uri, map[string]string{"password": "another"})
	h.OK(&hookv1.Event{Kind: "secret-changed", Name: "secret-changed", SecretId: uri})
	if text := web.Files["/etc/web.conf"]; text != "title = hello\npassword = another\n" {
		t.Errorf("file %q", text)
	}
	return db
}

// withSite relates the charm to one that uses it, and makes, shares and rotates the secret.
func withSite(t *testing.T, h *charmtest.Harness) {
	h.OK(charmtest.Action("rotate", `{"password":"one"}`))
	h.Leader(true)
	first := h.Relation("site", "proxy")
	h.OK(charmtest.OfRelation(first, "relation-created", ""))
	if first.GetLocalUnit()["url"] != "http://10.0.0.5:9090" || first.GetLocalApp()["admin"] != "" {
		t.Errorf("bags %v, %v", first.GetLocalUnit(), first.GetLocalApp())
	}
	h.OK(charmtest.Action("rotate", `{"password":"one"}`))
	uri := first.GetLocalApp()["admin"]
	second := h.Relation("site", "cache")
	h.OK(charmtest.OfRelation(second, "relation-created", ""))
	h.OK(charmtest.Action("rotate", `{"password":"two"}`))
	if got := h.SecretContent(uri)["password"]; got != "two" || second.GetLocalApp()["admin"] != uri {
		t.Errorf("secret %s is %q, bag %v", uri, got, second.GetLocalApp())
	}
	for _, s := range h.View.GetSecrets() {
		if s.GetLabel() == "admin" && (len(s.GetAccess()) != 2 || s.GetLatestRevision() != 2) {
			t.Errorf("secret %v", s)
		}
	}
	h.OK(charmtest.Action("info", ""))
	h.OK(charmtest.Hook(charm.UpdateStatus))
}

// atLast asks for the version, lets a start fail and takes the database away.
func atLast(t *testing.T, h *charmtest.Harness, web *charmtest.Container, db *hookv1.RelationView) {
	web.Exec = func(*abi.Exec) (*abi.ExecResult, error) {
		return &abi.ExecResult{ExitCode: 1, Stderr: "no such file"}, nil
	}
	h.OK(charmtest.Hook(charm.UpgradeCharm))
	web.Exec = func(*abi.Exec) (*abi.ExecResult, error) { return &abi.ExecResult{Stdout: "1.2"}, nil }
	h.OK(charmtest.Hook(charm.UpgradeCharm))
	web.FailStart = func(string, charmtest.Service) string { return "exited quickly with code 1" }
	h.Config("port", 1)
	if _, _, err := h.Run(charmtest.Hook(charm.ConfigChanged)); err == nil || err.Error() != `Start service "web" (exited quickly with code 1)` {
		t.Errorf("a start that fails: %v", err)
	}
	db.Broken = true
	h.OK(charmtest.OfRelation(db, "relation-broken", ""))
	h.Status("blocked", "needs a database")
	if len(web.Running) != 0 {
		t.Errorf("running %v", web.Running)
	}
}

func compare(t *testing.T, trace []charmtest.Step) {
	t.Helper()
	text, err := json.MarshalIndent(trace, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(storyFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(storyFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(text) {
		t.Errorf("%s is not what the charm does; run with -update and read the difference", storyFile)
	}
}
