// Package conformance_test runs the suites of sdk against built plugins, found,
// checked and started as bangle does it.
package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	"github.com/bangle-dev/bangle/sdk/substratetest"
)

// bin is the directory of the built programs.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	bin = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// built builds a main of this module into a directory below bin.
func built(t *testing.T, source, name string) string {
	t.Helper()
	file := filepath.Join(bin, name)
	build := exec.Command("go", "build", "-trimpath", "-o", file, "./"+source)
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", source, err, out)
	}
	return file
}

// host is a host that knows the one plugin.
func host(t testing.TB, file string) *pluginhost.Host {
	t.Helper()
	home := t.TempDir()
	if _, err := pluginhost.Trust(t.Context(), home, file); err != nil {
		t.Fatal(err)
	}
	h, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.Catalog{Home: home}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// runtime starts a built runtime.
func runtime(file string) func(testing.TB) charmruntimetest.Subject {
	return func(t testing.TB) charmruntimetest.Subject {
		id, _ := pluginhost.ParseID(filepath.Base(file))
		i, err := host(t, file).Start(t.Context(), id.Kind, id.Name)
		if err != nil {
			t.Fatal(err)
		}
		remote := charmruntime.Client(i.Conn())
		t.Cleanup(remote.Close)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("last lines of %s: %q", i.ID, i.Stderr())
			}
		})
		return charmruntimetest.Subject{Runtime: remote, PID: i.PID(), Kill: func() { killed(t, i) }}
	}
}

// killed ends a plugin without asking it.
func killed(t testing.TB, i *pluginhost.Instance) {
	if process, err := os.FindProcess(i.PID()); err == nil {
		_ = process.Kill() // gone already is as good
	}
	<-i.Done()
}

// charms makes the broken and the empty charm of executable runtimes.
func charms(t *testing.T) (broken, empty string) {
	t.Helper()
	broken, empty = filepath.Join(t.TempDir(), "broken"), filepath.Join(t.TempDir(), "empty")
	for _, dir := range []string{broken, filepath.Join(empty, "hooks")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return broken, empty
}

func TestRuntimePython(t *testing.T) {
	hooktool := built(t, "runtimes/hooktool", "hooktool")
	tools := t.TempDir()
	for _, name := range tool.Names() {
		if err := os.Symlink(hooktool, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	broken, empty := charms(t)
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start:  runtime(built(t, "plugins/runtime-python", "runtime-python")),
		Charm:  "../../sdk/charmruntimetest/charms/executable",
		Broken: broken, Empty: empty, Tools: tools,
	})
}

// substrate starts a built substrate that serves both sides.
func substrate(file string) func(testing.TB, substratetest.Dirs) substratetest.Subject {
	return func(t testing.TB, _ substratetest.Dirs) substratetest.Subject {
		id, _ := pluginhost.ParseID(filepath.Base(file))
		i, err := host(t, file).Start(t.Context(), id.Kind, id.Name)
		if err != nil {
			t.Fatal(err)
		}
		s := substratetest.Connect(t, i.Conn())
		s.PID, s.Kill = i.PID(), func() { killed(t, i) }
		return s
	}
}

func TestSubstrateLocal(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Start:      substrate(built(t, "plugins/substrate-local", "substrate-local")),
		Supervisor: built(t, "supervisor/cmd/bangle-supervisor", "bangle-supervisor"),
		Hooktool:   built(t, "runtimes/hooktool", "hooktool"),
	})
}
