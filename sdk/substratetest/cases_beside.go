package substratetest

import (
	"slices"
	"testing"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// subordinate: a unit with a principal has processes of its own and is reached where the principal is; it goes alone.
func subordinate(t testing.TB, b *bench) {
	o := b.observe(t, modelA, false)
	b.ensure(t, b.spec(modelA, "web", "0"))
	p := b.up(t, modelA, "web/0")
	beside := b.spec(modelA, "log", "0")
	beside.Units[0].Principal = "web/0"
	b.ensure(t, beside)
	b.up(t, modelA, "log/0")
	principal, own := b.environment(t, "web/0"), b.environment(t, "log/0")
	if !slices.Equal(own.GetAddresses(), principal.GetAddresses()) {
		t.Errorf("a subordinate is reached at %v, its principal at %v", own.GetAddresses(), principal.GetAddresses())
	}
	if own.GetMachineId() != principal.GetMachineId() || own.GetMachineLock() != principal.GetMachineLock() {
		t.Errorf("a subordinate is on machine %q with lock %q, its principal on %q with %q", own.GetMachineId(), own.GetMachineLock(), principal.GetMachineId(), principal.GetMachineLock())
	}
	b.ensure(t, b.spec(modelA, "log"))
	o.gone(t, modelA, "log/0")
	p.still(t, "after its subordinate went")
}

func (b *bench) environment(t testing.TB, unit string) *substratev1.EnvironmentResponse {
	t.Helper()
	env, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: modelA, Unit: unit})
	if err != nil {
		t.Fatalf("Environment of %s: %v", unit, err)
	}
	return env
}
