package placement

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// worker serves one substrate through one life of its provider after another.
type worker struct {
	p    *Placement
	name string
	wake chan struct{}

	mu       sync.Mutex
	provider substrate.Provider // nil while none serves
	info     *substratev1.InfoResponse
	why      error // why none serves
	changed  chan struct{}
}

func newWorker(p *Placement, name string) *worker {
	return &worker{p: p, name: name, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// nudge makes the worker look at its models again.
func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// current is what serves now; changed is closed when that is another.
func (w *worker) current() (substrate.Provider, *substratev1.InfoResponse, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.provider, w.info, w.changed, w.why
}

func (w *worker) set(provider substrate.Provider, info *substratev1.InfoResponse, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.provider, w.why = provider, why
	if info != nil {
		w.info = info // kept over a restart: what kind of agents there are does not change
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// Pauses between two lives of a provider.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
	goodLife   = 10 * time.Second
)

// run starts the provider whenever there is none, until ctx ends.
func (w *worker) run(ctx context.Context) {
	wait := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := w.life(ctx)
		w.set(nil, nil, err)
		if ctx.Err() != nil {
			return
		}
		w.p.cfg.Log.Warn("substrate ended; starting it again", "substrate", w.name, "error", err, "pause", wait)
		if time.Since(began) > goodLife {
			wait = firstPause
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(wait*2, lastPause)
	}
}

// life starts, configures and serves one provider until it dies.
func (w *worker) life(ctx context.Context) error {
	session, err := w.p.cfg.Start(ctx, w.name)
	if err != nil {
		return err
	}
	defer session.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	settings, err := w.p.cfg.Configure(w.name)
	if err != nil {
		return err
	}
	if err := session.Provider.Configure(ctx, settings); err != nil {
		if strings.HasPrefix(err.Error(), "cannot configure substrate") {
			return err // the substrate has said it all
		}
		return fmt.Errorf("cannot configure substrate %q: %w", w.name, err)
	}
	// Asked only now: what it can do may depend on its settings.
	info, err := session.Provider.Info(ctx)
	if err != nil {
		return fmt.Errorf("cannot ask substrate %q who it is: %w", w.name, err)
	}
	var adopted []*substratev1.Adopted
	if a, ok := substrate.AsAdopter(session.Provider); ok {
		found, err := a.Adopt(ctx)
		if err != nil {
			return fmt.Errorf("cannot adopt what substrate %q left: %w", w.name, err)
		}
		adopted = found.GetUnits()
	}
	s := newSession(w, session.Provider, adopted)
	defer s.end(cancel)
	w.set(session.Provider, info, nil)
	w.nudge()
	return s.serve(ctx, session.Done)
}
