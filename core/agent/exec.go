package agent

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// runSocket is the name of a unit's run socket in its run directory.
const runSocket = "run.sock"

// openSocket lets processes inside a unit reach its queue. A WASM charm has no processes.
func (a *Agent) openSocket(u *unit, in resolver.Input) {
	runtime := in.Model.Application.GetRuntime()
	if runtime == "" {
		runtime = in.Model.Charm.GetRuntime()
	}
	if u.socket || a.rehearsal != nil || !in.Cursor.Installed || runtime == "wasm" || runtime == "" {
		return
	}
	if err := a.sockets.Open(u.key, a.socketOf(u.key)); err != nil {
		a.cfg.Log.Warn("juju-exec will not work inside the unit", "unit", u.key.Unit, "err", err)
	}
	u.socket = true
}

func (a *Agent) socketOf(k event.Key) string { return filepath.Join(a.runDir(k), runSocket) }

// enqueue asks the controller for what juju-exec asked: its arguments are the unit, a timeout in milliseconds, a relation,
// a remote unit, and the command's words.
func (a *Agent) enqueue(ctx context.Context, k event.Key, req toolsocket.Request) (string, error) {
	if len(req.Args) < 5 {
		return "", errs.E(errs.Invalid, "cannot run a command: the request is of another version of juju-exec")
	}
	if unit := req.Args[0]; unit != "" && unit != k.Unit {
		return "", errs.E(errs.Denied, "cannot run a command on unit %q: this process is of unit %s", unit, k.Unit)
	}
	timeout, err := strconv.ParseInt(req.Args[1], 10, 64)
	if err != nil || timeout < 0 {
		return "", errs.E(errs.Invalid, "cannot run a command: %q is no timeout", req.Args[1])
	}
	ask := &controllerv1.EnqueueExecRequest{Model: k.Model, Unit: k.Unit, TimeoutMs: timeout, RemoteUnit: req.Args[3], Command: req.Args[4:], RequestId: commitID()}
	if req.Args[2] != "" {
		if ask.RelationId, err = api.ParseRelationID(req.Args[2]); err != nil {
			return "", errs.With(errs.Invalid, err)
		}
	}
	for again := false; ; again = true {
		call, cancel := context.WithTimeout(ctx, commitCall)
		got, err := a.cfg.Agents.EnqueueExec(call, ask)
		cancel()
		if err == nil || ctx.Err() != nil || again && !errs.Is(err, errs.Unavailable) {
			return got.GetTask(), err
		}
		if !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.Canceled) {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(a.retryExec):
		}
	}
}

// answered tells who waits inside the unit that its command has ended.
func (a *Agent) answered(u *unit, t *turn) {
	if t.req.Event.GetKind() != api.EventExec {
		return
	}
	failed := t.req.GetFailed()
	answer := toolsocket.Answer{Exit: 1, Stdout: []byte(failed.GetStdout()), Stderr: []byte(failed.GetStderr() + "ERROR " + failed.GetMessage() + "\n")}
	if done := t.req.GetDone(); done != nil {
		answer = toolsocket.Answer{Exit: int(done.GetExitCode()), Stdout: []byte(done.GetStdout()), Stderr: []byte(done.GetStderr())}
	}
	a.sockets.Done(u.key.Model, t.req.Event.GetTaskId(), answer)
}

// cancelled tells who waits inside the unit for a command that somebody cancelled before it ran.
func (a *Agent) cancelled(u *unit, in resolver.Input) {
	for _, task := range in.Model.Tasks {
		if task.GetStatus() == api.TaskCancelled && a.sockets.Waits(u.key.Model, task.GetId()) {
			a.sockets.Done(u.key.Model, task.GetId(), toolsocket.Answer{Exit: 1, Stderr: []byte("ERROR the command was cancelled\n")})
		}
	}
}

// cancelGrace is how long a cancelled task's processes have between the request to end and their end by force.
const cancelGrace = 5 * time.Second

// errCancelled is why the processes of a cancelled task are ended.
var errCancelled error = &charmruntime.Cancelled{Reason: "cancelled", Grace: cancelGrace}

// cancelledMessage is what a task says that was ended before its time.
const cancelledMessage = "cancelled while it ran"

// task lets a task be cancelled while it runs: ctx then ends, and with it every process of the task. Hooks have none.
func (a *Agent) task(ctx context.Context, u *unit, ev *hookv1.Event) (context.Context, func()) {
	if !event.Task(ev.Kind) {
		return ctx, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	u.runs.Store(&run{task: ev.TaskId, end: end})
	a.abort(u) // it may have been asked for meanwhile
	return ctx, func() { u.runs.Store(nil); end(nil) }
}

// run gives the event to the charm. A task that was cancelled before it reached the charm is one that was killed.
func (a *Agent) run(ctx context.Context, u *unit, job dispatch.Job) (dispatch.Result, error) {
	ctx, over := a.task(ctx, u, job.Event)
	defer over()
	ran, err := a.dispatcher.Run(ctx, job)
	if !errors.Is(context.Cause(ctx), errCancelled) {
		return ran, err
	}
	if err != nil && (!ran.Started || errs.Is(err, errs.Canceled)) {
		ran.Done, err = &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, ExitCode: 1}, nil
	}
	if ran.Done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_KILLED {
		ran.Done.Message = cancelledMessage
	}
	return ran, err
}

// abort ends the task that runs, if the model says so.
func (a *Agent) abort(u *unit) {
	r := u.runs.Load()
	if r == nil {
		return
	}
	snap, ok := a.replica.Snapshot(u.key)
	if !ok {
		return
	}
	for _, t := range snap.Tasks {
		if t.GetId() == r.task && t.GetStatus() == api.TaskAborting {
			r.end(errCancelled)
		}
	}
}
