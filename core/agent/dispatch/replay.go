package dispatch

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Again is an event that is run once more from its recording.
type Again struct {
	Key     event.Key
	Model   *source.Snapshot      // of the unit's model, as it is
	Start   *charmruntimev1.Start // event, view and recording
	Charm   string                // digest of the package that is to run
	Runtime string                // "" = what the package says
}

// Replay runs a recorded event again. It touches nothing: the runtime answers the charm from the recording, and what the
// charm writes comes back. A charm that cannot be loaded is a failed event; a runtime that cannot replay is
// errs.Unsupported.
func (d *Dispatcher) Replay(ctx context.Context, a Again) (*charmruntimev1.Done, error) {
	c, err := d.cfg.Charms.Get(ctx, a.Key.Model, a.Charm, a.Runtime)
	if err != nil {
		return nil, err
	}
	kind := cmp.Or(a.Runtime, string(c.Runtime))
	rt, giveBack, err := d.cfg.Runtimes.Get(ctx, kind, scope(Job{Key: a.Key, Model: a.Model}, kind))
	if err != nil {
		return nil, err
	}
	defer giveBack()
	info, err := rt.Info(ctx)
	if err != nil {
		return nil, err
	}
	if !concerns(c, a.Start.GetEvent()) {
		return unheard().Done, nil
	}
	start := &charmruntimev1.Start{Event: a.Start.GetEvent(), View: narrowed(c, a.Start.GetView()), Recording: a.Start.GetRecording(),
		TimeoutMs: a.Start.GetTimeoutMs(), Mode: charmruntimev1.Mode_MODE_REPLAY,
		Workspace: &charmruntimev1.Workspace{CharmDir: c.Dir, RunDir: filepath.Join(d.cfg.RunDir(a.Key), "replay"), ToolsDir: d.cfg.ToolsDir}}
	if err := able(info, kind); err != nil {
		return nil, err
	}
	done, _, err := d.dispatch(ctx, rt, request(Job{Key: a.Key, Model: a.Model}, c, start), start, nobody{})
	return done, err
}

// able says what an event of a runtime that cannot replay is told.
func able(info *charmruntimev1.InfoResponse, kind string) error {
	if slices.Contains(info.GetCapabilities(), "replay") {
		return nil
	}
	return errs.E(errs.Unsupported, "cannot replay with runtime %s: what its charms ask of the world is not all recorded, so they cannot be run again bit for bit", kind)
}

// nobody is the host of a replay.
type nobody struct{}

// Call is not to be asked: what the recording does not know, nobody does.
func (nobody) Call(_ context.Context, operation, _ string) (string, error) {
	return "", errs.E(errs.Internal, "cannot answer %q: the event is replayed", operation)
}

// Immediate tells nobody.
func (nobody) Immediate(*charmruntimev1.Immediate) {}
