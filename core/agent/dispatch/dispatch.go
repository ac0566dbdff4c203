// Package dispatch is the stage that gives an event to the charm: it makes the view, finds the runtime, sees to it
// that the charm is there in the right form, and waits for the end. What the charm wrote comes back as data; nothing
// is applied here.
package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Runtimes finds the runtime of a kind and a scope, starting it when it does not run; runtimes of different scopes are
// different processes, and "" is a scope too. It is kept until release is called. A runtime that died is answered by another
// value the next time; one that has a method Ended() bool says so.
type Runtimes interface {
	Get(ctx context.Context, kind, scope string) (rt charmruntime.Runtime, release func(), err error)
}

// Config is what dispatching needs.
type Config struct {
	Runtimes Runtimes
	Charms   *Charms
	Lines    Lines
	// FetchResource fetches what charms ask for with resource-get.
	FetchResource FetchResource
	// GoalState asks what the model is heading for around a unit, as it is now.
	GoalState func(ctx context.Context, k event.Key) (*hookv1.GoalState, error)
	// UnitDir keeps a unit's copy of its charm, RunDir its sockets and process records; both for one unit.
	UnitDir func(event.Key) string
	RunDir  func(event.Key) string
	// RunSocket is where processes inside the unit reach its queue.
	RunSocket func(event.Key) string
	// ToolsDir has the hook tools.
	ToolsDir   string
	Controller Controller
	// StateFiles reads a unit's state files as they were last committed.
	StateFiles func(ctx context.Context, k event.Key) (*controllerv1.StateFiles, error)
	// Lock takes turns with what else runs on the machine; nil: with nobody.
	Lock Lock
	// Boot names the machine's boot.
	Boot string
	// DryRun has events run in the mode of that name: what they would do to the world is noted. A charm whose runtime has no
	// such mode is not run (Result.Unknown). Nothing is written to units' directories.
	DryRun bool
}

// Dispatcher runs events. It is safe for concurrent use; that a unit has one event at a time is the queue's business.
type Dispatcher struct {
	cfg Config

	mu      sync.Mutex
	handles map[loading]string
	files   opened
}

// loading is a charm in one life of one runtime.
type loading struct {
	runtime charmruntime.Runtime
	digest  string
	memory  int64 // that its events may take, in bytes; 0 = as much as the runtime gives
	grants  string
}

// New makes a dispatcher.
func New(cfg Config) *Dispatcher { return &Dispatcher{cfg: cfg, handles: map[loading]string{}} }

// Job is one event of one unit.
type Job struct {
	Key    event.Key
	Event  *hookv1.Event
	Model  *source.Snapshot
	Cursor *controllerv1.Cursor
	Seen   *source.Observation
	// LeaderUntil is when the promise of leadership ends (leader.Promises), LeaderLeft what was left of it now.
	LeaderUntil, LeaderLeft time.Duration
	NotLeader               bool
	Now                     time.Time
	// Record has the runtime note what the world answers, where it can.
	Record bool
}

// Result is how the event ended and the view that it ran on.
type Result struct {
	Done *charmruntimev1.Done
	View *hookv1.View
	// Files are the unit's state files, if the event changed them.
	Files *controllerv1.StateFiles
	// Unplaced is the charm that could not be put in place; the unit has the one before.
	Unplaced string
	// Unknown says why the charm was not run in a dry run, and what it would do is not known.
	Unknown string
	// Start is what the runtime was given, Charm and Runtime what ran.
	Start          *charmruntimev1.Start
	Charm, Runtime string
	// Started says that the runtime was given the event: with an error, it may have run.
	Started bool
}

// wasmTimeout is the guest time that a WASM event has when the application does not say otherwise.
const wasmTimeout = 10 * time.Second

