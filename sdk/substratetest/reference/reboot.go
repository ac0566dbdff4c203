package reference

import (
	"context"
	"fmt"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// boot names the boot of the world, which is one machine. The caller holds the lock.
func (w *World) boot() string { return fmt.Sprintf("boot-%d", w.boots) }

// Reboots lists the units whose agents asked for a reboot, oldest first.
func (w *World) Reboots() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.reboots...)
}

// rebooted is the boot that watchers are to know.
func (s *Substrate) rebooted() string {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return s.world.boot()
}

// Reboot starts every container of the world anew, in another boot. A real machine would take the caller down with it.
func (s *Substrate) Reboot(_ context.Context, req *substratev1.RebootRequest) error {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.units[s.key(req.GetModelUuid(), req.GetUnit())]; (u == nil || u.phase == "gone") && s.fault != RebootsAnyway {
		return errs.E(errs.NotFound, "cannot reboot the machine of %s: the unit has no place", req.GetUnit())
	}
	w.reboots = append(w.reboots, req.GetUnit())
	if s.fault != SameBoot {
		w.boots++
	}
	for _, u := range w.units {
		if u.phase != "running" {
			continue
		}
		for _, c := range u.containers {
			c.stop()
			if err := c.start(); err != nil {
				return err
			}
		}
		u.version++
	}
	w.tell()
	return nil
}
