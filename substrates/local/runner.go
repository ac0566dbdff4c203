package local

import (
	"context"
	"path/filepath"
	"time"

	"github.com/bangle-dev/bangle/substrates/local/process"
	"github.com/bangle-dev/bangle/supervisor/client"
)

// runner keeps one container's supervisor alive.
type runner struct {
	stop context.CancelFunc
	done chan struct{}
}

// follow has a runner at work for the container. Only the keeper's goroutine
// calls it.
func (k *keeper) follow(ctx context.Context, name string) {
	if r := k.runners[name]; r != nil {
		select {
		case <-r.done: // it had only been watching, and what it watched has ended
		default:
			return
		}
	}
	ctx, stop := context.WithCancel(ctx)
	r := &runner{stop: stop, done: make(chan struct{})}
	k.runners[name] = r
	go func() {
		defer close(r.done)
		k.supervise(ctx, name)
	}()
}

// drop ends the runner, not the supervisor.
func (k *keeper) drop(name string) {
	if r := k.runners[name]; r != nil {
		r.stop()
		<-r.done
		delete(k.runners, name)
	}
}

// The first restart is at once; a supervisor that keeps dying young is started
// less and less often.
const (
	minPause = 100 * time.Millisecond
	maxPause = 10 * time.Second
	youth    = 10 * time.Second
)

func (k *keeper) supervise(ctx context.Context, name string) {
	var pause time.Duration
	for ctx.Err() == nil {
		id := k.running(name)
		if id.PID == 0 {
			if k.adopted() {
				k.note(name, state{reason: "its supervisor is not running"})
				return
			}
			var err error
			if id, err = k.launch(ctx, name); err != nil {
				k.note(name, state{reason: err.Error()})
			}
		}
		began := time.Now()
		if id.PID != 0 {
			k.watch(ctx, name, id)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > youth {
			pause = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(max(2*pause, minPause), maxPause)
	}
}

// adopted says that no spec has named the unit in this life.
func (k *keeper) adopted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.want.rec == nil
}

// running is the container's living supervisor. One whose provider died between
// starting and recording it is found by its token.
func (k *keeper) running(name string) process.ID {
	k.mu.Lock()
	c := *k.rec.container(name)
	entry := k.rec.entry(name)
	k.mu.Unlock()
	if c.Process.Alive() {
		return c.Process
	}
	if c.Process.PID != 0 {
		return process.ID{}
	}
	for _, id := range process.Family(entry, process.ID{}) {
		if process.Leads(id.PID) {
			k.started(name, id)
			return id
		}
	}
	return process.ID{}
}

// started records a supervisor.
func (k *keeper) started(name string, id process.ID) {
	k.mu.Lock()
	k.rec.container(name).Process = id
	err := k.rec.save(k.lay.recordFile(k.model, k.unit))
	k.mu.Unlock()
	if err != nil {
		k.s.cfg.Log.Error("cannot record a supervisor; its token will find it", "unit", k.unit, "container", name, "err", err)
	}
}

// watch returns when the supervisor has ended and nothing of it is left.
func (k *keeper) watch(ctx context.Context, name string, id process.ID) {
	answering, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		if k.answers(answering, name) {
			k.note(name, state{up: true})
		} else if ctx.Err() == nil && answering.Err() == nil {
			k.note(name, state{reason: "its supervisor does not answer"})
		}
	}()
	err := id.Wait(ctx)
	stop()
	<-told
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		k.s.cfg.Log.Error("cannot watch a supervisor", "unit", k.unit, "container", name, "err", err)
		return
	}
	k.s.reap(id)
	k.note(name, state{reason: "its supervisor has ended"})
	k.s.cfg.Log.Warn("supervisor has ended", "unit", k.unit, "container", name, "pid", id.PID)
	// As in a container: what the supervisor ran ends with it. Nobody watches over it any more, and the next
	// supervisor would start all of it a second time.
	if left := k.kill(ctx, name); len(left) > 0 {
		k.note(name, state{reason: blockers(left)})
		return
	}
	k.started(name, process.ID{})
}

// answers waits until the supervisor answers on its socket.
func (k *keeper) answers(ctx context.Context, name string) bool {
	k.mu.Lock()
	socket := k.rec.container(name).Socket
	k.mu.Unlock()
	sub := k.s.watcher.Subscribe()
	defer sub.Close()
	for ctx.Err() == nil {
		if err := sub.Watch(filepath.Dir(socket), k.lay.run); err != nil {
			k.s.cfg.Log.Warn("cannot watch for a socket, asking again and again instead", "err", err)
		}
		if systemInfo(ctx, socket) == nil {
			return true
		}
		select {
		case <-ctx.Done():
		case <-sub.C:
		case <-time.After(retryAsk):
		}
	}
	return false
}

func (k *keeper) note(name string, s state) {
	k.mu.Lock()
	before, had := k.states[name]
	k.states[name] = s
	k.mu.Unlock()
	if !had || before != s {
		k.publish()
	}
}

const (
	askTime  = 5 * time.Second
	retryAsk = 50 * time.Millisecond // for a socket that is there before it is listened on
)

// systemInfo asks a supervisor who it is.
func systemInfo(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c, err := client.New(client.Config{Socket: socket})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.SystemInfo(ctx)
	return err
}
