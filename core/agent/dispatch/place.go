package dispatch

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Place puts the application's charm in place for a unit that is about to hear of it, so that what can go wrong does
// before anything says that the unit has it: the unit then keeps the charm that it had, whole. Result.Done is set when it
// failed in a way that the user must hear of; an error is tried again.
func (d *Dispatcher) Place(ctx context.Context, job Job) (Result, error) {
	app := job.Model.Application
	c, err := d.cfg.Charms.Get(ctx, job.Key.Model, app.CharmDigest, app.Runtime)
	if err == nil {
		kind := cmp.Or(app.Runtime, string(c.Runtime))
		if err = d.fit(ctx, job, kind, c); err == nil {
			_, err = d.workspace(job, kind, c)
		}
	}
	if err == nil {
		return Result{}, nil
	}
	return unplaced(job, app.CharmDigest, err)
}

// fit asks the runtime what is wrong with a charm before any of its files comes to the unit. A runtime that is not to be had
// is said when the event is dispatched.
func (d *Dispatcher) fit(ctx context.Context, job Job, kind string, c *Charm) error {
	if d.cfg.DryRun && kind != string(charm.Wasm) {
		return nil
	}
	rt, giveBack, err := d.cfg.Runtimes.Get(ctx, kind, scope(job, kind))
	if err != nil {
		return nil
	}
	defer giveBack()
	if text := d.load(ctx, rt, request(job, c, &charmruntimev1.Start{TimeoutMs: timeout(job, kind)})); text != "" {
		return errs.E(errs.Invalid, "%s", text)
	}
	return nil
}

// unplaced turns an error of putting a charm in place into a failed event where it is the package's fault or this disk's.
// What comes from the controller is tried again without a word.
func unplaced(job Job, digest string, err error) (Result, error) {
	var path *fs.PathError
	var link *os.LinkError
	ours := errs.Is(err, errs.Invalid) || errs.Is(err, errs.Exhausted) || errs.Is(err, errs.Conflict)
	if !ours && !errors.As(err, &path) && !errors.As(err, &link) {
		return Result{}, err
	}
	r := failed(err.Error())
	if brings(job) {
		r.Unplaced = digest
	}
	return r, nil
}

// brings says whether the unit gets a charm with the event.
func brings(job Job) bool {
	return job.Event.GetKind() == api.EventInstall || job.Event.GetKind() == api.EventUpgradeCharm
}
