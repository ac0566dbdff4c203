package source

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// ObserverConfig is what observing units needs.
type ObserverConfig struct {
	Side    substrate.UnitSide
	Notices NoticeReader
	// AgentStart names this start of the agent where that is a start of its unit; "" elsewhere.
	AgentStart string
	Wake       func(event.Key)
	Log        *slog.Logger
}

// Observer knows what units find at their places. It begins to watch a unit when it is first asked about it. Where the
// substrate tells of all units on one stream, a unit at rest costs no goroutine but those that read its containers' notices.
type Observer struct {
	cfg ObserverConfig
	wg  sync.WaitGroup

	mu     sync.Mutex
	units  map[event.Key]*watched
	shared *shared // nil: a stream for each unit
	blank  *Observation
}

// watched is one unit under observation. seen is replaced, never changed.
type watched struct {
	ctx        context.Context    // nil until something is done for this unit alone
	cancel     context.CancelFunc // of ctx
	seen       *Observation
	containers map[string]context.CancelFunc // readers of notices
}

// NewObserver makes one that watches nobody.
func NewObserver(cfg ObserverConfig) *Observer {
	o := &Observer{cfg: cfg, units: map[event.Key]*watched{}, blank: &Observation{AgentStart: cfg.AgentStart}}
	if side, ok := substrate.AsUnitsWatcher(cfg.Side); ok {
		o.shared = newShared(o, side)
	}
	return o
}

// Of answers what is known of a unit now. The first call begins to watch it, until Forget or Close, or until the ctx of the
// first call of all ends.
func (o *Observer) Of(ctx context.Context, k event.Key) *Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.units[k]
	if w == nil {
		w = &watched{seen: o.blank}
		o.units[k] = w
		if o.shared != nil {
			o.shared.begin(ctx, k, w)
		} else {
			o.alone(ctx, k, w)
		}
	}
	return w.seen
}

// alone watches a unit with a stream of its own. The caller holds the lock.
func (o *Observer) alone(ctx context.Context, k event.Key, w *watched) {
	ctx = w.life(ctx)
	o.wg.Go(func() { o.watch(ctx, k, w) })
}

// life is for what is done for this unit alone. The caller holds the observer's lock.
func (w *watched) life(parent context.Context) context.Context {
	if w.ctx == nil {
		w.ctx, w.cancel = context.WithCancel(parent)
	}
	return w.ctx
}

// end ends what is done for this unit alone. The caller holds the observer's lock.
func (w *watched) end() {
	if w.cancel != nil {
		w.cancel()
	}
}

// Known answers what is known of a unit that is observed, nil of any other.
func (o *Observer) Known(k event.Key) *Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.units[k]; w != nil {
		return w.seen
	}
	return nil
}

// Forget ends the observation of a unit.
func (o *Observer) Forget(k event.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.units[k]; w != nil {
		w.end()
		delete(o.units, k)
		if o.shared != nil {
			o.shared.end(w)
		}
	}
}

// Close ends all observation and waits for it.
func (o *Observer) Close() {
	o.mu.Lock()
	for _, w := range o.units {
		w.end()
	}
	if o.shared != nil {
		o.shared.close()
	}
	o.mu.Unlock()
	o.wg.Wait()
}

// Told drops the notices that the unit's charm has been told of.
func (o *Observer) Told(k event.Key, container string, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.units[k]
	if w == nil || w.seen.Containers[container] == nil {
		return
	}
	w.edit(container, func(c *Container) {
		c.Notices = slices.DeleteFunc(slices.Clone(c.Notices), func(n Notice) bool { return !n.LastRepeated.After(until) })
	})
}

// edit replaces what is seen of one container. The caller holds the lock.
func (w *watched) edit(container string, change func(*Container)) {
	next := *w.seen
	next.Containers = maps.Clone(next.Containers)
	if next.Containers == nil {
		next.Containers = map[string]*Container{}
	}
	c := &Container{}
	if had := next.Containers[container]; had != nil {
		*c = *had
	}
	change(c)
	next.Containers[container] = c
	w.seen = &next
}

// watch asks for the unit's place until there is one and follows what happens there.
func (o *Observer) watch(ctx context.Context, k event.Key, w *watched) {
	pause := Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
	for ctx.Err() == nil {
		env, err := o.cfg.Side.Environment(ctx, &substratev1.EnvironmentRequest{ModelUuid: k.Model, Unit: k.Unit})
		if err == nil {
			o.arrive(k, w, env)
			pause.Reset()
			err = o.cfg.Side.Watch(ctx, &substratev1.WatchRequest{ModelUuid: k.Model, Unit: k.Unit},
				func(ev *substratev1.UnitEvent) error { o.event(ctx, k, w, ev); return ctx.Err() })
		}
		if err != nil && ctx.Err() == nil && !errs.Is(err, errs.NotFound) {
			o.cfg.Log.Warn("cannot watch the unit's place", "unit", k.Unit, "err", err)
		}
		pause.Wait(ctx)
	}
}

