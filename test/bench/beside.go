package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// beside measures the same charm as a WASM module from Go and in Python, cold and warm, with our library: an event of each
// in turn, so that whatever else the machine does falls on all alike.
func (b *bench) beside() {
	tools := filepath.Join(b.dir, "beside-tools")
	b.check(os.Mkdir(tools, 0o755))
	for _, name := range tool.Names() {
		b.check(os.Symlink(filepath.Join(b.bin, "hooktool"), filepath.Join(tools, name)))
	}
	wasm := &manner{name: "wasm", client: b.runtime("wasm"), place: &charmruntimev1.Workspace{}}
	wasm.handle = b.loadAs(wasm.client, "beside", filepath.Join(b.dir, "echo"))
	python := b.echoInPython()
	cold, warm := b.manner("cold", python, tools), b.manner("auto", python, tools)
	warm.name = "warm"
	all := []*manner{wasm, cold, warm}
	b.quiet("beside")
	for i := range b.samples + 5 {
		for _, m := range all {
			pause()
			if b.ctx.Err() != nil {
				b.Fatalf("interrupted")
			}
			if i == 5 {
				m.wall, m.cpu = nil, nil
			}
			b.echoed(m, fmt.Sprint("note ", i))
		}
	}
	for _, m := range all {
		slices.Sort(m.wall)
		slices.Sort(m.cpu)
		b.say("same."+m.name+".p50", at(m.wall, 0.5), "ms")
		b.say("same."+m.name+".p99", at(m.wall, 0.99), "ms")
		b.say("same."+m.name+".cpu.p50", at(m.cpu, 0.5), "ms") // of the guest, or of the event's processes
	}
	b.say("same.wasm-to-cold", at(cold.wall, 0.5)/at(wasm.wall, 0.5), "x")
	b.say("same.wasm-to-warm", at(warm.wall, 0.5)/at(wasm.wall, 0.5), "x")
}

// echoed runs one event and wants the status to say the note.
func (b *bench) echoed(m *manner, note string) {
	v := view(6)
	v.Config["note"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: note}}
	start := &charmruntimev1.Start{Handle: m.handle, Event: event(len(m.wall)), View: v, Workspace: m.place, TimeoutMs: 60_000}
	began := time.Now()
	done, err := m.client.Dispatch(b.ctx, start, charmruntime.Host(deaf{}))
	took := time.Since(began)
	b.check(err)
	if said := done.GetChangeset().GetUnitStatus().GetMessage(); said != note {
		b.Fatalf("the charm %s says %q: %v", m.name, said, done)
	}
	m.wall, m.cpu = append(m.wall, took.Seconds()*1e3), append(m.cpu, float64(done.GetStats().GetCpuUs())/1e3)
}

// echoInPython is the charm's directory with our library in its venv.
func (b *bench) echoInPython() string {
	dir := filepath.Join(b.dir, "echopy")
	b.check(os.CopyFS(dir, os.DirFS(filepath.Join(b.root, "test", "bench", "testdata", "echopy"))))
	b.check(os.CopyFS(filepath.Join(dir, "venv", "ops"), os.DirFS(filepath.Join(b.root, "sdk", "python", "ops"))))
	for _, program := range []string{"dispatch", "src/charm.py"} {
		b.check(os.Chmod(filepath.Join(dir, program), 0o755))
	}
	return dir
}
