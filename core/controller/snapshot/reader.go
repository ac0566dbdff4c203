package snapshot

import (
	"context"
	"sync"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/watch"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Reader takes snapshots of the controller's mirror. A snapshot is kept until
// the store moves on, so that many readers of one revision share it.
type Reader struct {
	mirror *watch.Mirror

	mu   sync.Mutex
	kept map[string]*Model
}

// NewReader reads from the mirror.
func NewReader(mirror *watch.Mirror) *Reader {
	return &Reader{mirror: mirror, kept: map[string]*Model{}}
}

// Models lists every model's record, in order of their ids.
func (r *Reader) Models() []*controllerv1.Model {
	var list []*controllerv1.Model
	r.mirror.Read(func(s *model.State) {
		for _, g := range s.Models() {
			if m, _ := g.Model(); m != nil {
				list = append(list, m)
			}
		}
	})
	return list
}

// Model gives one model as it is now; ok is false if there is no record of it.
func (r *Reader) Model(uuid string) (m *Model, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mirror.Read(func(s *model.State) {
		g := s.Model(uuid)
		if g == nil {
			delete(r.kept, uuid)
			return
		}
		if m = r.kept[uuid]; m == nil || m.Revision != s.Revision {
			m = Of(g, s.Revision, m)
			r.kept[uuid] = m
		}
	})
	return m, m != nil
}

// Charm gives a charm's record, nil if there is none.
func (r *Reader) Charm(digest string) (c *controllerv1.Charm) {
	r.mirror.Read(func(s *model.State) { c = s.Charm(digest) })
	return c
}

// Agent gives an agent's record, nil if it never joined.
func (r *Reader) Agent(id string) (a *controllerv1.AgentRecord) {
	r.mirror.Read(func(s *model.State) {
		if found := s.Agent(id); found != nil {
			a = found.Record
		}
	})
	return a
}

// Wait returns the mirror's revision once it is at least the given one.
func (r *Reader) Wait(ctx context.Context, revision int64) (int64, error) {
	if err := r.mirror.WaitRevision(ctx, revision); err != nil {
		return 0, err
	}
	return r.mirror.Revision(), nil
}
