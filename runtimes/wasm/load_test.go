package wasm_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestLoadDiagnostics: what is wrong with a module is found before it runs, and said whole.
func TestLoadDiagnostics(t *testing.T) {
	good := guestModule{}.build()
	component := append([]byte(nil), good...)
	copy(component[4:], "\x0d\x00\x01\x00")
	newer := append([]byte(nil), good...)
	newer[4] = 2
	for name, module := range map[string][]byte{
		"text":             []byte("(module)"),
		"empty":            {},
		"component":        component,
		"newer-version":    newer,
		"cut-off":          good[:len(good)-7],
		"body-not-valid":   guestModule{dispatch: i32Const(1)}.build(),
		"no-marker":        guestModule{skip: map[string]bool{"charm_abi_1": true}}.build(),
		"command":          guestModule{rename: map[string]string{"charm_abi_1": "_start"}}.build(),
		"start-signature":  guestModule{skip: map[string]bool{"charm_abi_1": true, "charm_dispatch": true}, rename: map[string]string{"charm_alloc": "_start"}}.build(),
		"no-exports":       guestModule{skip: map[string]bool{"charm_alloc": true, "charm_dispatch": true, "charm_last_error": true}}.build(),
		"no-memory":        guestModule{skip: map[string]bool{"memory": true}}.build(),
		"wrong-signature":  guestModule{rename: map[string]string{"charm_alloc": "charm_dispatch", "charm_dispatch": "charm_alloc"}}.build(),
		"unknown-function": guestModule{imports: [][2]string{{"charm/supervisor@1", "reboot"}}}.build(),
		"unknown-module":   guestModule{imports: [][2]string{{"env", "abort"}}}.build(),
		"import-signature": guestModule{imports: [][2]string{{"charm/log@1", "log"}}, importType: typeAlloc}.build(),
		"too-much-memory":  guestModule{pages: 2000}.build(),
		"global-name":      guestModule{rename: map[string]string{"charm_last_error": "charm:global:0"}}.build(),
		"data-outside":     guestModule{data: map[uint32]string{65530: "seven bytes"}}.build(),
		"start-traps":      guestModule{start: unreachable}.build(),
		"init-traps":       guestModule{initial: unreachable}.build(),
		"warm-traps":       guestModule{initial: unreachable, rename: map[string]string{"_initialize": "charm_warm"}}.build(),
		"init-calls":       guestModule{imports: [][2]string{{"charm/log@1", "log"}}, initial: join(call(0, 0, 0, 0, 0), drop)}.build(),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuntime(t)
			golden(t, filepath.Join("testdata", "load", name+".json"), diagnostics(t, r, &charmruntimev1.LoadRequest{Digest: name, Dir: packed(t, module)}))
		})
	}
	t.Run("no-file", func(t *testing.T) {
		golden(t, "testdata/load/no-file.json", diagnostics(t, newRuntime(t), &charmruntimev1.LoadRequest{Digest: "n", Dir: t.TempDir()}))
	})
	t.Run("not-granted", func(t *testing.T) {
		dir := packed(t, guestModule{imports: [][2]string{{"charm/supervisor@1", "exec"}, {"charm/log@1", "log"}, {"charm/answer@1", "take"}}}.build())
		golden(t, "testdata/load/not-granted.json", diagnostics(t, newRuntime(t), &charmruntimev1.LoadRequest{Digest: "n", Dir: dir, Grants: []string{"charm/log@1"}}))
	})
}

func diagnostics(t *testing.T, r *wasm.Runtime, req *charmruntimev1.LoadRequest) []*charmruntimev1.Diagnostic {
	t.Helper()
	resp, err := r.Load(t.Context(), req)
	if err != nil || resp.GetHandle() != "" {
		t.Fatalf("handle %q, error %v; want diagnostics", resp.GetHandle(), err)
	}
	for _, d := range resp.GetDiagnostics() {
		if d.GetSeverity() != "error" || d.GetFile() != wasm.File || d.GetMessage() == "" || d.GetHint() == "" {
			t.Errorf("not a whole diagnostic: %v", d)
		}
	}
	return resp.GetDiagnostics()
}

func golden(t *testing.T, file string, found []*charmruntimev1.Diagnostic) {
	t.Helper()
	var lines []map[string]string
	for _, d := range found {
		lines = append(lines, map[string]string{"key": d.GetKey(), "message": d.GetMessage(), "hint": d.GetHint()})
	}
	text, err := json.MarshalIndent(lines, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(want) {
		t.Errorf("diagnostics differ from %s:\n%s", file, text)
	}
}

func TestGrantsMakeAnotherHandle(t *testing.T) {
	r := newRuntime(t)
	dir := packed(t, guestModule{imports: [][2]string{{"charm/log@1", "log"}}}.build())
	all := load(t, r, "d", dir)
	resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir, Grants: []string{"charm/log@1"}})
	if err != nil || resp.GetHandle() == "" || resp.GetHandle() == all {
		t.Errorf("handles %q and %q, %v", all, resp.GetHandle(), err)
	}
}

func TestCacheDirectoryMustBePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.New(wasm.Config{CacheDir: dir}); !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "0700") {
		t.Errorf("error %v", err)
	}
}

func TestClosedRuntime(t *testing.T) {
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r, err := wasm.New(wasm.Config{CacheDir: filepath.Join(w.dir, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	handle := loadGuest(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Dispatch(context.Background(), start(handle, "config-changed", nil), &host{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("dispatch: %v", err)
	}
	if _, err := r.Load(context.Background(), &charmruntimev1.LoadRequest{Digest: "x", Dir: w.guest}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("load: %v", err)
	}
}
