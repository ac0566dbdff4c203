package pluginhost

import (
	"context"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Bounds of the pause before a plugin is started again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Keep starts a plugin, hands it to onStart and starts it again whenever it
// ends, with growing pauses, until ctx ends: then it kills the plugin and returns
// the context's error. An error of onStart counts as a failed start. What cannot
// mend itself (not found, not trusted, no common version) is returned when it
// meets the first start.
func (h *Host) Keep(ctx context.Context, kind, name string, onStart func(*Instance) error) error {
	pause := firstPause
	for first := true; ; first = false {
		began := time.Now()
		err := h.once(ctx, kind, name, onStart)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case first && lasting(err):
			return err
		case time.Since(began) > lastPause:
			pause = firstPause
		}
		h.cfg.Log.Warn("a plugin ended and is started again", "plugin", ID{Kind: kind, Name: name}.String(), "pause", pause, "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}

// once runs the plugin for one life.
func (h *Host) once(ctx context.Context, kind, name string, onStart func(*Instance) error) error {
	i, err := h.Start(ctx, kind, name)
	if err != nil {
		return err
	}
	defer i.Kill()
	if err := onStart(i); err != nil {
		return err
	}
	select {
	case <-i.Done():
		return errs.E(errs.Unavailable, "plugin %s ended (%s); %s", i.ID, i.State(), i.lastWords())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lasting says whether trying again cannot help.
func lasting(err error) bool {
	switch errs.Class(err) {
	case errs.NotFound, errs.Denied, errs.Unsupported, errs.Invalid:
		return true
	}
	return false
}
