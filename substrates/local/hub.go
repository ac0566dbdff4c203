package local

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// maxGone is how many ended units are remembered for observers that come later.
const maxGone = 1024

// hub keeps the last observation of every unit and hands it to observers. A
// slow one gets fewer, never an older one after a newer one, always the last.
type hub struct {
	mu        sync.Mutex
	last      map[string]*substratev1.Observation
	gone      []string // keys in the order of their end
	observers map[*observer]struct{}
}

type observer struct {
	model   string
	pending map[string]*substratev1.Observation
	wake    chan struct{}
}

func newHub() *hub {
	return &hub{last: map[string]*substratev1.Observation{}, observers: map[*observer]struct{}{}}
}

func unitKey(model, unit string) string { return model + "/" + unit }

// publish makes o the unit's last observation, unless it says nothing new.
func (h *hub) publish(o *substratev1.Observation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := unitKey(o.GetModelUuid(), o.GetUnit())
	if before := h.last[key]; before != nil {
		o.SinceUnixNano = before.GetSinceUnixNano()
		if proto.Equal(before, o) {
			return
		}
	}
	o.SinceUnixNano = time.Now().UnixNano()
	h.last[key] = o
	h.gone = slices.DeleteFunc(h.gone, func(k string) bool { return k == key })
	if o.GetGoneConfirmed() {
		h.gone = append(h.gone, key)
		if len(h.gone) > maxGone {
			delete(h.last, h.gone[0])
			h.gone = h.gone[1:]
		}
	}
	for w := range h.observers {
		if w.model == "" || w.model == o.GetModelUuid() {
			w.pending[key] = o
			w.poke()
		}
	}
}

func (w *observer) poke() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}

// observe sends everything, the mark, then changes, until ctx ends or send fails.
func (h *hub) observe(ctx context.Context, model string, send func(*substratev1.Observation) error) error {
	w := &observer{model: model, pending: map[string]*substratev1.Observation{}, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	for key, o := range h.last {
		if model == "" || model == o.GetModelUuid() {
			w.pending[key] = o
		}
	}
	h.observers[w] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.observers, w)
		h.mu.Unlock()
	}()
	if err := h.flush(w, send); err != nil {
		return err
	}
	if err := send(&substratev1.Observation{Synced: true}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
		}
		if err := h.flush(w, send); err != nil {
			return err
		}
	}
}

// flush sends what is pending, in the order of the units.
func (h *hub) flush(w *observer, send func(*substratev1.Observation) error) error {
	h.mu.Lock()
	list := make([]*substratev1.Observation, 0, len(w.pending))
	for _, o := range w.pending {
		list = append(list, o)
	}
	clear(w.pending)
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *substratev1.Observation) int {
		return strings.Compare(unitKey(a.GetModelUuid(), a.GetUnit()), unitKey(b.GetModelUuid(), b.GetUnit()))
	})
	for _, o := range list {
		if err := send(proto.CloneOf(o)); err != nil {
			return err
		}
	}
	return nil
}
