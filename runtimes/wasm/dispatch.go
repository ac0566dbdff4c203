package wasm

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

// Dispatch runs one event. The start's timeout, or else the charm's limit, is guest time; without both it has no end.
func (r *Runtime) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	c, err := r.awake(ctx, start.GetHandle())
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errs.E(errs.NotFound, "cannot run event %s: charm %q is not loaded", start.GetEvent().GetId(), start.GetHandle())
	}
	if err := charmruntime.Able(&charmruntimev1.InfoResponse{Name: "wasm", Capabilities: capabilities()}, start); err != nil {
		return nil, err
	}
	began := time.Now()
	e, err := newEvent(start, host, c.allowed, r.cfg.CallTimeout)
	if err != nil {
		return nil, err
	}
	defer e.supervisor.close()
	i, hand, err := c.take(ctx)
	if err != nil {
		if ctx.Err() != nil { // nothing ran, and the host wants to hear that it ended
			return killed(context.Cause(ctx)), nil
		}
		return nil, err
	}
	limit := c.timeout
	if ms := start.GetTimeoutMs(); ms > 0 {
		limit = time.Duration(ms) * time.Millisecond
	}
	run := newRun(e.calls, e.line, limit, e.world)
	run.turn.of = c.turns
	guest, end := run.begin(ctx, i)
	output, failed := i.event(guest, run, hookjson.EncodeEvent(start.GetEvent(), start.GetView()))
	end()
	e.world.End()
	failed.explain(run.tail)
	size := int64(i.memory.size)
	c.recycle(ctx, i, hand, failed != nil && failed.broken)

	done := e.done(ctx, output, failed)
	done.Stats = &charmruntimev1.Stats{WallUs: time.Since(began).Microseconds(), CpuUs: run.clock.total().Microseconds(),
		MaxRssBytes: size, Calls: e.calls.Count()}
	return done, nil
}

func killed(cause error) *charmruntimev1.Done {
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Message: "killed: " + cause.Error(), Limit: charmruntime.LimitCancel}
}

// event is the host's side of one event.
type event struct {
	start      *charmruntimev1.Start
	host       *quiet
	hook       *hook.Context
	calls      *abi.Calls
	supervisor *sockets
	world      *world.World
}

func newEvent(start *charmruntimev1.Start, host charmruntime.Host, allowed grant.Set, callTimeout time.Duration) (*event, error) {
	mode, options := mode(start), []hook.Option(nil)
	w, err := world.New(mode, start.GetRecording())
	if err != nil {
		return nil, err
	}
	if mode == world.Replay {
		options = append(options, hook.WithClock(w.Promises()))
	}
	e := &event{start: start, host: &quiet{Host: w.Host(host)}, supervisor: newSockets(start.GetView().GetContainers(), callTimeout), world: w}
	e.hook = hook.New(start.GetEvent(), start.GetView(), e.host, options...)
	beyond := outside.New(outside.Config{Grants: allowed, Timeout: callTimeout, Machine: machine(start.GetView())})
	e.calls = abi.NewCalls(e.hook, e.host, w.Supervisor(e.supervisor)).Reach(w.Outside(beyond))
	return e, nil
}

// machine says whether the unit may change packages and services of this machine.
func machine(view *hookv1.View) bool {
	return os.Geteuid() == 0 && slices.Contains(view.GetCapabilities(), api.OwnsMachine)
}

// mode is how the event meets the world.
func mode(start *charmruntimev1.Start) world.Mode {
	switch start.GetMode() {
	case charmruntimev1.Mode_MODE_DRY_RUN:
		return world.DryRun
	case charmruntimev1.Mode_MODE_REPLAY:
		return world.Replay
	}
	if start.GetRecord() {
		return world.Record
	}
	return world.Live
}

// quiet is the host without the statuses of a finished event: they are in its changeset, which follows at once.
type quiet struct {
	charmruntime.Host
	finished bool
}

// Immediate hands over what is worth it.
func (q *quiet) Immediate(what *charmruntimev1.Immediate) {
	if !q.finished {
		q.Host.Immediate(what)
	}
}

// line logs one line of the charm's output.
func (e *event) line(stream, line string) {
	level := "DEBUG"
	if stream == stderr {
		level = "WARNING"
	}
	module := "unit." + e.hook.UnitName() + "." + e.start.GetEvent().GetName()
	e.host.Immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Log{Log: &charmruntimev1.LogLine{
		Level: level, Message: line, Module: module, TimeUnixNano: time.Now().UnixNano()}}})
}

// done turns what the charm returned into the answer.
func (e *event) done(ctx context.Context, output []byte, failed *failure) *charmruntimev1.Done {
	done := &charmruntimev1.Done{}
	defer func() {
		done.Recording, done.Effects, done.Divergence = e.world.Recording(), e.world.Effects(), e.world.Divergence()
	}()
	e.host.finished = true
	switch {
	case failed != nil && failed.limit != "":
		done.Outcome, done.Message, done.Detail, done.Limit = charmruntimev1.Outcome_OUTCOME_KILLED, failed.message, failed.detail, failed.limit
	case failed != nil:
		done.Outcome, done.ExitCode, done.Message, done.Detail = charmruntimev1.Outcome_OUTCOME_FAILED, max(failed.code, 1), failed.message, failed.detail
	case output == nil:
		done.Outcome = charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED
		done.Changeset = e.hook.Changeset()
	default:
		cs, err := abi.Finish(ctx, e.hook, output)
		if err != nil {
			done.Outcome, done.ExitCode, done.Message, done.Detail = charmruntimev1.Outcome_OUTCOME_FAILED, 1, firstLine(err), err.Error()
			break
		}
		done.Outcome, done.Changeset = charmruntimev1.Outcome_OUTCOME_OK, cs
	}
	return done
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return cut(line, maxMessage)
}
