package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/charmtest"
)

const backendsFile = "/run/test/gate/backends.json"

func deployed(t *testing.T) (*charmtest.Harness, *charmtest.Container) {
	h := charmtest.New(t, newCharm())
	h.View.Unit.Name = "gate/0"
	h.Config("port", 8000)
	h.Config("title", "")
	h.View.Resources = []*hookv1.ResourceView{{Name: "workload", Type: "file", Path: "/opt/gate"}}
	return h, h.Container("gate")
}

func ready() *hookv1.Event {
	return &hookv1.Event{Kind: "pebble-ready", Name: charm.PebbleReady("gate"), Container: "gate"}
}

func TestStory(t *testing.T) {
	h, c := deployed(t)
	h.OK(ready())
	h.Status("waiting", "for back ends: integrate me with a web application")
	if got := c.Running["gate"].Command; got != "/opt/gate --listen 10.0.0.5:8000 --backends "+backendsFile+" --name gate/0" {
		t.Errorf("command %s", got)
	}
	r := h.Relation("backend", "guestbook")
	charmtest.Join(r, "guestbook/1", map[string]string{"url": "http://10.0.0.7:8080", "title": `Gäste "buch"`})
	charmtest.Join(r, "guestbook/0", map[string]string{"url": "http://10.0.0.6:8080", "title": `Gäste "buch"`})
	h.OK(charmtest.OfRelation(r, "relation-changed", "guestbook/1"))
	h.Status("active", "serving 2 back ends on http://10.0.0.5:8000")
	var file struct {
		Title    string
		Backends []struct{ Name, URL string }
	}
	if err := json.Unmarshal([]byte(c.Files[backendsFile]), &file); err != nil {
		t.Fatalf("%v:\n%s", err, c.Files[backendsFile])
	}
	if file.Title != `Gäste "buch"` || len(file.Backends) != 2 || file.Backends[0].Name != "guestbook/0" || file.Backends[1].URL != "http://10.0.0.7:8080" {
		t.Errorf("file %+v", file)
	}
	if !slices.Equal(c.Signals, []string{"SIGHUP gate"}) || c.Starts != 1 {
		t.Errorf("signals %v, %d starts; back ends change without a restart", c.Signals, c.Starts)
	}
	h.OK(charmtest.Hook(charm.UpdateStatus))
	if len(c.Signals) != 1 {
		t.Errorf("signals %v: nothing had changed", c.Signals)
	}
	r.Members = r.GetMembers()[1:]
	h.OK(charmtest.OfRelation(r, "relation-departed", "guestbook/1"))
	h.Status("active", "serving 1 back end on http://10.0.0.5:8000")
	cs := h.OK(charmtest.Action("status", "{}"))
	if got := cs.GetAction().GetResults(); got["backends"] != "guestbook/0=http://10.0.0.6:8080" || got["url"] != "http://10.0.0.5:8000" {
		t.Errorf("results %v", got)
	}
	r.Broken, r.Members = true, nil
	h.OK(charmtest.OfRelation(r, "relation-broken", ""))
	h.Status("waiting", "for back ends: integrate me with a web application")
	if strings.Contains(c.Files[backendsFile], "guestbook") {
		t.Errorf("file %s", c.Files[backendsFile])
	}
}

func TestTitleOfItsOwn(t *testing.T) {
	h, c := deployed(t)
	h.Config("title", "Front door")
	h.Config("port", 0)
	h.OK(ready())
	if !strings.Contains(c.Files[backendsFile], `"title": "Front door"`) {
		t.Errorf("file %s", c.Files[backendsFile])
	}
	if len(h.View.GetPorts()) != 1 || h.View.GetPorts()[0].GetFrom() < 20000 {
		t.Errorf("ports %v", h.View.GetPorts())
	}
}
