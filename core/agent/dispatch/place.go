package dispatch

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Place puts the application's charm in place for a unit that is about to hear of it, so that what can go wrong does
// before anything says that the unit has it: the unit then keeps the charm that it had, whole. Result.Done is set when it
// failed in a way that the user must hear of; an error is tried again.
func (d *Dispatcher) Place(ctx context.Context, job Job) (Result, error) {
	app := job.Model.Application
	c, err := d.cfg.Charms.Get(ctx, job.Key.Model, app.CharmDigest, app.Runtime)
	if err == nil {
		_, err = d.workspace(job, cmp.Or(app.Runtime, string(c.Runtime)), c)
	}
	if err == nil {
		return Result{}, nil
	}
	return unplaced(job, app.CharmDigest, err)
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
