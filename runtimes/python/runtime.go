package python

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/bangle-dev/bangle/runtimes/python/warm"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Config says how the runtime behaves.
type Config struct {
	Log *slog.Logger
	// Version is reported by Info.
	Version string
	// Cold starts an interpreter for every event.
	Cold bool
	// Starting is held while a process is started: several runtimes in one process share one, since a limit of the whole
	// process is another meanwhile. nil = the only one.
	Starting sync.Locker
	// Memory is what warm interpreters may take of it together, in bytes; 0 = a tenth of the machine's, within limits.
	Memory int64
}

// Runtime implements charmruntime.Runtime for executable charms.
type Runtime struct {
	log     *slog.Logger
	version string

	forking   sync.Locker // one process is started at a time, see marked
	compiling sync.Mutex
	behind    sync.WaitGroup // what nobody waits for but Close
	life      context.Context
	end       context.CancelFunc

	warm   *warm.Pool   // nil = every event starts an interpreter
	places *warm.Places // that the children of warm interpreters enter

	mu    sync.Mutex
	dirs  map[string]string      // handle → pristine directory
	most  map[string]int64       // handle → memory that one process of an event may take, in bytes; none = as much as there is
	units map[string]*lateOutput // unit's run directory → output of children that outlived a hook
	said  map[string]bool        // handle and reason → the log has it
	// directory of the hook tools' directory → where the library lies
	libraries map[string]string
}

var (
	_ charmruntime.Runtime = (*Runtime)(nil)
	_ charmruntime.Ender   = (*Runtime)(nil)
)

// New makes a runtime; it starts nothing.
func New(c Config) *Runtime {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Starting == nil {
		c.Starting = &sync.Mutex{}
	}
	r := &Runtime{log: c.Log, version: c.Version, forking: c.Starting, dirs: map[string]string{}, most: map[string]int64{}, units: map[string]*lateOutput{}, said: map[string]bool{},
		libraries: map[string]string{}}
	r.life, r.end = context.WithCancel(context.Background())
	if !c.Cold {
		r.warm, r.places = warm.NewPool(warm.PoolConfig{Log: c.Log, Budget: c.Memory}), warm.NewPlaces()
	}
	return r
}

// Close ends the warm interpreters. Events that run go on.
func (r *Runtime) Close() {
	r.end()
	r.behind.Wait()
	if r.warm != nil {
		r.warm.Close()
		r.places.Close()
	}
}

// Info names the runtime.
func (r *Runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "python", Version: r.version, Capabilities: []string{"exec"},
		Detects: []string{"dispatch", "hooks/"}}, nil
}

// Load checks a charm without running it.
func (r *Runtime) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	found, err := check(req.GetDir())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		found = r.parse(ctx, req.GetDir())
	}
	for _, d := range found {
		if d.GetSeverity() == "error" {
			return &charmruntimev1.LoadResponse{Diagnostics: found}, nil
		}
	}
	r.compile(req.GetDir())
	r.mu.Lock()
	defer r.mu.Unlock()
	handle := req.GetDigest()
	if bytes := req.GetLimits().GetMemoryBytes(); bytes > 0 {
		handle += "-" + strconv.FormatInt(bytes, 10) // the same package with another limit is another
		r.most[handle] = bytes
	}
	r.dirs[handle] = req.GetDir()
	return &charmruntimev1.LoadResponse{Handle: handle, Diagnostics: found}, nil
}

// Unload forgets a charm.
func (r *Runtime) Unload(_ context.Context, handle string) error {
	r.mu.Lock()
	delete(r.dirs, handle)
	delete(r.most, handle)
	r.mu.Unlock()
	if r.warm != nil {
		r.warm.Forget(handle)
	}
	return nil
}

// Dispatch runs one event in a process of its own.
func (r *Runtime) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	r.mu.Lock()
	_, loaded := r.dirs[start.GetHandle()]
	memory := r.most[start.GetHandle()]
	r.mu.Unlock()
	if !loaded {
		return nil, errs.E(errs.NotFound, "cannot dispatch %s: no charm is loaded under handle %q", start.GetEvent().GetName(), start.GetHandle())
	}
	if start.GetMode() != charmruntimev1.Mode_MODE_UNSPECIFIED {
		return nil, errs.E(errs.Unsupported, "cannot dispatch %s: an executable charm cannot run dry or be replayed", start.GetEvent().GetName())
	}
	run, err := newRun(r, start, host)
	if err != nil {
		return nil, err
	}
	run.memory = memory
	if run.program == nil {
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED, Changeset: run.hook.Changeset()}, nil
	}
	return run.do(ctx)
}

// End ends what an interrupted event of the unit left running.
func (r *Runtime) End(ctx context.Context, runDir string) error {
	r.quiet(runDir)
	return endInterrupted(ctx, runDir)
}

// program finds what to execute for an event; nil means that the charm has no handler for it.
func program(dir, kind, name string, command []string) ([]string, error) {
	if kind == api.EventExec {
		if len(command) == 0 {
			return nil, errs.E(errs.Invalid, "cannot exec: no command was given")
		}
		return command, nil
	}
	for _, path := range []string{filepath.Join(dir, "dispatch"), filepath.Join(dir, dispatchPath(kind, name))} {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errs.E(errs.Internal, "cannot dispatch %s: %w", name, err)
		}
		if info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return []string{path}, nil
		}
	}
	return nil, nil
}

// dispatchPath is what JUJU_DISPATCH_PATH says: "hooks/install" or "actions/backup".
func dispatchPath(kind, name string) string {
	if kind == api.EventAction {
		return "actions/" + name
	}
	return "hooks/" + name
}

// check finds what can be found wrong with an executable charm without running it.
func check(dir string) ([]*charmruntimev1.Diagnostic, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, errs.E(errs.NotFound, "cannot load charm: %s is not a directory", dir)
	}
	var found []*charmruntimev1.Diagnostic
	dispatch, err := os.Stat(filepath.Join(dir, "dispatch"))
	hooks, hooksErr := os.Stat(filepath.Join(dir, "hooks"))
	switch {
	case err == nil && dispatch.Mode()&0o111 == 0:
		found = append(found, problem("dispatch", "", "the file is not executable", "run: chmod +x dispatch"))
	case err != nil && (hooksErr != nil || !hooks.IsDir()):
		found = append(found, problem("dispatch", "", "the charm has neither an executable dispatch nor a directory hooks/",
			"add a file dispatch that runs the charm's code, as charmcraft does"))
	}
	return found, nil
}

func problem(file, key, message, hint string) *charmruntimev1.Diagnostic {
	return &charmruntimev1.Diagnostic{Severity: "error", File: file, Key: key, Message: message, Hint: hint}
}
