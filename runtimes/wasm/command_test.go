package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// TestCommand: a WASI command is a charm. Every event is a run of its own; what it prints is the changeset, and how it ends
// what has become of the event.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, wasm.File), "./testdata/command")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := newRuntime(t)
	handle := load(t, r, "command", dir)
	for range 2 { // the second round finds nothing of the first
		h := &host{}
		done := dispatch(t, r, start(handle, "config-changed", title("a title")), h)
		if s := done.GetChangeset().GetUnitStatus(); done.GetOutcome() != fine || s.GetCurrent() != "active" || s.GetMessage() != "a title" {
			t.Errorf("config-changed: %v", done)
		}
		if got := h.logged(); !slices.Equal(got, []string{"WARNING configuring"}) {
			t.Errorf("log %q", got)
		}
		for kind, want := range map[string]string{
			"install": "soon", "start": "no database", "stop": "panic: boom", "remove": "it printed more than",
		} {
			done := dispatch(t, r, start(handle, kind, nil), nil)
			if done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), want) || done.GetChangeset() != nil {
				t.Errorf("%s: %s %q, want %q", kind, done.GetOutcome(), done.GetMessage(), want)
			}
		}
		if done := dispatch(t, r, start(handle, "leader-elected", nil), nil); done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED {
			t.Errorf("nothing printed: %v", done)
		}
	}
	s := start(handle, "update-status", nil)
	s.TimeoutMs = 200
	if done := dispatch(t, r, s, nil); done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED || done.GetMessage() != "killed: hook-timeout 200ms" {
		t.Errorf("a command without end: %v", done)
	}
}
