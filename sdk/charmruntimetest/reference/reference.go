// Package reference is a charm runtime in memory, as small as one can be: it
// obeys the commands of the conformance suite itself. It shows what the contract
// asks for, and with a Fault what the suite finds.
package reference

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Fault is a planted mistake; the suite must find each of them.
type Fault string

// The faults. The zero Fault is none.
const (
	NewHandle        Fault = "every Load gives another handle"
	ForgetsUnload    Fault = "an unloaded charm still runs"
	Nondeterministic Fault = "changesets hold the time of day"
	ReordersLog      Fault = "log lines come last first"
	SwallowsFailure  Fault = "a charm that fails is ok"
	SwallowsError    Fault = "an error of the host is a no"
	OneAtATime       Fault = "a single event runs at a time"
	IgnoresCancel    Fault = "a cancelled event goes on"
	NamelessLimit    Fault = "a killed event does not say which limit"
	MixesUnits       Fault = "charm state is shared by all units"
	LeaksFiles       Fault = "every event leaves a file open"
)

// Faults lists all of them.
func Faults() []Fault {
	return []Fault{NewHandle, ForgetsUnload, Nondeterministic, ReordersLog, SwallowsFailure, SwallowsError,
		OneAtATime, IgnoresCancel, NamelessLimit, MixesUnits, LeaksFiles}
}

// Runtime obeys the charm of the conformance suite.
type Runtime struct {
	fault Fault
	turn  sync.Mutex // held during an event by the fault OneAtATime
	over  chan struct{}

	mu     sync.Mutex
	loads  int
	charms map[string]bool // handle → has handlers
	shared map[string]string
	leaked []*os.File
}

// New makes a runtime.
func New(fault Fault) *Runtime {
	return &Runtime{fault: fault, over: make(chan struct{}), charms: map[string]bool{}, shared: map[string]string{}}
}

// Close ends the events that hang by a fault and closes what one left open.
func (r *Runtime) Close() error {
	close(r.over)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.leaked {
		_ = f.Close() // the null device
	}
	return nil
}

// WriteCharms writes the three charms of the suite for this runtime below dir.
func WriteCharms(dir string) (charm, broken, empty string, err error) {
	charm, broken, empty = filepath.Join(dir, "charm"), filepath.Join(dir, "broken"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{charm: "obey", empty: "ignore", broken: ""} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return "", "", "", err
		}
		if content == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(path, "charm.ref"), []byte(content), 0o644); err != nil {
			return "", "", "", err
		}
	}
	return charm, broken, empty, nil
}

// Info names the runtime.
func (r *Runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "reference", Version: "1", Detects: []string{"charm.ref"}}, nil
}

// Load reads the file charm.ref.
func (r *Runtime) Load(_ context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	content, err := os.ReadFile(filepath.Join(req.GetDir(), "charm.ref"))
	if errors.Is(err, os.ErrNotExist) {
		return &charmruntimev1.LoadResponse{Diagnostics: []*charmruntimev1.Diagnostic{{
			Severity: "error", File: "charm.ref", Message: "the charm has no charm.ref", Hint: "add the file charm.ref with the word obey or ignore",
		}}}, nil
	}
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot load charm %s: %w", req.GetDir(), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loads++
	handle := req.GetDigest()
	if r.fault == NewHandle {
		handle = fmt.Sprint(handle, r.loads)
	}
	r.charms[handle] = string(content) == "obey"
	return &charmruntimev1.LoadResponse{Handle: handle}, nil
}

// Unload forgets a charm.
func (r *Runtime) Unload(_ context.Context, handle string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != ForgetsUnload {
		delete(r.charms, handle)
	}
	return nil
}

// Dispatch obeys the commands in the config option "do".
func (r *Runtime) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	r.mu.Lock()
	handles, loaded := r.charms[start.GetHandle()]
	r.mu.Unlock()
	if !loaded {
		return nil, errs.E(errs.NotFound, "cannot dispatch event %s: no charm is loaded under handle %q", start.GetEvent().GetId(), start.GetHandle())
	}
	if ctx.Err() != nil {
		return nil, errs.E(errs.Canceled, "cannot dispatch event %s: %w", start.GetEvent().GetId(), context.Cause(ctx))
	}
	if err := charmruntime.Able(&charmruntimev1.InfoResponse{Name: "reference"}, start); err != nil {
		return nil, err
	}
	if r.fault == OneAtATime {
		r.turn.Lock()
		defer r.turn.Unlock()
	}
	began := time.Now()
	r.leak()
	limited, end := deadline(ctx, start.GetTimeoutMs())
	defer end()
	h := hook.New(start.GetEvent(), start.GetView(), r.host(host))
	done := &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED}
	if handles {
		charm := &charm{runtime: r, hook: h, start: start}
		done = r.outcome(limited, charm.obey(limited, start.GetView().GetConfig()["do"].GetStringValue()))
		charm.flush()
	}
	done.Changeset = hook.Normalize(h.Changeset(), start.GetView())
	if r.fault == Nondeterministic && done.Changeset.GetStateSet() != nil {
		done.Changeset.StateSet["when"] = time.Now().String()
	}
	done.Stats = &charmruntimev1.Stats{WallUs: max(1, time.Since(began).Microseconds())}
	return done, nil
}

// limitError is the cause of a context that ran out of its time.
type limitError string

// Error names the limit.
func (e limitError) Error() string { return string(e) }

// deadline bounds an event.
func deadline(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	if ms == 0 {
		return context.WithCancel(ctx)
	}
	limit := time.Duration(ms) * time.Millisecond
	return context.WithTimeoutCause(ctx, limit, limitError(fmt.Sprintf("hook-timeout %s", limit)))
}

// outcome says how the charm ended.
func (r *Runtime) outcome(ctx context.Context, err error) *charmruntimev1.Done {
	var code exitError
	switch {
	case err == nil, r.fault == SwallowsFailure && ctx.Err() == nil:
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}
	case errors.As(err, &code):
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: int32(code), Message: fmt.Sprintf("the charm exited with %d", code)}
	case ctx.Err() == nil:
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: 1, Message: strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	done := &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: "cancel", Message: "the event was cancelled"}
	if limit, ok := errors.AsType[limitError](context.Cause(ctx)); ok {
		done.Limit, done.Message = limit.Error(), "the event ran longer than "+limit.Error()
	}
	if r.fault == NamelessLimit {
		done.Limit = ""
	}
	return done
}

// leak is the fault LeaksFiles.
func (r *Runtime) leak() {
	if r.fault != LeaksFiles {
		return
	}
	if f, err := os.Open(os.DevNull); err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.leaked = append(r.leaked, f)
	}
}

// host is the host as the fault SwallowsError has it.
func (r *Runtime) host(host charmruntime.Host) charmruntime.Host {
	if r.fault == SwallowsError {
		return deaf{host}
	}
	return host
}

// deaf hears no error.
type deaf struct{ charmruntime.Host }

// Call answers no where the host failed.
func (d deaf) Call(ctx context.Context, operation, request string) (string, error) {
	answer, err := d.Host.Call(ctx, operation, request)
	if err != nil && ctx.Err() == nil {
		return "0", nil
	}
	return answer, err
}
