package charmruntimetest

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// cases is the suite.
func cases() []suite.Case[*bench] {
	return slices.Concat(loadCases(), eventCases(), callCases(), endCases(), lifeCases())
}

// loadCases are about who the runtime is and what it has loaded.
func loadCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "info is complete and stable", Run: infoStable},
		{Name: "loading twice gives the same handle", Run: loadTwice},
		{Name: "a broken charm is a diagnostic, not an error", Run: loadBroken},
		{Name: "a charm that is not there is refused", Run: loadMissing},
		{Name: "unloading what is unknown is no error", Run: unloadUnknown},
		{Name: "an unloaded charm cannot be dispatched", Run: unloadThenDispatch},
		{Name: "an unknown handle is not found", Run: unknownHandle},
	}
}

func infoStable(t testing.TB, b *bench) {
	first, err := b.Runtime.Info(b.ctx(t))
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	second, err := b.Runtime.Info(b.ctx(t))
	if err != nil || !proto.Equal(first, second) {
		t.Errorf("Info says %v, then %v (%v)", first, second, err)
	}
	if first.GetName() == "" || first.GetVersion() == "" || len(first.GetDetects()) == 0 {
		t.Errorf("Info lacks a name, a version or what it detects: %v", first)
	}
}

func loadTwice(t testing.TB, b *bench) {
	if first, second := b.load(t), b.load(t); first != second {
		t.Errorf("handles are %q and %q", first, second)
	}
}

func loadBroken(t testing.TB, b *bench) {
	answer, err := b.Runtime.Load(b.ctx(t), &charmruntimev1.LoadRequest{Digest: "bad" + digest[3:], Dir: b.cfg.Broken})
	if err != nil {
		t.Fatalf("Load: %v; what is wrong with a charm is a diagnostic", err)
	}
	for _, d := range answer.GetDiagnostics() {
		if d.GetSeverity() == "error" && d.GetMessage() != "" && d.GetHint() != "" {
			return
		}
	}
	t.Errorf("no diagnostic of severity error with message and hint among %v", answer.GetDiagnostics())
}

func loadMissing(t testing.TB, b *bench) {
	answer, err := b.Runtime.Load(b.ctx(t), &charmruntimev1.LoadRequest{Digest: "bad" + digest[3:], Dir: t.TempDir() + "/none"})
	class := errs.Class(err)
	if err != nil && class != errs.NotFound && class != errs.Invalid {
		t.Errorf("error = %v of class %s, want not found or invalid", err, class)
	}
	if err == nil && !slices.ContainsFunc(answer.GetDiagnostics(), func(d *charmruntimev1.Diagnostic) bool { return d.GetSeverity() == "error" }) {
		t.Error("a directory that does not exist was loaded")
	}
}

func unloadUnknown(t testing.TB, b *bench) {
	if err := b.Runtime.Unload(b.ctx(t), "no such handle"); err != nil {
		t.Errorf("Unload: %v", err)
	}
}

func unloadThenDispatch(t testing.TB, b *bench) {
	handle := b.load(t)
	if err := b.Runtime.Unload(b.ctx(t), handle); err != nil {
		t.Fatalf("Unload: %v", err)
	}
	if _, err := b.Runtime.Dispatch(b.ctx(t), b.start(t, handle, "web/0", "state a b"), newHost()); !errs.Is(err, errs.NotFound) {
		t.Errorf("error = %v, want not found", err)
	}
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "state a b"), newHost()), "a", "b")
}

func unknownHandle(t testing.TB, b *bench) {
	_, err := b.Runtime.Dispatch(b.ctx(t), b.start(t, "no such handle", "web/0"), newHost())
	if !errs.Is(err, errs.NotFound) {
		t.Errorf("error = %v, want not found", err)
	}
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "state a b"), newHost()), "a", "b")
}
