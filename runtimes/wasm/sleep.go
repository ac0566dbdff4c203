package wasm

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// awake is the charm of a handle, nil when it is not known. One that was put to sleep is loaded again, from the cache.
func (r *Runtime) awake(ctx context.Context, handle string) (*charm, error) {
	r.mu.Lock()
	l := r.charms[handle]
	r.mu.Unlock()
	if l == nil {
		return nil, nil
	}
	<-l.ready
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.charm != nil {
		l.charm.used.Store(time.Now().UnixNano())
	}
	if l.charm != nil || !l.asleep {
		return l.charm, nil
	}
	c, found, err := r.open(context.WithoutCancel(ctx), l.req)
	if err != nil {
		return nil, err
	}
	if found != nil {
		return nil, errs.E(errs.NotFound, "cannot run an event: the files of charm %s have changed: %s", handle, found[0].GetMessage())
	}
	l.charm, l.asleep = c, false
	return c, nil
}

// tend puts charms to sleep that have had no event for long, until the runtime is closed.
func (r *Runtime) tend() {
	defer close(r.tended)
	tick := time.NewTicker(r.cfg.Idle / 4)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case now := <-tick.C:
			r.sleep(now.Add(-r.cfg.Idle))
		}
	}
}

// sleep frees everything of the charms that were used last before then, compiled code and memory image included.
func (r *Runtime) sleep(then time.Time) {
	r.mu.Lock()
	var all []*loading
	for _, l := range r.charms {
		all = append(all, l)
	}
	r.mu.Unlock()
	slept := false
	for _, l := range all {
		if c := l.rest(then); c != nil {
			_ = c.close() // what cannot be freed now cannot be later
			slept = true
		}
	}
	if slept {
		debug.FreeOSMemory()
	}
}

// rest gives the charm that is to be freed, if nobody has used it since.
func (l *loading) rest(then time.Time) *charm {
	select {
	case <-l.ready:
	default:
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.charm
	if c == nil || len(c.places) > 0 || c.used.Load() > then.UnixNano() {
		return nil
	}
	l.charm, l.asleep = nil, true
	return c
}
