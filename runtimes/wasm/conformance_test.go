package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

func TestConformance(t *testing.T) {
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	warm := newRuntime(t) // compiling is not what the suite's patience is for
	load(t, warm, "obey", w.obey)
	load(t, warm, "empty", w.empty)
	fresh := func() charmruntime.Runtime {
		r, err := wasm.New(wasm.Config{CacheDir: filepath.Join(w.dir, "cache")})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start: charmruntimetest.OverGRPC(fresh), Charm: w.obey, Broken: packed(t, []byte("this is no module")), Empty: w.empty,
	})
}

// TestConformanceOfScripts runs the suite on the charms that are scripts.
func TestConformanceOfScripts(t *testing.T) {
	w := mustBuild(t)
	for language, broken := range map[string][2]string{"js": {"charm.js", "this is no script"}, "micropython": {"charm.py", "this is no script"}} {
		t.Run(language, func(t *testing.T) {
			if testing.Short() && language != "js" {
				t.Skip("one engine is enough")
			}
			wasm.NeedEngines(t)
			charm := "../../sdk/wasm/" + language + "/conformance"
			empty := map[string]string{"js": jsHead, "micropython": pyHead}[language]
			load(t, newRuntime(t), language, charm) // compiling is not what the suite's patience is for
			charmruntimetest.Run(t, charmruntimetest.Config{
				Start: charmruntimetest.OverGRPC(func() charmruntime.Runtime {
					r, err := wasm.New(wasm.Config{CacheDir: filepath.Join(w.dir, "cache")})
					if err != nil {
						t.Fatal(err)
					}
					return r
				}),
				Charm: charm, Broken: written(t, broken[0], broken[1]), Empty: written(t, broken[0], empty),
			})
		})
	}
}

// TestConformanceOfThePlugin runs the suite on the built binary, with a code cache so that a restart is quick.
func TestConformanceOfThePlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the plugin and starts it for every case")
	}
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start: charmruntimetest.Binary(plugin(t)), Charm: mustBuild(t).obey, Broken: packed(t, []byte("this is no module")), Empty: mustBuild(t).empty,
	})
}

func mustBuild(t testing.TB) work {
	t.Helper()
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// plugin builds plugins/runtime-wasm and returns a program that runs it with a code cache.
func plugin(t testing.TB) string {
	t.Helper()
	w := mustBuild(t)
	file := filepath.Join(w.dir, "runtime-wasm")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "../../plugins/runtime-wasm").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the plugin: %v\n%s", err, out)
	}
	script := "#!/bin/sh\n" + wasm.EnvCache + "=" + filepath.Join(w.dir, "cache") + " exec " + file + "\n"
	if err := os.WriteFile(file+".sh", []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return file + ".sh"
}

// BenchmarkPlugin is an event by way of the built plugin: gRPC there and back, and the guest.
func BenchmarkPlugin(b *testing.B) {
	subject := charmruntimetest.Binary(plugin(b))(b)
	resp, err := subject.Runtime.Load(b.Context(), &charmruntimev1.LoadRequest{Digest: "guest", Dir: mustBuild(b).guest})
	if err != nil || resp.GetHandle() == "" {
		b.Fatal(resp, err)
	}
	s := start(resp.GetHandle(), "config-changed", title("a title"))
	for b.Loop() {
		if done, err := subject.Runtime.Dispatch(b.Context(), s, &host{}); err != nil || done.GetOutcome() != fine {
			b.Fatal(done, err)
		}
	}
}