// Run gives the event to the charm and waits for its end. An error means that nobody knows what ran: the event is to be
// derived again. A charm that cannot be loaded, or a package that is broken, is a failed event.
func (d *Dispatcher) Run(ctx context.Context, job Job) (Result, error) {
	// Storage may be attached before the unit was installed with any charm.
	digest := cmp.Or(job.Cursor.CharmDigest, job.Model.Application.CharmDigest)
	c, err := d.charm(ctx, job)
	if err != nil {
		return unplaced(job, digest, err)
	}
	kind := cmp.Or(job.Model.Application.Runtime, string(c.Runtime))
	if r := d.unrun(job, kind, c); r != nil {
		return *r, nil
	}
	rt, giveBack, err := d.cfg.Runtimes.Get(ctx, kind, scope(job, kind))
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Denied) || errs.Is(err, errs.Unsupported) {
		return failed(err.Error()), nil
	}
	if err != nil {
		return Result{}, err
	}
	defer giveBack()
	start := &charmruntimev1.Start{Event: job.Event, TimeoutMs: timeout(job, kind), Record: job.Record}
	req := request(job, c, start)
	d.load(ctx, rt, req)
	if start.Workspace, err = d.workspace(job, kind, c); err != nil {
		return unplaced(job, digest, err)
	}
	if err := d.prepare(ctx, job, start.Workspace); err != nil {
		return unprepared(err)
	}
	release, err := d.turn(ctx, &job, kind, c)
	if err != nil {
		return Result{}, err
	}
	if ctx.Err() != nil {
		release()
		return Result{}, errs.E(errs.Canceled, "cannot dispatch event %s: %w", job.Event.Id, context.Cause(ctx))
	}
	h := d.ready(job, c, start)
	crash.At("dispatch.before-run")
	done, loaded, err := d.dispatch(ctx, rt, req, start, h)
	release() // before the commit: a controller that is away must not hold up the units of another
	crash.At("dispatch.after-run")
	r := Result{Done: done, View: start.View, Started: true, Start: start, Charm: c.Digest, Runtime: kind}
	if !loaded && brings(job) {
		r.Unplaced = digest
	}
	if err == nil {
		d.collect(job, &r)
	}
	return r, err
}

// ready gives the event its view and mode, and makes its host.
func (d *Dispatcher) ready(job Job, c *Charm, start *charmruntimev1.Start) *host {
	start.View = View(ViewInput{Model: job.Model, Cursor: job.Cursor, Event: job.Event, Seen: job.Seen, Charm: c, Controller: d.cfg.Controller,
		LeaderUntil: job.LeaderUntil, LeaderLeft: job.LeaderLeft, NotLeader: job.NotLeader, Now: job.Now})
	narrow(c, start.View)
	if d.cfg.DryRun {
		start.Mode = charmruntimev1.Mode_MODE_DRY_RUN
	}
	h := newHost(d.cfg.Lines, job, start.View,
		&shelf{fetch: d.cfg.FetchResource, key: job.Key, model: job.Model, dir: filepath.Join(d.cfg.UnitDir(job.Key), "resources"), named: d.cfg.DryRun})
	h.goal, h.relates = d.cfg.GoalState, c.Relates
	return h
}

// charm finds the charm that the unit has.
func (d *Dispatcher) charm(ctx context.Context, job Job) (*Charm, error) {
	return d.cfg.Charms.Get(ctx, job.Key.Model, cmp.Or(job.Cursor.CharmDigest, job.Model.Application.CharmDigest), job.Model.Application.Runtime)
}

// End ends what an earlier life of the agent or of the runtime left running of the job's event, which is not run again. A
// charm or a runtime that cannot be had cannot have left anything that somebody could end.
func (d *Dispatcher) End(ctx context.Context, job Job) error {
	c, err := d.charm(ctx, job)
	if err == nil {
		var rt charmruntime.Runtime
		var giveBack func()
		kind := cmp.Or(job.Model.Application.Runtime, string(c.Runtime))
		if rt, giveBack, err = d.cfg.Runtimes.Get(ctx, kind, scope(job, kind)); err == nil {
			defer giveBack()
			if ender, ok := rt.(charmruntime.Ender); ok {
				return ender.End(ctx, d.cfg.RunDir(job.Key))
			}
			return nil
		}
	}
	switch errs.Class(err) {
	case errs.Invalid, errs.Exhausted, errs.NotFound, errs.Denied, errs.Unsupported:
		return nil
	}
	return err
}

