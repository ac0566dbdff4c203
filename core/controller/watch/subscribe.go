package watch

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// A full listing is sent in parts of about this size.
const (
	partObjects = 1000
	partBytes   = 512 << 10
)

// Subscription is what one agent is told. Next is called by one goroutine.
type Subscription struct {
	m     *Mirror
	agent string
	wake  chan struct{}

	// Under the mirror's lock:
	seen    map[ref]int64 // what the agent holds, and at which revision
	listing []listed      // of a full listing, what was not sent yet
	start   bool          // the next part of the listing is its first
	rev     int64         // revision of the listing
	pending []*controllerv1.Delta
	objects int  // in pending
	resync  bool // the agent must be told everything anew
	asks    []*controllerv1.Command
}

// listed is one record of a full listing.
type listed struct {
	model string
	entry *model.Entry
}

// Subscribe begins to tell an agent what it may see. With a resume revision of the same epoch it first waits until the
// mirror has reached it, then tells what changed since; otherwise, or when that is not known any more, everything.
func (m *Mirror) Subscribe(ctx context.Context, agent string, resume int64, epoch string) (*Subscription, error) {
	sub := &Subscription{m: m, agent: agent, wake: make(chan struct{}, 1), seen: map[ref]int64{}, resync: true}
	same := false
	m.Read(func(s *model.State) { same = s.Epoch == epoch })
	if resume > 0 && same {
		if err := m.WaitRevision(ctx, resume); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if resume > 0 && same {
		sub.resume(resume)
	}
	if m.subs[agent] == nil {
		m.subs[agent] = map[*Subscription]bool{}
	}
	m.subs[agent][sub] = true
	sub.signal()
	return sub, nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	delete(s.m.subs[s.agent], s)
	if len(s.m.subs[s.agent]) == 0 {
		delete(s.m.subs, s.agent)
	}
}

// signal wakes Next; the lock is held.
func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// resyncAll makes every agent be told everything anew; the lock is held.
func (m *Mirror) resyncAll() {
	for _, subs := range m.subs {
		for sub := range subs {
			sub.lose()
		}
	}
}

// lose drops what waits; the lock is held.
func (s *Subscription) lose() {
	s.resync, s.pending, s.objects, s.listing, s.seen = true, nil, 0, nil, map[ref]int64{}
	s.signal()
}

// Next gives the next Delta, waiting for it. The messages in it are shared and must not be changed.
func (s *Subscription) Next(ctx context.Context) (*controllerv1.Delta, error) {
	for {
		if d := s.take(); d != nil {
			return d, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, errs.E(errs.Canceled, "cannot watch for %s: %w", s.agent, ctx.Err())
		}
	}
}

// Tell sends a command to the agent, after all that waits now. Nothing of it is kept beyond the subscription.
func (s *Subscription) Tell(c *controllerv1.Command) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.asks = append(s.asks, c)
	s.signal()
}

// take gives what waits, nil if nothing does.
func (s *Subscription) take() *controllerv1.Delta {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.resync {
		s.list()
	}
	if s.listing != nil {
		return s.part()
	}
	if len(s.pending) == 0 {
		return s.commands()
	}
	d := s.pending[0]
	s.pending[0] = nil
	s.pending = s.pending[1:]
	s.objects -= len(d.Objects)
	return d
}

// commands gives what is asked of the agent, nil if nothing is; the lock is held.
func (s *Subscription) commands() *controllerv1.Delta {
	if len(s.asks) == 0 {
		return nil
	}
	d := &controllerv1.Delta{Epoch: s.m.state.Epoch, Commands: s.asks}
	s.asks = nil
	return d
}

// part cuts the next part of a listing; the lock is held.
func (s *Subscription) part() *controllerv1.Delta {
	d := &controllerv1.Delta{Revision: s.rev, Epoch: s.m.state.Epoch, Full: s.start}
	s.start = false
	size, n := 0, 0
	for ; n < len(s.listing) && n < partObjects && size < partBytes; n++ {
		l := s.listing[n]
		d.Objects = append(d.Objects, l.entry.Object(l.model))
		size += proto.Size(l.entry.Value)
	}
	s.listing = s.listing[n:]
	if len(s.listing) == 0 {
		s.listing, d.Synced = nil, true
	}
	return d
}

