package wasm_test

import (
	"slices"
	"testing"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func TestConfigChanged(t *testing.T) {
	r := newRuntime(t)
	h := &host{}
	done := dispatch(t, r, start(loadGuest(t, r), "config-changed", map[string]*hookv1.ConfigValue{"title": text("Grüße \"x\"\n")}), h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatal(done)
	}
	if got := done.GetChangeset().GetUnitStatus(); got.GetCurrent() != "active" || got.GetMessage() != "Grüße \"x\"\n" {
		t.Errorf("status %v", got)
	}
	if !slices.Contains(h.logged(), "INFO title is Grüße \"x\"\n") {
		t.Errorf("log %q", h.logged())
	}
	if done.GetStats().GetCalls() != 1 || done.GetStats().GetCpuUs() <= 0 {
		t.Errorf("stats %v", done.GetStats())
	}
}
