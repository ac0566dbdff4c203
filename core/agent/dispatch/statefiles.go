package dispatch

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/bangle-dev/bangle/core/agent/statefiles"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// opened are the sets of state files that a charm is using or whose commit is open, by unit.
type opened struct {
	mu   sync.Mutex
	sets map[event.Key]*statefiles.Set
}

func (o *opened) put(k event.Key, s *statefiles.Set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sets == nil {
		o.sets = map[event.Key]*statefiles.Set{}
	}
	o.sets[k] = s
}

func (o *opened) take(k event.Key) *statefiles.Set {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sets[k]
	delete(o.sets, k)
	return s
}

// prepare gives an executable charm the state files that were committed last.
func (d *Dispatcher) prepare(ctx context.Context, job Job, w *charmruntimev1.Workspace) error {
	dir := d.cfg.UnitDir(job.Key)
	if w.GetCharmDir() != filepath.Join(dir, "charm") {
		return nil // it has no files of its own
	}
	set := statefiles.Open(dir, w.CharmDir, d.cfg.Boot)
	err := set.Prepare(ctx, job.Cursor.GetFilesGeneration(), func(ctx context.Context) (*controllerv1.StateFiles, error) {
		return d.cfg.StateFiles(ctx, job.Key)
	})
	if err == nil {
		d.files.put(job.Key, set)
	}
	return err
}

// collect reads what the charm left, when that is going to be committed. A set that cannot be read fails the event.
func (d *Dispatcher) collect(job Job, r *Result) {
	set := d.files.take(job.Key)
	if set == nil || !keepsFiles(job, r.Done) {
		return
	}
	files, err := set.Collect()
	if err != nil {
		r.Done = failed(err.Error()).Done
		return
	}
	d.files.put(job.Key, set)
	r.Files = files
}

// keepsFiles says whether the event's writes are committed: those of a command always, of an action when it succeeded.
func keepsFiles(job Job, done *charmruntimev1.Done) bool {
	switch done.GetOutcome() {
	case charmruntimev1.Outcome_OUTCOME_OK, charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED:
		return true
	case charmruntimev1.Outcome_OUTCOME_FAILED:
		return job.Event.GetKind() == api.EventExec
	}
	return false
}

// Settle says that the unit's event was committed with these state files, nil if it changed none.
func (d *Dispatcher) Settle(k event.Key, files *controllerv1.StateFiles) error {
	if set := d.files.take(k); set != nil {
		return set.Settle(files)
	}
	return nil
}

// unprepared turns an error of prepare into a failed event where no retry of the agent's mends it.
func unprepared(err error) (Result, error) {
	if errs.Is(err, errs.Invalid) {
		return failed(err.Error()), nil
	}
	return Result{}, err
}
