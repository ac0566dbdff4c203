package agent

import (
	"context"
	"time"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
)

// step is one turn of a unit: it looks at what is, decides on one event, lets the charm run and commits what it wrote.
// The answer says when the unit wants its next turn without being woken.
//
//	source → queue → resolver → hook → dispatch → changeset → commit → (watch → source)
func (a *Agent) step(ctx context.Context, k event.Key) (again time.Duration) {
	u := a.unit(k) // queue: nobody else has this unit now
	if !a.settle(ctx, u) {
		return u.pause() // commit: one whose answer was lost comes before anything else
	}
	in, ok := a.look(ctx, u) // source
	if !ok {
		return a.forget(u)
	}
	if u.behind(in) {
		return u.pause()
	}
	if u.reboot.pending(in) {
		return u.reboot.by.Sub(in.Now)
	}
	d := u.resume(resolver.Next(in)) // resolver
	if d.Do == resolver.Reboot {
		return a.down(ctx, u, in)
	}
	if d.Do != resolver.Run && d.Do != resolver.Skip {
		return a.rest(u, in, d)
	}
	t := a.turn(u, in, d)
	if !a.place(ctx, u, t) { // dispatch: a new charm is in its place before anything says so
		return u.pause()
	}
	if !a.begin(ctx, u, t) { // commit: events with an inverse are recorded first
		return u.pause()
	}
	if !a.dispatch(ctx, u, t) { // hook, dispatch: the view goes out, a changeset comes back
		return u.pause()
	}
	t.req = changeset.Commit(t.in, t.d, t.ran, a.guard(u, t), commitID()) // changeset
	return a.commit(ctx, u, t)                                            // commit: everything or nothing
}