// arrive notes the unit's place.
func (o *Observer) arrive(k event.Key, w *watched, env *substratev1.EnvironmentResponse) {
	o.update(k, w, func(next *Observation) {
		next.Environment, next.BootID = env, env.BootId
		next.Storage = make(map[string]*substratev1.StorageMount, len(env.Storage))
		for _, m := range env.Storage {
			next.Storage[m.Id] = m
		}
	})
}

// update replaces what is seen and wakes the unit.
func (o *Observer) update(k event.Key, w *watched, change func(next *Observation)) {
	o.mu.Lock()
	next := *w.seen
	change(&next)
	w.seen = &next
	o.mu.Unlock()
	o.cfg.Wake(k)
}

// event takes in what happened at the unit's place.
func (o *Observer) event(ctx context.Context, k event.Key, w *watched, ev *substratev1.UnitEvent) {
	switch e := ev.Event.(type) {
	case *substratev1.UnitEvent_ContainerUp:
		o.up(ctx, k, w, e.ContainerUp)
	case *substratev1.UnitEvent_ContainerDown:
		o.mu.Lock()
		w.edit(e.ContainerDown.Name, func(c *Container) { c.BootID = "" })
		o.mu.Unlock()
		o.cfg.Wake(k)
	case *substratev1.UnitEvent_Addresses:
		o.update(k, w, func(next *Observation) {
			next.Environment = proto.CloneOf(next.Environment)
			next.Environment.Addresses = e.Addresses.Addresses
		})
	case *substratev1.UnitEvent_Storage:
		o.update(k, w, func(next *Observation) {
			next.Storage = maps.Clone(next.Storage)
			if e.Storage.State == "attached" {
				next.Storage[e.Storage.Id] = e.Storage.Mount
			} else {
				delete(next.Storage, e.Storage.Id)
			}
		})
	case *substratev1.UnitEvent_Rebooted:
		o.update(k, w, func(next *Observation) { next.BootID = e.Rebooted.BootId })
	}
}

// up notes that a container's supervisor answers, and reads what it has to say until it starts anew.
func (o *Observer) up(ctx context.Context, k event.Key, w *watched, e *substratev1.ContainerUp) {
	o.mu.Lock()
	if had := w.seen.Containers[e.Name]; had != nil && had.BootID == e.BootId && had.Socket == e.Socket && w.containers[e.Name] != nil {
		o.mu.Unlock()
		return
	}
	if end := w.containers[e.Name]; end != nil {
		end()
	}
	ctx, cancel := context.WithCancel(w.life(ctx))
	if w.containers == nil {
		w.containers = map[string]context.CancelFunc{}
	}
	w.containers[e.Name] = cancel
	w.edit(e.Name, func(c *Container) { c.BootID, c.Socket = e.BootId, e.Socket })
	o.mu.Unlock()
	o.cfg.Wake(k)
	o.wg.Go(func() { o.listen(ctx, k, w, e.Name, e.Socket) })
}

// listen follows a supervisor's notices. Told ones are told again by it after a restart of the agent and left out by
// the cursor.
func (o *Observer) listen(ctx context.Context, k event.Key, w *watched, container, socket string) {
	pause := Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
	var after time.Time
	for ctx.Err() == nil {
		if after.IsZero() {
			o.checks(ctx, k, w, container, socket)
		}
		notices, err := o.cfg.Notices.Wait(ctx, socket, after)
		if err != nil {
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		changed := false
		for _, n := range notices {
			changed = changed || n.Type == "change-update"
			after = n.LastRepeated
		}
		o.heard(k, w, container, notices)
		if changed {
			o.checks(ctx, k, w, container, socket)
		}
	}
}

// heard adds custom notices; one that was repeated takes the place of its older self.
func (o *Observer) heard(k event.Key, w *watched, container string, notices []Notice) {
	notices = slices.DeleteFunc(notices, func(n Notice) bool { return n.Type != "custom" })
	if len(notices) == 0 {
		return
	}
	o.mu.Lock()
	w.edit(container, func(c *Container) {
		kept := slices.DeleteFunc(slices.Clone(c.Notices), func(old Notice) bool {
			return slices.ContainsFunc(notices, func(n Notice) bool { return n.ID == old.ID })
		})
		c.Notices = append(kept, notices...)
	})
	o.mu.Unlock()
	o.cfg.Wake(k)
}

// checks asks which checks are down.
func (o *Observer) checks(ctx context.Context, k event.Key, w *watched, container, socket string) {
	checks, err := o.cfg.Notices.Checks(ctx, socket)
	if err != nil {
		return // asked again with the next notice
	}
	o.mu.Lock()
	w.edit(container, func(c *Container) { c.Checks = checks })
	o.mu.Unlock()
	o.cfg.Wake(k)
}
