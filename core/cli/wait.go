package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// goal says what of a status is still missing; nothing when it is reached.
type goal func(s *clientv1.StatusResponse) (missing []string)

// watch shows statuses to look until it says stop; the first comes at once, others after each change.
func (t *target) watch(ctx context.Context, selectors []string, look func(*clientv1.StatusResponse) (stop bool, err error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the stream ends with us, not only when the controller next looks
	stream, err := t.client.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model, Selectors: selectors}))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		stop, err := look(stream.Msg())
		if stop || err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return errs.E(errs.Unavailable, "cannot watch model %q any longer: the controller ended the watch", t.model)
}

// errTimeUp is why a limited context ended.
var errTimeUp = errors.New("the time is up")

// limit bounds ctx by our own clock. A deadline would travel to the controller too, whose clock may end the call first
// with nothing to say; so the controller is not told.
func limit(ctx context.Context, d time.Duration) (limited context.Context, cancel func()) {
	limited, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d, func() { end(errTimeUp) })
	return limited, func() {
		timer.Stop()
		end(nil)
	}
}

// timeUp says whether a limited context ended because of its limit.
func timeUp(limited context.Context) bool { return errors.Is(context.Cause(limited), errTimeUp) }

// await waits for a goal and says how long it took since start.
func (a *app) await(ctx context.Context, t *target, w *waiting, start time.Time, reached goal) error {
	limited, cancel := limit(ctx, w.timeout)
	defer cancel()
	missing, told, failed := []string{"the controller's answer"}, map[string]bool{}, failures{through: w.through, before: w.before}
	err := t.watch(limited, nil, func(s *clientv1.StatusResponse) (bool, error) {
		missing = reached(s)
		if u := failed.news(s, missing); u != nil {
			return false, a.helpless(u)
		}
		a.stuck(s, missing, told)
		return len(missing) == 0, nil
	})
	if err != nil && timeUp(limited) {
		return errs.E(errs.Unavailable, "cannot wait longer than %s for %s; it may still come: see %s status", w.timeout, strings.Join(missing, ", "), a.name)
	}
	if err == nil {
		a.say("Done after %s", seconds(time.Since(start)))
	}
	return err
}

// helpless is that a unit fails which is waited for, and what to do.
func (a *app) helpless(u *clientv1.UnitStatusInfo) error {
	return errs.E(errs.Conflict, "cannot wait for %s; its log: %s debug-log --replay --no-tail --include %s; once the cause is gone: %s resolved %s --wait; with --through-errors the wait goes on",
		state(u), a.name, u.GetName(), a.name, u.GetName())
}

// stuck tells of units that are waited for and need somebody's help, each state once: without it the wait may be in vain.
func (a *app) stuck(s *clientv1.StatusResponse, missing []string, told map[string]bool) {
	for _, app := range s.GetApplications() {
		for _, u := range app.GetUnits() {
			helpless := u.GetWorkload().GetCurrent() == api.StatusBlocked || u.GetWorkload().GetCurrent() == api.StatusError
			if text := state(u); helpless && u.GetAgent().GetCurrent() == api.AgentIdle && slices.Contains(missing, text) && !told[text] {
				told[text] = true
				a.say("Still waiting for %s", text)
			}
		}
	}
}

// settled is the goal that the named units are active and idle. Names that are applications mean all their units.
func settled(names ...string) goal {
	return func(s *clientv1.StatusResponse) (missing []string) {
		seen := map[string]bool{}
		for _, app := range s.GetApplications() {
			whole := slices.Contains(names, app.GetName())
			seen[app.GetName()] = true
			for _, u := range app.GetUnits() {
				seen[u.GetName()] = true
				if (whole || slices.Contains(names, u.GetName())) && !quiet(u) {
					missing = append(missing, state(u))
				}
			}
		}
		for _, n := range names {
			if !seen[n] {
				missing = append(missing, n)
			}
		}
		return missing
	}
}

func quiet(u *clientv1.UnitStatusInfo) bool {
	return u.GetWorkload().GetCurrent() == api.StatusActive && u.GetAgent().GetCurrent() == api.AgentIdle && u.GetUpgradingFrom() == ""
}

// state is a unit with what holds it.
func state(u *clientv1.UnitStatusInfo) string {
	text := fmt.Sprintf("%s (%s/%s", u.GetName(), u.GetWorkload().GetCurrent(), u.GetAgent().GetCurrent())
	if m := render.WorkloadMessage(u); m != "" {
		text += ": " + m
	}
	return text + ")"
}

