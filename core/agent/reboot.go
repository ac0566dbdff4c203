package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

const (
	// rebootWait is how long a machine may take to go down before it is asked again.
	rebootWait = 10 * time.Minute
	rebootCall = time.Minute
)

// rebooting is what a unit knows of the reboot that its charm asked for.
type rebooting struct {
	now     string // boot in which a hook was ended for it
	refused string // boot in which the substrate said no
	boot    string // boot that is about to end
	by      time.Time
	release func() // of the machine's lock, which is held until the machine is down
}

// pending says whether the machine is about to go down. Once it was started anew the lock is free.
func (r *rebooting) pending(in resolver.Input) bool {
	if r.boot != "" && in.Seen.BootID == r.boot && in.Now.Before(r.by) {
		return true
	}
	r.free()
	r.boot = ""
	return false
}

// free gives the machine's lock back.
func (r *rebooting) free() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// reboot asks for the machine to be rebooted, when no other unit runs a hook on it. Once that is under way the unit rests
// until the machine was started anew.
func (a *Agent) reboot(ctx context.Context, u *unit, in resolver.Input) error {
	r, ok := substrate.AsRebooter(a.cfg.Side)
	switch {
	case !ok:
		return errs.E(errs.Unsupported, "cannot reboot: the substrate has no such call")
	case in.Seen.BootID == "":
		return errs.E(errs.Unsupported, "cannot reboot: the substrate does not tell one boot of the machine from another")
	}
	a.rebootState(u, "rebooting", nil)
	release, lock := func() {}, (*controllerv1.MachineLock)(nil)
	if file := in.Seen.MachineLock(); file != "" {
		var err error
		if release, lock, err = a.takeLock(ctx, place{u.key, in.Seen.Environment.GetMachineId(), file, "juju-reboot"},
			func(message string, lock *controllerv1.MachineLock) { a.rebootState(u, message, lock) }); err != nil {
			return err
		}
	}
	a.report.sent(ctx) // what is told later may not leave the machine
	call, cancel := context.WithTimeout(ctx, rebootCall)
	defer cancel()
	if err := r.Reboot(call, &substratev1.RebootRequest{ModelUuid: u.key.Model, Unit: u.key.Unit}); err != nil {
		release()
		return err
	}
	u.reboot.boot, u.reboot.by, u.reboot.release = in.Seen.BootID, a.cfg.Now().Add(rebootWait), release
	a.rebootState(u, "rebooting", lock)
	return nil
}

func (a *Agent) rebootState(u *unit, message string, lock *controllerv1.MachineLock) {
	u.told = message
	a.tellLock(u.key, api.AgentRebooting, message, lock)
}

// passing says whether an error of Reboot may be gone the next time: also that nobody heard the answer, since the machine
// was on its way down.
func passing(err error) bool {
	return errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Canceled) || errs.Is(err, errs.Exhausted)
}

// down follows the resolver's word that a reboot is owed.
func (a *Agent) down(ctx context.Context, u *unit, in resolver.Input) time.Duration {
	err := a.reboot(ctx, u, in)
	switch {
	case err == nil:
		u.fails = 0
		return rebootWait
	case passing(err):
		a.cfg.Log.Warn("cannot reboot yet", "unit", u.key.Unit, "err", err)
		if ctx.Err() == nil {
			a.rebootState(u, "waiting to be rebooted: "+err.Error(), nil)
		}
		return u.pause()
	}
	a.cannotReboot(u, in, &hookv1.Event{Name: "juju-reboot"}, err)
	return 0
}

// cannotReboot goes on without: it is told in the unit's log, as Juju does where there is no machine.
func (a *Agent) cannotReboot(u *unit, in resolver.Input, ev *hookv1.Event, err error) {
	u.reboot.refused, u.reboot.now = in.Seen.BootID, ""
	a.report.tell(dispatch.LogRecord(u.key, ev, &charmruntimev1.LogLine{Level: "ERROR",
		Message: fmt.Sprintf("the charm asked for a reboot: %v; reboot the machine by hand", err), TimeUnixNano: a.cfg.Now().UnixNano()}))
}

// rebootNow follows juju-reboot --now, which ended the hook: the event is not committed and runs again after the boot. On
// a substrate that cannot reboot it has failed, or it would run for ever. A task never runs twice: its end is committed
// before the machine goes down.
func (a *Agent) rebootNow(ctx context.Context, u *unit, t *turn) (again bool) {
	if event.Task(t.d.Event.Kind) || !changeset.RebootNow(t.ran.Done) {
		return false
	}
	if err := a.reboot(ctx, u, t.in); err != nil && !passing(err) {
		t.ran.Done = &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, ExitCode: 1, Limit: t.ran.Done.Limit,
			Message: fmt.Sprintf("the charm asked for a reboot: %v", err)}
		return false
	}
	u.reboot.now = t.in.Seen.BootID
	entry := a.entry(u, t)
	entry.Outcome, entry.Message = "requeued", "juju-reboot --now: it runs again after the boot"
	a.report.tell(entry)
	return true
}

// rebootAfter follows juju-reboot once the hook is committed. The cursor says that it is owed, so that an agent that dies
// here asks when it is back.
func (a *Agent) rebootAfter(ctx context.Context, u *unit, t *turn) {
	asked := t.req.GetDone().GetChangeset().GetReboot() != hookv1.Reboot_REBOOT_UNSPECIFIED || t.req.Cursor.GetRebootOwed()
	if !asked {
		return
	}
	if err := a.reboot(ctx, u, t.in); err != nil && !passing(err) {
		a.cannotReboot(u, t.in, t.req.Event, err)
	}
}