// list takes stock of all that the agent may see; the lock is held.
func (s *Subscription) list() {
	s.resync, s.start, s.rev = false, true, s.m.state.Revision
	s.listing, s.seen = []listed{}, map[ref]int64{}
	for _, g := range s.m.state.Models() {
		for _, r := range reachable(g, s.agent) {
			e := find(s.m.state, r)
			if e == nil || !s.m.cfg.MayRead(g, s.agent, r.key) {
				continue
			}
			if _, have := s.seen[r]; !have {
				s.seen[r] = e.Mod
				s.listing = append(s.listing, listed{r.model, e})
			}
		}
	}
	slices.SortStableFunc(s.listing, func(a, b listed) int { return strings.Compare(a.model, b.model) })
}

// reachable lists every record of a model that an agent could have a right to.
func reachable(g *model.Graph, agent string) []ref {
	apps := g.AgentApps(agent)
	if len(apps) == 0 {
		return nil
	}
	refs := []ref{{g.UUID, key.Named(key.Model, g.UUID)}}
	all := func(entries []*model.Entry) {
		for _, e := range entries {
			refs = append(refs, ref{g.UUID, e.Key})
		}
	}
	for _, app := range apps {
		if a, _ := g.App(app); a != nil {
			refs = append(refs, ref{g.UUID, key.Named(key.Charm, a.CharmDigest)})
		}
		all(g.OfApp(app))
		for _, relation := range g.Relations(app) {
			all(g.OfRelation(relation))
		}
		for _, unit := range g.Units(app) {
			refs = append(refs, ref{g.UUID, key.OfUnit(key.Status, unit)})
		}
	}
	for _, unit := range g.AgentUnits(agent) {
		all(g.OfUnit(unit))
	}
	return refs
}

// enqueue adds one revision for the agent; the lock is held.
func (s *Subscription) enqueue(f *fan, refs map[ref]bool, objects map[ref]*controllerv1.Object) {
	if s.resync {
		return // it will be told everything
	}
	d := &controllerv1.Delta{Revision: f.revision, Epoch: f.m.state.Epoch, Objects: s.cut(refs, objects, f.revision)}
	if len(d.Objects) == 0 {
		return
	}
	if s.objects+len(d.Objects) > f.m.cfg.QueueObjects {
		s.lose()
		return
	}
	s.pending, s.objects = append(s.pending, d), s.objects+len(d.Objects)
	s.signal()
}

// cut lists those of the records that the agent must be told: what is new to it or changed, and the end of what it holds
// and may not see any more.
func (s *Subscription) cut(refs map[ref]bool, objects map[ref]*controllerv1.Object, revision int64) []*controllerv1.Object {
	var out []*controllerv1.Object
	for r := range refs {
		g, e := s.m.state.Model(r.model), find(s.m.state, r)
		held, have := s.seen[r]
		switch {
		case e != nil && g != nil && s.m.cfg.MayRead(g, s.agent, r.key):
			if have && held == e.Mod {
				continue
			}
			if objects[r] == nil {
				objects[r] = e.Object(r.model)
			}
			s.seen[r] = e.Mod
			out = append(out, objects[r])
		case have:
			delete(s.seen, r)
			out = append(out, &controllerv1.Object{Model: r.model, Key: r.key.String(), ModRevision: revision, Deleted: true})
		}
	}
	slices.SortFunc(out, func(a, b *controllerv1.Object) int {
		if c := strings.Compare(a.Model, b.Model); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}

// resume finds out what the agent missed above the revision; if that cannot be known it stays with a full listing. The
// lock is held.
func (s *Subscription) resume(revision int64) {
	refs, ok := s.m.ring.since(revision, s.agent)
	if !ok {
		return
	}
	s.list()
	s.listing, s.start = nil, false
	d := &controllerv1.Delta{Revision: s.m.state.Revision, Epoch: s.m.state.Epoch, Synced: true}
	for r := range refs {
		g := s.m.state.Model(r.model)
		if g == nil || !s.m.cfg.MayRead(g, s.agent, r.key) {
			continue
		}
		if e := find(s.m.state, r); e != nil {
			d.Objects = append(d.Objects, e.Object(r.model))
		} else { // rights did not change in between, so the agent held it
			d.Objects = append(d.Objects, &controllerv1.Object{Model: r.model, Key: r.key.String(), ModRevision: d.Revision, Deleted: true})
		}
	}
	slices.SortFunc(d.Objects, func(a, b *controllerv1.Object) int { return strings.Compare(a.Model+"/"+a.Key, b.Model+"/"+b.Key) })
	if len(d.Objects) > s.m.cfg.QueueObjects {
		s.resync = true
		return
	}
	s.pending, s.objects = append(s.pending, d), len(d.Objects)
}
