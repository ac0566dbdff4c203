package runtimes

import (
	"context"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// host is one process in the pool, and the runtime that is handed out.
type host struct {
	pool  *Pool
	id    id
	once  sync.Once
	began chan struct{} // closed when life or err is there
	life  Life
	err   error

	// Under the pool's lock.
	users int // who may be about to dispatch
	used  time.Time
}

// start brings the process up, for everybody who waits for it.
func (h *host) start(ctx context.Context) {
	defer close(h.began)
	h.life, h.err = h.pool.cfg.Start(ctx, h.id.kind, h.id.scope)
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	if h.err != nil || h.pool.closed {
		h.forget()
		return
	}
	h.pool.ends.Go(h.watch)
}

// gone says whether the process ended or never began.
func (h *host) gone() bool {
	select {
	case <-h.began:
	default:
		return false
	}
	return h.err != nil || h.Ended()
}

// forget takes the host out of the pool. The caller holds the lock.
func (h *host) forget() {
	if h.pool.hosts[h.id] == h {
		delete(h.pool.hosts, h.id)
	}
	h.pool.tell()
}

func (h *host) release() {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	h.users--
	h.used = time.Now()
	if h.users == 0 {
		h.pool.tell()
	}
}

// end ends a process that nobody uses.
func (h *host) end(why string) {
	h.pool.cfg.Log.Info("a runtime is ended", "kind", h.id.kind, "scope", h.id.scope, "why", why)
	h.life.Kill()
}

// watch follows the process: it asks it whether it is there while it has work, and ends it when it has had none for long.
func (h *host) watch() {
	defer func() {
		h.pool.mu.Lock()
		defer h.pool.mu.Unlock()
		h.forget()
	}()
	tick := time.NewTicker(h.period())
	defer tick.Stop()
	for {
		select {
		case <-h.life.Done:
			return
		case <-h.pool.stop:
			return
		case <-tick.C:
		}
		if h.retired() {
			h.end("nothing was asked of it for " + h.pool.cfg.Idle.String())
			return
		}
		h.pool.mu.Lock()
		users := h.users
		h.pool.mu.Unlock()
		if users > 0 && h.pool.cfg.Silence > 0 && h.silent() {
			h.pool.cfg.Log.Error("a runtime does not answer and is killed; the events that it had are run again", "kind", h.id.kind, "scope", h.id.scope,
				"events", users, "silence", h.pool.cfg.Silence)
			h.life.Kill()
			return
		}
	}
}

// period is how often the process is looked after.
func (h *host) period() time.Duration {
	period := time.Hour
	if h.pool.cfg.Silence > 0 {
		period = min(period, h.pool.cfg.Silence/2)
	}
	if h.pool.cfg.Idle > 0 {
		period = min(period, h.pool.cfg.Idle/2)
	}
	return period
}

// retired takes the host out of the pool when it has had nothing to do for long.
func (h *host) retired() bool {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	if h.pool.cfg.Idle == 0 || h.id.scope == "" || h.users > 0 || time.Since(h.used) < h.pool.cfg.Idle {
		return false
	}
	h.forget()
	return true
}

// silent says whether a question stayed unanswered. A process that ended in the meantime is not silent.
func (h *host) silent() bool {
	ctx, cancel := context.WithTimeout(context.Background(), h.pool.cfg.Silence)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = h.life.Runtime.Info(ctx) // an error is an answer, unless it is that of ctx
	}()
	select {
	case <-answered:
		return ctx.Err() != nil && !h.Ended()
	case <-h.life.Done:
	case <-h.pool.stop:
	}
	cancel()
	<-answered
	return false
}

// Ended says whether the process has ended; another value then answers Get.
func (h *host) Ended() bool {
	select {
	case <-h.life.Done:
		return true
	default:
		return false
	}
}

// Info implements charmruntime.Runtime.
func (h *host) Info(ctx context.Context) (*charmruntimev1.InfoResponse, error) {
	return h.life.Runtime.Info(ctx)
}

// Load implements charmruntime.Runtime.
func (h *host) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return h.life.Runtime.Load(ctx, req)
}

// Unload implements charmruntime.Runtime.
func (h *host) Unload(ctx context.Context, handle string) error {
	return h.life.Runtime.Unload(ctx, handle)
}

// Dispatch implements charmruntime.Runtime. A process that does not end an event which it was told to end is killed.
func (h *host) Dispatch(ctx context.Context, start *charmruntimev1.Start, to charmruntime.Host) (*charmruntimev1.Done, error) {
	done, err := h.life.Runtime.Dispatch(ctx, start, to)
	if err != nil && ctx.Err() != nil && errs.Is(err, errs.Unavailable) && !h.Ended() {
		h.pool.cfg.Log.Error("a runtime does not end an event and is killed; the others that it had are run again", "kind", h.id.kind, "scope", h.id.scope)
		h.life.Kill()
	}
	return done, err
}

// End implements charmruntime.Ender.
func (h *host) End(ctx context.Context, runDir string) error {
	if ender, ok := h.life.Runtime.(charmruntime.Ender); ok {
		return ender.End(ctx, runDir)
	}
	return nil
}
