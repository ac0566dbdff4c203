package substratetest

import (
	"slices"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// rebootCases are about machines.
func rebootCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "what the unit's side does not declare is unsupported", Run: unsupportedBeside},
		{Name: "who can reboot tells one boot of a machine from another", Run: bootKnown},
		{Name: "a reboot is told, and everything on the machine is started anew", Run: reboots},
		{Name: "what has no place cannot be rebooted", Run: rebootsNothing},
	}
}

func unsupportedBeside(t testing.TB, b *bench) {
	if b.Conn == nil {
		t.Skip("the substrate runs in this process; the compiler has checked it")
	}
	info, err := b.Unit.UnitInfo(b.ctx(t))
	if err != nil {
		t.Fatalf("UnitInfo: %v", err)
	}
	api := substratev1.NewUnitClient(b.Conn)
	for capability, call := range map[string]func() error{
		substrate.CanPorts:  func() error { _, err := api.Ports(b.ctx(t), &substratev1.PortsRequest{}); return err },
		substrate.CanReboot: func() error { _, err := api.Reboot(b.ctx(t), &substratev1.RebootRequest{}); return err },
	} {
		if slices.Contains(info.GetCapabilities(), capability) {
			continue
		}
		if err := call(); !errs.Is(err, errs.Unsupported) {
			t.Errorf("%s is not declared, and the error is %v, want unsupported", capability, err)
		}
	}
}

// boot is the boot id of the unit's machine.
func (b *bench) boot(t testing.TB, unit string) string {
	t.Helper()
	env, err := b.Unit.Environment(b.ctx(t), &substratev1.EnvironmentRequest{ModelUuid: modelA, Unit: unit})
	if err != nil {
		t.Fatalf("Environment: %v", err)
	}
	return env.GetBootId()
}

func (b *bench) rebooter(t testing.TB) substrate.Rebooter {
	t.Helper()
	r, ok := substrate.AsRebooter(b.Unit)
	if !ok {
		t.Skip("the substrate cannot reboot")
	}
	return r
}

func bootKnown(t testing.TB, b *bench) {
	b.rebooter(t)
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	if b.boot(t, "web/0") == "" {
		t.Error("a substrate that can reboot answers no boot_id: nobody would know when the machine was down")
	}
}

func reboots(t testing.TB, b *bench) {
	r := b.rebooter(t)
	if !b.cfg.Reboots {
		t.Skip("the suite is not allowed to reboot the machine")
	}
	b.ensure(t, b.spec(modelA, "web", "0"))
	b.up(t, modelA, "web/0")
	before := b.boot(t, "web/0")
	events := b.watch(t, modelA, "web/0")
	first := containerUp(t, b, events, "main", "")
	if err := r.Reboot(b.ctx(t), &substratev1.RebootRequest{ModelUuid: modelA, Unit: "web/0"}); err != nil {
		t.Fatalf("Reboot: %v", err)
	}
	timer := time.NewTimer(b.cfg.Patience)
	defer timer.Stop()
	for told, up := "", ""; told == "" || up == ""; {
		select {
		case e := <-events:
			if id := e.GetRebooted().GetBootId(); id != "" && id != before {
				told = id
				if now := b.boot(t, "web/0"); now != id {
					t.Errorf("the watcher is told boot %q, the environment %q", id, now)
				}
			}
			if id := e.GetContainerUp().GetBootId(); id != first.GetBootId() {
				up = id
			}
		case <-timer.C:
			t.Fatalf("after the reboot the watcher is told boot %q and container %q, both must be new", told, up)
		}
	}
}

func rebootsNothing(t testing.TB, b *bench) {
	r := b.rebooter(t)
	err := r.Reboot(b.ctx(t), &substratev1.RebootRequest{ModelUuid: modelA, Unit: "nobody/0"})
	if !errs.Is(err, errs.NotFound) {
		t.Errorf("a unit without place is rebooted with error %v, want not found", err)
	}
}