// unrun is how an event ends that is not given to the charm, nil if it is.
func (d *Dispatcher) unrun(job Job, kind string, c *Charm) *Result {
	switch {
	case d.cfg.DryRun && kind != string(charm.Wasm):
		r := unknown(kind)
		return &r
	case !concerns(c, job.Event):
		r := unheard()
		return &r
	}
	return nil
}

// unknown is an event of a charm that a dry run cannot run: it ends as if it had done nothing.
func unknown(kind string) Result {
	what := "the runtime " + kind + " has no dry run"
	if kind == string(charm.Python) {
		what = "the charm is Python, or another program, which has no dry run"
	}
	return Result{Done: &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, Started: true,
		Unknown: what}
}

// failed is an event that ended before the charm ran.
func failed(message string) Result {
	return Result{Done: &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: 1, Message: message}}
}

// problems is what keeps a charm from being loaded, "" if nothing does.
func problems(all []*charmruntimev1.Diagnostic) string {
	var text []string
	for _, p := range all {
		if p.Severity != "error" {
			continue
		}
		line := p.Message
		for _, where := range []string{p.Key, p.File} {
			if where != "" {
				line = where + ": " + line
			}
		}
		if p.Hint != "" {
			line += "; " + p.Hint
		}
		text = append(text, line)
	}
	return strings.Join(text, "; ")
}

// hookTimeoutConfig is the model's setting for applications that say nothing; 0 is the runtime's custom.
const hookTimeoutConfig = "hook-timeout"

// timeout is how long the event may take: the task's, the application's or the model's word, else the task's custom, else
// the runtime's.
func timeout(job Job, kind string) int64 {
	custom := int64(0)
	for _, t := range job.Model.Tasks {
		if t.Id == job.Event.TaskId {
			custom = t.DefaultTimeoutMs
			if t.TimeoutMs > 0 {
				return t.TimeoutMs
			}
		}
	}
	ms := job.Model.Application.HookTimeoutMs
	if every, err := time.ParseDuration(job.Model.Model.GetConfig()[hookTimeoutConfig]); ms == 0 && err == nil {
		ms = every.Milliseconds()
	}
	switch {
	case ms < 0:
		return 0
	case ms > 0:
		return ms
	case custom > 0:
		return custom
	case kind == string(charm.Wasm):
		return wasmTimeout.Milliseconds()
	}
	return 0
}

// workspace makes the directories that an executable charm runs in. A WASM charm sees no files.
func (d *Dispatcher) workspace(job Job, kind string, c *Charm) (*charmruntimev1.Workspace, error) {
	w := &charmruntimev1.Workspace{RunDir: d.cfg.RunDir(job.Key), ToolsDir: d.cfg.ToolsDir, Enter: job.Seen.Environment.GetEnter()}
	if d.cfg.DryRun {
		w.CharmDir = c.Dir
		return w, nil
	}
	dir := d.cfg.UnitDir(job.Key)
	for _, made := range []string{dir, w.RunDir} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the unit's directory: %w", err)
		}
	}
	if kind == string(charm.Wasm) {
		w.CharmDir = c.Dir
		return w, nil
	}
	if d.cfg.RunSocket != nil {
		w.RunSocket = d.cfg.RunSocket(job.Key)
	}
	var err error
	w.CharmDir, err = install(dir, c)
	return w, err
}

// DirName is a unit's directory under those of all units: the first of the model's id and the unit, which no two
// units of one agent share.
func DirName(k event.Key) string {
	model := k.Model[:min(8, len(k.Model))]
	return filepath.Join(model, api.ApplicationOf(k.Unit)+"-"+strconv.Itoa(event.Number(k.Unit)))
}
