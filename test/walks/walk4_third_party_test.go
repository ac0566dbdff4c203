package walks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/substratetest"
	"github.com/bangle-dev/bangle/test/stage"
)

// theirs builds the third party's module into a directory, and says where its charm is.
func theirs(t *testing.T) (dir, charm string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./substrate-plain", "./runtime-any")
	cmd.Dir = "../thirdparty"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the third party's module: %v\n%s", err, out)
	}
	list := exec.Command("go", "list", "-deps", "./...")
	list.Dir = cmd.Dir
	packages, err := list.Output()
	must(t, err)
	for name := range strings.FieldsSeq(string(packages)) {
		if of, ours := strings.CutPrefix(name, "github.com/bangle-dev/bangle/"); ours && !strings.HasPrefix(of, "sdk/") {
			t.Errorf("the third party's module needs %s, want sdk alone", name)
		}
	}
	charm, err = filepath.Abs("../thirdparty/charms/notes")
	must(t, err)
	return dir, charm
}

// drop copies a plugin into the home's directory of plugins and answers the file and its sum.
func (h *home) drop(from, name, tail string) (file, sum string) {
	h.Helper()
	content, err := os.ReadFile(filepath.Join(from, name))
	must(h.T, err)
	content = append(content, tail...)
	file = filepath.Join(h.dir, "plugins", name)
	must(h.T, os.WriteFile(file+".new", content, 0o755))
	must(h.T, os.Rename(file+".new", file))
	digest := sha256.Sum256(content)
	return file, hex.EncodeToString(digest[:])
}

// TestWalk4ThirdPartySubstrate: a substrate written from the published packages alone passes the conformance suite, is
// trusted with its checksum, and a controller is bootstrapped on it. Charms for a runtime of the same origin live there.
func TestWalk4ThirdPartySubstrate(t *testing.T) {
	bin, err := stage.Programs(t.Context(), "")
	must(t, err)
	plugins, charm := theirs(t)
	t.Run("conformance", func(t *testing.T) {
		substratetest.Run(t, substratetest.Config{
			Start: substratetest.Binary(filepath.Join(plugins, "substrate-plain")), Supervisor: filepath.Join(bin, "bangle-supervisor"),
		})
	})
	h := newHome(t, bin)
	h.trusted(plugins)
	h.run("bootstrap", "plain", "theirs")
	h.run("add-model", "m")
	h.live(charm)
	h.scale()
	h.survives()
	h.run("destroy-controller", "--no-prompt", "--destroy-all-models", "theirs")
	h.empty()
	h.abandoned(charm)
}

// empty: no process of the home is left.
func (h *home) empty() {
	h.Helper()
	if left := h.processes(""); len(left) > 0 {
		h.Errorf("processes %v are left by destroy-controller: %s", left, command(left[0]))
	}
}

// abandoned: a controller is destroyed without asking its substrate, which has recorded what it started.
func (h *home) abandoned(charm string) {
	h.Helper()
	h.run("bootstrap", "plain", "again")
	h.run("add-model", "m")
	h.run("deploy", "--runtime", "any", charm, "one")
	h.until(true, `^one/0\* +active +idle .*quiet`, "status")
	h.run("destroy-controller", "--no-prompt", "--force", "again")
	h.empty()
}

// trusted: nothing of theirs runs before its user says so, nor after it was changed.
func (h *home) trusted(plugins string) {
	h.Helper()
	file, sum := h.drop(plugins, "substrate-plain", "")
	h.refused([]string{"not trusted", sum, "plugins.lock", "bangle plugins trust " + file}, "bootstrap", "plain", "theirs")
	h.run("plugins", "trust", file)
	_, changed := h.drop(plugins, "substrate-plain", "changed")
	h.refused([]string{"was changed", sum, changed, "bangle plugins trust " + file}, "bootstrap", "plain", "theirs")
	h.drop(plugins, "substrate-plain", "")
	runtime, _ := h.drop(plugins, "runtime-any", "")
	h.run("plugins", "trust", runtime)
	if left := h.processes(""); len(left) > 0 {
		h.Fatalf("processes %v of a refused plugin run", left)
	}
}

