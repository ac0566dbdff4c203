package main

import (
	"strings"
	"testing"

	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/charmtest"
)

// deployed is a unit with a container, its program and its storage.
func deployed(t *testing.T) (*charmtest.Harness, *charmtest.Container) {
	h := charmtest.New(t, newCharm())
	h.View.Unit.Name = "nats/0"
	h.Config("port", 4222)
	h.Config("max-payload", 1048576)
	h.Config("debug", false)
	h.View.Resources = []*hookv1.ResourceView{{Name: "workload", Type: "file", Path: "/opt/nats"}}
	h.View.Storage = []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/var/data 0"}}
	return h, h.Container("nats")
}

func ready() *hookv1.Event {
	return &hookv1.Event{Kind: "pebble-ready", Name: charm.PebbleReady("nats"), Container: "nats"}
}

func TestFirstStart(t *testing.T) {
	h, c := deployed(t)
	h.OK(charmtest.Hook(charm.Install))
	h.Status("maintenance", "waiting for the container")
	h.OK(ready())
	h.Status("active", "")
	want := `/opt/nats --listen 10.0.0.5:4222 --store-dir "/var/data 0" --name nats-0 --max-payload 1048576`
	if got := c.Running["nats"].Command; got != want {
		t.Errorf("command %s\nwant    %s", got, want)
	}
	if got := h.View.GetPorts(); len(got) != 1 || got[0].GetFrom() != 4222 {
		t.Errorf("ports %v", got)
	}
	h.OK(charmtest.Hook(charm.ConfigChanged))
	if c.Starts != 1 {
		t.Errorf("%d starts: an event that changes nothing restarts nothing", c.Starts)
	}
}

func TestConfigChange(t *testing.T) {
	h, c := deployed(t)
	h.OK(ready())
	h.Config("debug", true)
	h.Config("port", 5222)
	h.OK(charmtest.Hook(charm.ConfigChanged))
	if got := c.Running["nats"].Command; !strings.Contains(got, ":5222") || !strings.HasSuffix(got, " --debug") {
		t.Errorf("command %s", got)
	}
	if got := h.View.GetPorts(); len(got) != 1 || got[0].GetFrom() != 5222 {
		t.Errorf("ports %v", got)
	}
}

func TestPublishes(t *testing.T) {
	h, _ := deployed(t)
	h.OK(ready())
	r := h.Relation("nats", "guestbook")
	charmtest.Join(r, "guestbook/0", nil)
	h.OK(charmtest.OfRelation(r, "relation-joined", "guestbook/0"))
	if got := r.GetLocalUnit()["url"]; got != "nats://10.0.0.5:4222" {
		t.Errorf("url %q", got)
	}
	cs := h.OK(charmtest.Action("info", "{}"))
	if got := cs.GetAction().GetResults(); got["running"] != "yes" || got["url"] != "nats://10.0.0.5:4222" || got["clients"] != "1" {
		t.Errorf("results %v", got)
	}
}

// TestPortOfItsOwn: without a port the unit finds one that is free and keeps it.
func TestPortOfItsOwn(t *testing.T) {
	h, c := deployed(t)
	h.Config("port", 0)
	taken := 2
	c.FailStart = func(string, charmtest.Service) string {
		if taken--; taken >= 0 {
			return "exited quickly with code 1, will restart: listen tcp: address already in use"
		}
		return ""
	}
	h.OK(ready())
	h.Status("active", "")
	port := h.View.GetCharmState()["port"]
	if !strings.Contains(c.Running["nats"].Command, ":"+port+" ") {
		t.Errorf("command %s, port kept %s", c.Running["nats"].Command, port)
	}
	h.OK(charmtest.Hook(charm.ConfigChanged))
	if c.Starts != 1 || h.View.GetCharmState()["port"] != port {
		t.Errorf("%d starts, port %s then %s", c.Starts, port, h.View.GetCharmState()["port"])
	}
}

func TestFailures(t *testing.T) {
	h, c := deployed(t)
	c.FailStart = func(string, charmtest.Service) string { return "exited quickly with code 1, will restart" }
	if _, _, err := h.Run(ready()); err == nil || !strings.HasPrefix(err.Error(), `Start service "nats" (exited quickly`) {
		t.Errorf("error %v", err)
	}
	c.Down = true
	h.OK(charmtest.Hook(charm.ConfigChanged))
	h.Status("waiting", "for the container")
	c.Down = false
	h.View.Storage = nil
	h.OK(charmtest.Hook(charm.ConfigChanged))
	h.Status("blocked", "storage data is not attached")
	h.View.Resources[0].Path = ""
	h.Answers["resource"] = `{"path":""}`
	h.OK(charmtest.Hook(charm.ConfigChanged))
	h.Status("blocked", "give the program: deploy --resource workload=PATH")
	if _, handled, err := h.Run(charmtest.Hook("start")); handled || err != nil {
		t.Errorf("start: handled %v, %v", handled, err)
	}
}
