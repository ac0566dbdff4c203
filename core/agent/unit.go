package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/queue"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// unit is what the agent remembers of one between two turns. Whoever holds the key in the queue owns it; only the
// atomics are anybody's.
type unit struct {
	key   event.Key
	woken atomic.Int64 // when it was first woken since its last turn began
	stale atomic.Bool  // the store began another life
	runs  atomic.Pointer[run]

	since  int64                      // the wake that this turn answers; 0 when the unit went on by itself
	opened bool                       // the run directory was looked at for an open commit
	begin  *controllerv1.BeginRequest // sent and not answered
	commit *turn                      // sent and not answered; its request is kept in the run directory
	owns   string                     // id of the task that this agent recorded and has not run yet

	notLeader string // id of the event that runs again as a follower
	died      string // id of the event in which the runtime died, and how often
	deaths    int

	refused int64 // state revision that a write was refused at, to be left behind
	until   time.Time
	fails   int
	sent    []string          // addresses
	stored  map[string]string // storage → where it was told to be
	reboot  rebooting
	told    string // reason for which it waits
	socket  bool   // its run socket is open
}

// run is a task that the charm is at.
type run struct {
	task string
	end  context.CancelCauseFunc
}

// turn is one event on its way through the stages.
type turn struct {
	in     resolver.Input
	d      resolver.Decision
	ran    dispatch.Result
	req    *controllerv1.CommitRequest
	queued time.Duration
	start  time.Time
	ended  time.Time // of the run
}

// unit finds or makes what is remembered.
func (a *Agent) unit(k event.Key) *unit {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.units[k]
	if u == nil {
		u = &unit{key: k}
		a.units[k] = u
	}
	return u
}

// runDir is the unit's run directory: short, because sockets lie in it.
func (a *Agent) runDir(k event.Key) string {
	sum := sha256.Sum256([]byte(k.Model + "/" + k.Unit))
	return filepath.Join(a.cfg.RunDir, "u"+hex.EncodeToString(sum[:4]))
}

// pause is how long the unit waits after something went wrong that is not the charm's fault.
func (u *unit) pause() time.Duration {
	d := 50 * time.Millisecond << min(u.fails, 7)
	u.fails++
	return d/2 + rand.N(d)
}

// look takes in what is known of the unit; ok is false when it is none of this agent's.
func (a *Agent) look(ctx context.Context, u *unit) (in resolver.Input, ok bool) {
	snap, ok := a.replica.Snapshot(u.key)
	if !ok {
		return in, false
	}
	if u.stale.Swap(false) {
		u.begin, u.commit, u.owns, u.notLeader, u.refused, u.sent, u.stored = nil, nil, "", "", 0, nil, nil
		forget(a.runDir(u.key)) // it is of a life that is over
	}
	if woken := u.woken.Swap(0); u.since == 0 {
		u.since = woken
	}
	in = resolver.Input{Cursor: resolver.Whole(snap), Model: snap, Seen: a.observer.Of(ctx, u.key), Incarnation: a.cfg.Incarnation, Now: a.cfg.Now()}
	if a.rehearsal != nil { // no time passes
		in.Cursor.LastUpdateStatus = in.Now.Unix()
	}
	if boot := in.Seen.BootID; boot != "" {
		in.RebootNow, in.NoReboot = u.reboot.now == boot, u.reboot.refused == boot
	}
	if snap.Leads() {
		a.lead.Until(u.key, snap.LeadTerm) // a leader at rest is renewed too
	} else {
		a.lead.Forget(u.key)
	}
	a.setAddresses(ctx, u, in)
	a.setStorage(ctx, u, in)
	a.openSocket(u, in)
	a.cancelled(u, in)
	return in, true
}

// behind says that the replica does not show yet what the last write was refused for.
func (u *unit) behind(in resolver.Input) bool {
	return u.refused != 0 && in.Model.StateRevision == u.refused && in.Now.Before(u.until)
}

// setAddresses tells the model where the unit can be reached, once for each change.
func (a *Agent) setAddresses(ctx context.Context, u *unit, in resolver.Input) {
	is := in.Seen.Environment.GetAddresses()
	if len(is) == 0 || slices.Equal(is, in.Model.Addresses.GetAddresses()) || slices.Equal(is, u.sent) || in.Model.Incarnation.GetId() != a.cfg.Incarnation {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitCall)
	defer cancel()
	_, err := a.cfg.Agents.SetAddresses(ctx, &controllerv1.SetAddressesRequest{Model: u.key.Model, Unit: u.key.Unit, Incarnation: a.cfg.Incarnation, Addresses: is})
	if err != nil {
		a.cfg.Log.Warn("cannot tell the unit's addresses", "unit", u.key.Unit, "err", err)
		return
	}
	u.sent = is
}

// rest ends a turn in which nothing is to be run.
func (a *Agent) rest(u *unit, in resolver.Input, d resolver.Decision) time.Duration {
	u.fails, u.since = 0, 0
	if d.Do == resolver.Stop {
		_ = os.RemoveAll(a.unitDir(u.key)) // what stays is in nobody's way
		_ = os.RemoveAll(a.runDir(u.key))
		if a.recordings != nil {
			a.recordings.Remove(u.key)
		}
		return a.forget(u)
	}
	a.rehearsal.rests(u.key, d)
	if d.Reason != u.told {
		u.told = d.Reason
		state := api.AgentIdle
		if !in.Cursor.Installed {
			state = api.AgentAllocating
		}
		a.state(u, state, d.Reason)
	}
	if d.Until.IsZero() {
		return queue.Never
	}
	return max(d.Until.Sub(in.Now), time.Millisecond)
}

// forget ends what is done for a unit that is none of ours.
func (a *Agent) forget(u *unit) time.Duration {
	u.reboot.free()
	a.observer.Forget(u.key)
	a.sockets.Forget(u.key)
	a.lead.Forget(u.key)
	a.mu.Lock()
	delete(a.units, u.key)
	a.mu.Unlock()
	return queue.Never
}

// state reports what the unit is doing.
func (a *Agent) state(u *unit, current, message string) {
	a.report.tell(&controllerv1.AgentState{Model: u.key.Model, Unit: u.key.Unit, Current: current, Message: message,
		Since: a.cfg.Now().UTC().Format(time.RFC3339)})
}
