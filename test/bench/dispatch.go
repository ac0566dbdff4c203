package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// deaf is a host that has nothing to answer: the view has all that is asked for.
type deaf struct{}

// Call implements charmruntime.Host.
func (deaf) Call(_ context.Context, op, _ string) (string, error) {
	return "", fmt.Errorf("%s is not answered here", op)
}

// Immediate implements charmruntime.Host.
func (deaf) Immediate(*charmruntimev1.Immediate) {}

// runtime starts a runtime's plugin as the agent does.
func (b *bench) runtime(name string) *charmruntime.Remote {
	host, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{filepath.Join(b.bin, "plugins")}}, RunDir: b.dir,
		Env: []string{"BANGLE_WASM_CACHE=" + filepath.Join(b.dir, "wasm-cache")}})
	b.check(err)
	b.Cleanup(host.Close)
	instance, err := host.Start(b.ctx, pluginhost.KindRuntime, name)
	b.check(err)
	client := charmruntime.Client(instance.Conn())
	b.Cleanup(client.Close)
	return client
}

// load makes a charm ready.
func (b *bench) load(client *charmruntime.Remote, dir string) string {
	loaded, err := client.Load(b.ctx, &charmruntimev1.LoadRequest{Digest: fmt.Sprintf("%064x", len(dir)), Dir: dir})
	b.check(err)
	for _, d := range loaded.GetDiagnostics() {
		if d.GetSeverity() == "error" {
			b.Fatalf("cannot load %s: %v", dir, d)
		}
	}
	return loaded.GetHandle()
}

// dispatch runs one event and wants it to succeed.
func (b *bench) dispatch(client *charmruntime.Remote, start *charmruntimev1.Start) {
	done, err := client.Dispatch(b.ctx, start, deaf{})
	b.check(err)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		b.Fatalf("the charm failed: %v", done)
	}
}

// wasm measures agent → plugin → charm → changeset with a Go charm.
func (b *bench) wasm() {
	client := b.runtime("wasm")
	began := time.Now()
	handle := b.load(client, filepath.Join(b.dir, "echo"))
	b.say("dispatch.wasm.compile", float64(time.Since(began).Milliseconds()), "ms")
	b.quiet("dispatch-wasm")
	for _, size := range []struct {
		name   string
		units  int
		record bool
	}{{"dispatch.wasm", 6, false}, {"dispatch.wasm.recorded", 6, true}, {"dispatch.wasm.view42k", 75, false}} {
		view := view(size.units)
		b.perEcho(size.name, b.percentiles(size.name, b.sample(func(i int) {
			note := fmt.Sprint(i)
			view.Config["note"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: note}}
			b.dispatch(client, &charmruntimev1.Start{Handle: handle, Event: event(i), View: view, TimeoutMs: 10_000, Record: size.record})
		}), "us"))
	}
}

// python measures an executable charm that is started for each event, with no hook tool and with nine.
func (b *bench) python() {
	client := b.runtime("python")
	tools, run := filepath.Join(b.dir, "tools"), filepath.Join(b.dir, "run")
	b.check(os.Mkdir(tools, 0o755))
	b.check(os.Mkdir(run, 0o700))
	for _, name := range tool.Names() {
		b.check(os.Symlink(filepath.Join(b.bin, "hooktool"), filepath.Join(tools, name)))
	}
	b.quiet("dispatch-python")
	for _, calls := range []string{"0", "9"} {
		dir := filepath.Join(b.dir, "cold", calls)
		b.check(os.CopyFS(dir, os.DirFS(filepath.Join(b.root, "test", "bench", "testdata", "cold"))))
		b.check(os.Chmod(filepath.Join(dir, "dispatch"), 0o755))
		handle := b.load(client, dir)
		place := &charmruntimev1.Workspace{CharmDir: dir, RunDir: run, ToolsDir: tools}
		b.percentiles("dispatch.python.cold.tools"+calls, b.sample(func(i int) {
			b.dispatch(client, &charmruntimev1.Start{Handle: handle, Event: event(i), View: view(6), Workspace: place})
		}), "us")
	}
}

func event(i int) *hookv1.Event {
	return &hookv1.Event{Id: fmt.Sprintf("%d-config-changed", i+100), Kind: "config-changed", Name: "config-changed"}
}

// view is what a web application sees: 19 options, two relations with so many remote units of eight keys; 4 KB for 6.
func view(units int) *hookv1.View {
	v := &hookv1.View{Revision: 7, Epoch: "e", Model: &hookv1.ModelView{Name: "m", Uuid: "0d2c3e4f-1111-4222-8333-444455556666", ControllerName: "c", JujuVersion: "3.6.14"},
		Unit:        &hookv1.UnitView{Name: "web/0", Life: "alive", MachineId: "0", PrivateAddress: "127.0.0.1", PublicAddress: "127.0.0.1"},
		Application: &hookv1.ApplicationView{Name: "web", Life: "alive", CharmName: "echo", CharmUrl: "local:echo-0"},
		Config:      map[string]*hookv1.ConfigValue{}, CharmState: map[string]string{"a": "1"},
		Leadership: &hookv1.Leadership{Leader: true, SecondsLeft: 60, Term: 3},
		Networks:   []*hookv1.NetworkView{{Binding: "db", IngressAddresses: []string{"127.0.0.1"}, EgressSubnets: []string{"127.0.0.1/32"}}}}
	for i := range 18 {
		v.Config[fmt.Sprintf("option-%02d", i)] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: "value"}}
	}
	v.Config["note"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: "quiet"}}
	for id, name := range []string{"db", "cache"} {
		rel := &hookv1.RelationView{Id: int32(id + 1), Endpoint: name, Interface: name, Role: "requirer", Scope: "global", Life: "alive", RemoteApp: name, LocalUnit: map[string]string{"ingress-address": "127.0.0.1"}}
		for u := range units {
			bag := map[string]string{}
			for k := range 8 {
				bag[fmt.Sprintf("key-%d", k)] = fmt.Sprintf("value-%d-%d", u, k)
			}
			rel.Members = append(rel.Members, &hookv1.MemberView{Unit: fmt.Sprintf("%s/%d", name, u), Bag: bag, Version: 1})
		}
		v.Relations = append(v.Relations, rel)
	}
	return v
}
