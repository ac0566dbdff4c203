package dispatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
)

// Lock waits for the unit's turn at the lock of its machine; release ends it. It may be held by anybody on the machine, and
// for long: what the job says of the time and of leadership is brought up to date.
type Lock func(ctx context.Context, job *Job, file string) (release func(), err error)

// machineLockConfig is the model's setting: off means that its units never take turns.
const machineLockConfig = "machine-lock"

// LockFile is the file that an event takes its turn on, "" if it waits for nobody: where the unit's place is its own, where
// the model does not want it, for WASM charms, which can do nothing to the machine, and for tasks that may run beside others.
// Tasks of one execution group take turns with each other alone.
func LockFile(job Job, kind string, c *Charm) string {
	file := job.Seen.MachineLock()
	if file == "" || kind == "wasm" || job.Model.Model.GetConfig()[machineLockConfig] == "off" {
		return ""
	}
	parallel, group := false, ""
	if job.Event.Kind == api.EventAction {
		a := c.Actions[job.Event.Name]
		parallel, group = a.Parallel, a.ExecutionGroup
	}
	for _, t := range job.Model.Tasks {
		if event.Task(job.Event.Kind) && t.GetId() == job.Event.TaskId { // who started it may say so too
			parallel, group = parallel || t.GetParallel(), cmp.Or(t.GetExecutionGroup(), group)
		}
	}
	switch {
	case parallel && group == "":
		return ""
	case group != "":
		sum := sha256.Sum256([]byte(group)) // a group's name may hold anything
		return file + "." + hex.EncodeToString(sum[:6])
	}
	return file
}

// turn waits for the event's turn on its machine.
func (d *Dispatcher) turn(ctx context.Context, job *Job, kind string, c *Charm) (release func(), err error) {
	file := LockFile(*job, kind, c)
	if file == "" || d.cfg.Lock == nil {
		return func() {}, nil
	}
	return d.cfg.Lock(ctx, job, file)
}
