package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// rebootWait is how long a machine may take to go down before its units go on as if nobody had asked.
const rebootWait = 10 * time.Minute

// reboot asks for the machine to be rebooted. When that is under way the unit rests until the machine was started anew.
func (a *Agent) reboot(ctx context.Context, u *unit, boot string) error {
	r, ok := substrate.AsRebooter(a.cfg.Side)
	if !ok {
		return errs.E(errs.Unsupported, "cannot reboot: the substrate has no such call")
	}
	if err := r.Reboot(ctx, &substratev1.RebootRequest{ModelUuid: u.key.Model, Unit: u.key.Unit}); err != nil {
		return err
	}
	u.boot, u.bootBy = boot, a.cfg.Now().Add(rebootWait)
	a.state(u, api.AgentRebooting, "rebooting")
	return nil
}

// rebooting says whether the machine is still to go down.
func (u *unit) rebooting(in resolver.Input) bool {
	if u.boot == "" || in.Seen.BootID != u.boot || !in.Now.Before(u.bootBy) {
		u.boot = ""
		return false
	}
	return true
}

// rebootNow follows juju-reboot --now, which ended the hook: the event is not committed and runs again after the boot. On
// a substrate that cannot reboot it has failed, or it would run for ever. A task never runs twice.
func (a *Agent) rebootNow(ctx context.Context, u *unit, t *turn) (again bool) {
	if t.ran.Done.GetLimit() != charmruntime.LimitReboot {
		return false
	}
	err := a.reboot(ctx, u, t.in.Seen.BootID)
	if err != nil {
		t.ran.Done.Message = fmt.Sprintf("the charm asked for a reboot: %v", err)
	}
	return err == nil && !event.Task(t.d.Event.Kind)
}

// rebootAfter follows juju-reboot once the hook is committed.
func (a *Agent) rebootAfter(ctx context.Context, u *unit, t *turn) {
	if t.req.GetDone().GetChangeset().GetReboot() == hookv1.Reboot_REBOOT_UNSPECIFIED {
		return
	}
	if err := a.reboot(ctx, u, t.in.Seen.BootID); err != nil {
		a.report.tell(dispatch.LogRecord(u.key, t.req.Event, &charmruntimev1.LogLine{Level: "ERROR",
			Message: fmt.Sprintf("the charm asked for a reboot: %v; reboot the machine by hand", err), TimeUnixNano: a.cfg.Now().UnixNano()}))
	}
}
