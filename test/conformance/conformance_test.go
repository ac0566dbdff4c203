// Package conformance_test runs the suites of sdk against built plugins, found,
// checked and started as bangle does it.
package conformance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/substratetest"
)

// bin is the directory of the built programs: ours in it, plugins in plugins/.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	bin = dir
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// build builds what is shipped as it is shipped (our plugins are the agent under other names), what a third party ships
// (in its own module), and the suite's charms for WASM.
func build() error {
	plugins := filepath.Join(bin, "plugins") + "/"
	err := errors.Join(
		compile("../..", nil, "-o", bin+"/", "./plugins/bangle-agent", "./supervisor/cmd/bangle-supervisor", "./runtimes/hooktool"),
		compile("../thirdparty", nil, "-o", plugins, "./runtime-any", "./substrate-plain"),
	)
	for _, name := range []string{"runtime-python", "runtime-wasm", "substrate-local"} {
		err = errors.Join(err, os.Link(filepath.Join(bin, "bangle-agent"), plugins+name))
	}
	for _, name := range []string{"obey", "empty"} {
		err = errors.Join(err, compile("../../runtimes/wasm/testdata/"+name, []string{"GOOS=wasip1", "GOARCH=wasm"},
			"-buildmode=c-shared", "-o", filepath.Join(bin, "charms", name, "charm.wasm"), "."))
	}
	return err
}

func compile(dir string, env []string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// plugin is a built plugin.
func plugin(name string) string { return filepath.Join(bin, "plugins", name) }

// TestSuitesAreWhole: each suite has at least 25 cases and says their names.
func TestSuitesAreWhole(t *testing.T) {
	for name, cases := range map[string][]string{"charmruntime": charmruntimetest.Cases(), "substrate": substratetest.Cases()} {
		if len(cases) < 25 {
			t.Errorf("suite %s has %d cases, want at least 25", name, len(cases))
		}
		t.Logf("suite %s: %d cases\n  %s", name, len(cases), strings.Join(cases, "\n  "))
	}
}

// host is a host that knows the one plugin.
func host(t testing.TB, file string) *pluginhost.Host {
	t.Helper()
	home := t.TempDir()
	if _, err := pluginhost.Trust(t.Context(), home, file); err != nil {
		t.Fatal(err)
	}
	h, err := pluginhost.New(pluginhost.Config{
		Catalog: pluginhost.Catalog{Home: home}, Env: []string{wasm.EnvCache + "=" + filepath.Join(bin, "wasm-cache")},
	})
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
	t.Parallel()
	tools := t.TempDir()
	for _, name := range tool.Names() {
		if err := os.Symlink(filepath.Join(bin, "hooktool"), filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	broken, empty := charms(t)
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start:  runtime(plugin("runtime-python")),
		Charm:  "../../sdk/charmruntimetest/charms/executable",
		Broken: broken, Empty: empty, Tools: tools,
	})
}

func TestRuntimeWasm(t *testing.T) {
	t.Parallel()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "charm.wasm"), []byte("this is no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := charmruntimetest.Config{
		Start: runtime(plugin("runtime-wasm")), Charm: filepath.Join(bin, "charms", "obey"), Broken: broken, Empty: filepath.Join(bin, "charms", "empty"),
	}
	warm := cfg.Start(t) // compiling is not what the suite's patience is for
	for _, dir := range []string{cfg.Charm, cfg.Empty} {
		if _, err := warm.Runtime.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: filepath.Base(dir), Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	charmruntimetest.Run(t, cfg)
}

func TestThirdPartyRuntimeAny(t *testing.T) {
	t.Parallel()
	charms := "../thirdparty/testdata/charms/"
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start: runtime(plugin("runtime-any")), Charm: charms + "conformance", Broken: charms + "broken", Empty: charms + "empty",
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
	t.Parallel()
	substratetest.Run(t, substratetest.Config{
		Start: substrate(plugin("substrate-local")), Supervisor: filepath.Join(bin, "bangle-supervisor"), Hooktool: filepath.Join(bin, "hooktool"),
	})
}

func TestThirdPartySubstratePlain(t *testing.T) {
	t.Parallel()
	substratetest.Run(t, substratetest.Config{
		Start: substrate(plugin("substrate-plain")), Supervisor: filepath.Join(bin, "bangle-supervisor"),
	})
}