// live deploys two applications and lets everything happen to them once.
func (h *home) live(charm string) {
	h.Helper()
	h.run("deploy", "--runtime", "any", charm, "one")
	h.run("deploy", "--runtime", "any", charm, "two")
	h.until(true, `^one/0\* +active +idle .* 80/tcp +quiet`, "status")
	h.until(true, `^two/0\* +active +idle .* 80/tcp +quiet`, "status")
	h.until(true, `attached data/0 1`, "debug-log", "--replay", "--no-tail")
	h.until(true, `app answers: True`, "debug-log", "--replay", "--no-tail", "--include", "one/0")
	h.run("config", "one", "note=loud")
	h.until(true, `^one/0\* +active +idle .*loud`, "status")
	h.run("integrate", "one:out", "two:in")
	h.until(true, `heard two/0`, "debug-log", "--replay", "--no-tail", "--include", "one/0")
	h.until(true, `heard one/0`, "debug-log", "--replay", "--no-tail", "--include", "two/0")
	if out := h.run("run", "one/0", "write", "line=hello"); !strings.Contains(out, "lines: \"2\"") {
		h.Errorf("the action says %q, want the storage's second line", out)
	}
	h.until(true, `saw write`, "debug-log", "--replay", "--no-tail", "--include", "one/0")                   // logs come a moment later
	got := slices.DeleteFunc(h.saw("one/0"), func(event string) bool { return event == "app-pebble-ready" }) // whenever it is
	want := []string{"install", "ring-relation-created one", "leader-elected", "config-changed", "start", "data-storage-attached",
		"config-changed", "out-relation-created two", "out-relation-joined two/0", "out-relation-changed two/0", "write"}
	if !slices.Equal(got, want) {
		h.Errorf("one/0 saw\n%q, want\n%q", got, want)
	}
}

// scale goes 1, 2, 1: the unit that leaves keeps its place until it has said farewell.
func (h *home) scale() {
	h.Helper()
	h.run("scale-application", "one", "2")
	h.until(true, `^one/1 +active +idle`, "status")
	h.until(true, `attached data/2 1`, "debug-log", "--replay", "--no-tail")
	supervisors := h.processes("bangle-supervisor run --create-dirs")
	h.run("scale-application", "one", "1")
	h.until(false, `one/1`, "status")
	h.until(true, `saw remove`, "debug-log", "--replay", "--no-tail", "--include", "one/1")
	if got := h.saw("one/1"); len(got) == 0 || got[len(got)-1] != "remove" || !slices.Contains(got, "stop") || !slices.Contains(got, "data-storage-detaching") {
		h.Errorf("one/1 saw %q, want storage-detaching and stop, and remove at its end", got)
	}
	h.until(true, `app answers at the end: True`, "debug-log", "--replay", "--no-tail", "--include", "one/1")
	if got := h.processes("bangle-supervisor run --create-dirs"); len(got) != len(supervisors)-1 {
		h.Errorf("%d supervisors run, %d ran with one unit more", len(got), len(supervisors))
	}
}

// survives: their plugins are killed, controller and agent start them again, and no workload notices.
func (h *home) survives() {
	h.Helper()
	supervisors := h.processes("bangle-supervisor run")
	killed := append(h.processes("plugins/substrate-plain"), h.processes("plugins/runtime-any")...)
	if len(killed) != 3 {
		h.Errorf("processes %v are plugins, want two substrates and a runtime", killed)
	}
	for _, pid := range killed {
		must(h.T, unix.Kill(pid, unix.SIGKILL))
	}
	h.run("config", "one", "note=again")
	h.until(true, `^one/0\* +active +idle .*again`, "status")
	h.run("scale-application", "two", "2")
	h.until(true, `^two/1 +active +idle`, "status")
	for _, pid := range supervisors {
		if !slices.Contains(h.processes("bangle-supervisor run"), pid) {
			h.Errorf("supervisor %d ended with a plugin", pid)
		}
	}
}

// TestThirdPartyRuntimeOnLocal: their runtime's charms live on our substrate too, beside charms of ours.
func TestThirdPartyRuntimeOnLocal(t *testing.T) {
	bin, err := stage.Programs(t.Context(), "")
	must(t, err)
	plugins, charm := theirs(t)
	h := newHome(t, bin)
	h.run("bootstrap", "local", "mixed")
	h.run("add-model", "m")
	h.run("deploy", "--runtime", "any", charm, "one") // the agents may have it although the controller has not
	h.until(true, `runtime-any|runtime "?any`, "status")
	file, sum := h.drop(plugins, "runtime-any", "")
	h.until(true, sum, "plugins", "--verbose")
	h.run("plugins", "trust", file)
	h.try("resolved", "one/0") // its next try may have come first
	h.until(true, `^one/0\* +active +idle .*quiet`, "status")
	ours, err := filepath.Abs("../charms/probe")
	must(t, err)
	h.run("deploy", ours, "probe")
	h.until(true, `^probe/0\* +active +idle .*quiet`, "status")
	if got := h.saw("one/0"); !slices.Equal(got[:2], []string{"data-storage-attached", "install"}) {
		t.Errorf("one/0 saw %q, want its storage before install, as on every machine", got)
	}
	h.run("destroy-controller", "--no-prompt", "--destroy-all-models", "mixed")
	h.empty()
}
