package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/substrates/local/process"
)

// killTime is how long a killed process may take to be gone: one in an
// uninterruptible wait takes as long as its disk.
const killTime = 10 * time.Second

// tearDown ends every process of the unit, then removes what it had. Storage
// stays unless it is to be destroyed. It may be called again after any failure.
func (k *keeper) tearDown(ctx context.Context, w want) error {
	k.mu.Lock()
	k.rec.Ending = true
	r := k.rec.clone()
	k.mu.Unlock()
	if _, err := os.Stat(k.lay.unitDir(r.ModelUUID, r.Unit)); err == nil {
		if err := k.save(); err != nil {
			return err
		}
	}
	k.publish()
	for name := range k.runners {
		k.drop(name)
	}
	failed := make([]error, len(r.Containers))
	ended := make(chan struct{})
	for i, c := range r.Containers {
		go func() {
			failed[i] = k.end(ctx, c.Name)
			ended <- struct{}{}
		}()
	}
	for range r.Containers {
		<-ended
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return k.clear(r, w.destroyStorage)
}

// end ends one container: its supervisor is asked to stop, which stops the
// services in their order; what is left after the time for it is killed.
func (k *keeper) end(ctx context.Context, name string) error {
	k.mu.Lock()
	c := k.rec.container(name)
	if c == nil {
		k.mu.Unlock()
		return nil
	}
	id := c.Process
	k.mu.Unlock()
	if id.PID == 0 {
		id = k.orphan(name)
	}
	if id.Alive() {
		k.waitFor(fmt.Sprintf("container %s: its supervisor (process %d) stops its services", name, id.PID))
		if err := id.Signal(unix.SIGTERM); err != nil {
			return fmt.Errorf("cannot stop the supervisor of container %s: %w", name, err)
		}
		stopping, cancel := context.WithTimeout(ctx, k.lay.stopTime)
		err := id.Wait(stopping)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			k.s.cfg.Log.Warn("supervisor did not stop in time and is killed", "unit", k.unit, "container", name, "pid", id.PID)
		}
	}
	if left := k.kill(ctx, name); len(left) > 0 {
		return errors.New(blockers(left))
	}
	k.s.reap(id)
	return ctx.Err()
}

// orphan finds a supervisor that was started but not recorded.
func (k *keeper) orphan(name string) process.ID {
	for _, id := range process.Family(k.record().entry(name), process.ID{}) {
		if process.Leads(id.PID) {
			return id
		}
	}
	return process.ID{}
}

// kill kills every process of a container and returns those that would not go.
// It looks again until there is none: a process may fork while it is looked for.
func (k *keeper) kill(ctx context.Context, name string) []process.ID {
	k.mu.Lock()
	entry, leader := k.rec.entry(name), process.ID{}
	if c := k.rec.container(name); c != nil {
		leader = c.Process
	}
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	for {
		left := process.Family(entry, leader)
		if len(left) == 0 || ctx.Err() != nil {
			return left
		}
		k.waitFor(blockers(left))
		for _, id := range left {
			if err := id.Signal(unix.SIGKILL); err != nil {
				k.s.cfg.Log.Error("cannot kill a process", "unit", k.unit, "container", name, "pid", id.PID, "err", err)
			}
		}
		for _, id := range left {
			if id.Wait(ctx) == nil {
				k.s.reap(id)
			}
		}
	}
}

// waitFor says what the end waits for, for whoever asks.
func (k *keeper) waitFor(what string) {
	k.mu.Lock()
	k.blocking = what
	k.mu.Unlock()
}

// blockers names processes so that a user finds them.
func blockers(left []process.ID) string {
	var names []string
	for _, id := range left {
		name, err := os.ReadFile("/proc/" + itoa(id.PID) + "/comm")
		if err != nil {
			name = []byte("?")
		}
		names = append(names, fmt.Sprintf("%d (%s)", id.PID, strings.TrimSpace(string(name))))
	}
	return "cannot end process " + strings.Join(names, ", ")
}

// clear removes directories and sockets, the record last: until then whoever
// finds it tries again.
func (k *keeper) clear(r *record, storageToo bool) error {
	if storageToo {
		if err := k.lay.destroyStorage(r.ModelUUID, r.Application, r.Unit); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(k.lay.socketDir(r.ModelUUID, r.Unit)); err != nil {
		return fmt.Errorf("cannot remove sockets: %w", err)
	}
	dir := k.lay.unitDir(r.ModelUUID, r.Unit)
	for _, part := range []string{"charm", "containers", "unit.json", ""} {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return fmt.Errorf("cannot remove %s: %w", place(r.ModelUUID, r.Unit), err)
		}
	}
	_ = os.Remove(k.lay.modelDir(r.ModelUUID)) // only if it was the last unit
	return nil
}