// refreshed is the goal that all units of an application run its charm and are quiet.
func refreshed(app string) goal { return settled(app) }

// scaled is the goal that the added units are quiet and the removed ones gone.
func scaled(added, removed []string) goal {
	return func(s *clientv1.StatusResponse) []string {
		missing := settled(added...)(s)
		return append(missing, left(s, removed)...)
	}
}

// left are those of the names, units or applications, that are still there.
func left(s *clientv1.StatusResponse, names []string) (there []string) {
	for _, app := range s.GetApplications() {
		if slices.Contains(names, app.GetName()) {
			there = append(there, end(app.GetName()))
		}
		for _, u := range app.GetUnits() {
			if slices.Contains(names, u.GetName()) {
				there = append(there, end(u.GetName()))
			}
		}
	}
	return there
}

// joined is the goal that a relation stands and the units at its ends are quiet.
func joined(id int32, apps ...string) goal {
	return func(s *clientv1.StatusResponse) []string {
		var missing []string
		if !slices.ContainsFunc(s.GetRelations(), func(r *clientv1.RelationStatusInfo) bool { return r.GetId() == id && r.GetStatus() == "joined" }) {
			missing = append(missing, fmt.Sprintf("relation %d", id))
		}
		return append(missing, settled(apps...)(s)...)
	}
}

// The journal is asked for an event that is due any moment: often at first, then less so.
const (
	pace    = 5 * time.Millisecond
	maxPace = 100 * time.Millisecond
)

// seen waits until a hook that saw the store at or after a revision is committed by each unit, and says so with the time
// since start.
func (a *app) seen(ctx context.Context, t *target, w *waiting, start time.Time, kind string, revision int64, units []string) error {
	limited, cancel := limit(ctx, w.timeout)
	defer cancel()
	for next := pace; len(units) > 0; next = min(next+next/4, maxPace) {
		var waiting []string
		for _, u := range units {
			found, err := t.committed(limited, u, kind, revision)
			switch {
			case err != nil && limited.Err() == nil:
				return err
			case found:
				a.say("%s on %s, committed and visible after %d ms", kind, u, time.Since(start).Milliseconds())
			default:
				waiting = append(waiting, u)
			}
		}
		units = waiting
		if next == maxPace {
			if why := t.stuck(limited, units); why != "" {
				return errs.E(errs.Conflict, "cannot wait for %s: %s; the change is stored and the unit hears of it once it is resolved", kind, why)
			}
		}
		if pause(limited, next, len(units) > 0) == nil {
			continue
		}
		if !timeUp(limited) {
			return ctx.Err()
		}
		return errs.E(errs.Unavailable, "cannot wait longer than %s for %s on %s; see: %s show-unit --events %s", w.timeout, kind, strings.Join(units, ", "), a.name, units[0])
	}
	return nil
}

// stuck names a unit that is in error, and so hears of nothing new, with what holds it; "" when there is none.
func (t *target) stuck(ctx context.Context, units []string) string {
	answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model}))
	if err != nil {
		return "" // the journal's next answer says it
	}
	for _, app := range answer.Msg.GetApplications() {
		for _, u := range app.GetUnits() {
			if slices.Contains(units, u.GetName()) && u.GetWorkload().GetCurrent() == api.StatusError {
				return state(u)
			}
		}
	}
	return ""
}

// committed says whether the unit's journal has a hook of that kind with a commit after the revision.
func (t *target) committed(ctx context.Context, unit, kind string, revision int64) (bool, error) {
	answer, err := t.client.Journal(ctx, connect.NewRequest(&clientv1.JournalRequest{Model: t.model, Unit: unit, Limit: 20}))
	if err != nil {
		return false, err
	}
	for _, e := range answer.Msg.GetEntries() {
		if e.GetRevision() > revision && e.GetEvent().GetKind() == kind {
			if e.GetOutcome() == "failed" || e.GetOutcome() == "killed" {
				return false, errs.E(errs.Conflict, "%s failed on %s: %s", kind, unit, e.GetMessage())
			}
			return true, nil
		}
	}
	return false, nil
}

// pause waits a moment when there is something to wait for.
func pause(ctx context.Context, d time.Duration, needed bool) error {
	if !needed {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// absent says that an error means that the thing is not there.
func absent(err error) bool {
	var remote *connect.Error
	return errors.As(err, &remote) && remote.Code() == connect.CodeNotFound || errs.Is(err, errs.NotFound)
}
