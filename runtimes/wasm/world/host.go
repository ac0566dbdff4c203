package world

import (
	"context"
	"math"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const leadership = "is-leader"

// host is the host in the event's mode. Everything that it answers is read: what a call would change is in the changeset.
type host struct {
	charmruntime.Host
	w *World
}

// Host is how the event meets its host.
func (w *World) Host(real charmruntime.Host) charmruntime.Host {
	if w.mode == Live || w.mode == DryRun {
		return real
	}
	return host{real, w}
}

// Call asks the host, or the recording.
func (h host) Call(ctx context.Context, operation, request string) (string, error) {
	answer, found, err := h.w.exchange(operation, []byte(request), nil, func() ([]byte, error) {
		text, err := h.Host.Call(ctx, operation, request)
		return []byte(text), err
	})
	if !found {
		return "", h.w.unknown(operation, []byte(request))
	}
	return string(answer), err
}

// Immediate is for those who watch the event; nobody watches one that is over.
func (h host) Immediate(what *charmruntimev1.Immediate) {
	if h.w.mode != Replay {
		h.Host.Immediate(what)
	}
}

// far is longer than any promise of leadership, short enough to count to maxExchanges.
const far = time.Duration(math.MaxInt64 / (2 * maxExchanges))

// Promises is the clock that leadership is counted by in a replay: it stands, and is far beyond what was promised when
// the recording says that the host was asked next.
func (w *World) Promises() func() time.Duration {
	now := time.Duration(0)
	return func() time.Duration {
		if all := w.recording.GetExchanges(); w.next < len(all) && all[w.next].GetOperation() == leadership {
			now = max(now, time.Duration(w.next+1)*far)
		}
		return now
	}
}
