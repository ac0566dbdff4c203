package agent

import (
	"context"
	"time"
)

// idleRounds is how many rounds a package lies that nobody needs or asks for, so that who has just found it (a plan, a replay, the
// check before a deploy) can go on with it.
const idleRounds = 3

// tidy removes charm packages that no unit of this agent needs any more, round by round until ctx ends.
func (a *Agent) tidy(ctx context.Context) {
	tick := time.NewTicker(a.cfg.Tidy)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		since := time.Now().Add(-idleRounds * a.cfg.Tidy)
		needed, known := a.neededCharms()
		if !known {
			continue
		}
		idle := a.charms.Idle(needed, since)
		if len(idle) == 0 {
			continue
		}
		a.recordedCharms(needed)
		for _, digest := range idle {
			if !needed[digest] && a.charms.Remove(digest, since) {
				a.dispatcher.Forget(ctx, digest)
				a.cfg.Log.Info("a charm package that nobody needs is removed", "charm", digest)
			}
		}
	}
}

// neededCharms are those that units have, are to have, or could not be given. known is false while the controller has not said
// what units there are.
func (a *Agent) neededCharms() (needed map[string]bool, known bool) {
	needed = map[string]bool{}
	if _, revision := a.replica.Position(); revision == 0 {
		return needed, false
	}
	for _, k := range a.replica.Units() {
		if s, ok := a.replica.Snapshot(k); ok {
			needed[s.Application.GetCharmDigest()] = true
			cursor := s.State.GetCursor()
			needed[cursor.GetCharmDigest()] = true
			needed[cursor.GetPending().GetCharmDigest()] = true
		}
	}
	return needed, true
}

// recordedCharms adds those that recorded events ran: a replay runs them again.
func (a *Agent) recordedCharms(needed map[string]bool) {
	for _, k := range a.replica.Units() {
		for _, h := range a.recordings.List(k) {
			needed[h.Charm] = true
		}
	}
}
