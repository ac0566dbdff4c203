package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// program is the file that makes a package one of this runtime's charms.
const program = "charm"

// runtime keeps only which charms are loaded: it may be killed at any moment.
type runtime struct {
	mu   sync.Mutex
	dirs map[string]string // handle → directory
}

func newRuntime() *runtime { return &runtime{dirs: map[string]string{}} }

// Info names the runtime.
func (r *runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "any", Version: plugin.Version(), Detects: []string{program}}, nil
}

// Load finds what can be found without running the program.
func (r *runtime) Load(_ context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	info, err := os.Stat(filepath.Join(req.GetDir(), program))
	switch {
	case err != nil:
		return refused("the package has no program of that name", "add an executable file "+program+" that reads the event from stdin"), nil
	case info.Mode().Perm()&0o111 == 0:
		return refused("the program is not executable", "run: chmod +x "+program), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirs[req.GetDigest()] = req.GetDir()
	return &charmruntimev1.LoadResponse{Handle: req.GetDigest()}, nil
}

func refused(message, hint string) *charmruntimev1.LoadResponse {
	return &charmruntimev1.LoadResponse{Diagnostics: []*charmruntimev1.Diagnostic{
		{Severity: "error", File: program, Message: message, Hint: hint},
	}}
}

// Unload forgets a charm.
func (r *runtime) Unload(_ context.Context, handle string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.dirs, handle)
	return nil
}

// Dispatch runs the program once.
func (r *runtime) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	r.mu.Lock()
	dir, loaded := r.dirs[start.GetHandle()]
	r.mu.Unlock()
	if !loaded {
		return nil, errs.E(errs.NotFound, "cannot dispatch event %s: no charm is loaded under handle %q", start.GetEvent().GetId(), start.GetHandle())
	}
	if start.GetMode() != charmruntimev1.Mode_MODE_UNSPECIFIED {
		return nil, errs.E(errs.Unsupported, "cannot dispatch event %s: this runtime runs programs for real only", start.GetEvent().GetId())
	}
	if own := start.GetWorkspace().GetCharmDir(); own != "" {
		dir = own // the unit's own copy
	}
	began := time.Now()
	if limit := time.Duration(start.GetTimeoutMs()) * time.Millisecond; limit > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, limit, overtime{limit})
		defer end()
	}
	done, err := (&event{start: start, host: host, dir: dir}).run(ctx)
	if err != nil {
		return nil, err
	}
	done.Stats = &charmruntimev1.Stats{WallUs: max(1, time.Since(began).Microseconds())}
	return done, nil
}

// overtime is why an event was ended.
type overtime struct{ limit time.Duration }

// Error names the limit.
func (o overtime) Error() string { return "hook-timeout " + o.limit.String() }
