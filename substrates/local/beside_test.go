package local_test

import (
	"slices"
	"testing"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// A subordinate has a place and processes of its own, reached where its principal is; another unit is reached elsewhere.
func TestASubordinateIsReachedWhereItsPrincipalIs(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	l.ensure(t, 1, application("web", nil, "0", "1"))
	sub := application("log", nil, "0")
	sub.Units[0].Principal = "web/1"
	l.ensure(t, 2, sub)
	for _, unit := range []string{"web/0", "web/1", "log/0"} {
		eventually(t, unit+" has a place", func() bool {
			_, err := l.unit.Environment(t.Context(), &substratev1.EnvironmentRequest{ModelUuid: model, Unit: unit})
			return err == nil
		})
	}
	first, principal, beside := l.environment(t, "web/0"), l.environment(t, "web/1"), l.environment(t, "log/0")
	if !slices.Equal(beside.GetAddresses(), principal.GetAddresses()) || slices.Equal(first.GetAddresses(), principal.GetAddresses()) {
		t.Errorf("addresses: %v beside %v, another unit %v", beside.GetAddresses(), principal.GetAddresses(), first.GetAddresses())
	}
	if beside.GetMachineId() != principal.GetMachineId() || beside.GetMachineLock() != principal.GetMachineLock() {
		t.Errorf("machine %q and lock %q, the principal's %q and %q", beside.GetMachineId(), beside.GetMachineLock(), principal.GetMachineId(), principal.GetMachineLock())
	}
}
