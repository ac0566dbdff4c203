package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// EnvCache is the variable from which the plugin takes Config.CacheDir.
const EnvCache = "BANGLE_WASM_CACHE"

// File is the charm's module within its package.
const File = "charm.wasm"

// Config says where the runtime keeps compiled code and what charms get when nobody says otherwise.
type Config struct {
	// CacheDir holds compiled code. It is native code that this process will run, so it must be the caller's own and
	// closed to everybody else; it is made when it does not exist. "" = nothing is kept.
	CacheDir string
	// HookTimeout is the guest time of an event for which neither its start nor its charm's limits give one; 0 = none. The
	// agent gives 10 s unless the application says otherwise.
	HookTimeout time.Duration
	// InitialTimeout is the guest time of a module's initialisation; 0 = 30 s.
	InitialTimeout time.Duration
	// CallTimeout ends a host call that gives no time of its own; 0 = 5 min.
	CallTimeout time.Duration
	// MemoryBytes is a charm's memory; 0 = 64 MiB.
	MemoryBytes int64
	// Instances of each charm that are kept ready between events; 0 = 2.
	Instances int
	// Idle is how long a charm without events keeps its code and memory; then they are freed, and its next event finds the
	// code in CacheDir. 0 = 5 min.
	Idle time.Duration
	// Events of each charm that may be under way at once; those that wait for a host call count too. 0 = 64.
	Events int
}

// Runtime is a charmruntime.Runtime. It must be closed.
type Runtime struct {
	cfg   Config
	codes *codes
	wasi  map[string]map[string]bool
	turns turns
	seed  [seedSize]byte // of the initialisations' random numbers

	stop   chan struct{}
	tended chan struct{}

	mu     sync.Mutex
	charms map[string]*loading // by handle
	closed bool
}

// loading is a charm that is loaded or about to be.
type loading struct {
	ready chan struct{}
	req   *charmruntimev1.LoadRequest
	resp  *charmruntimev1.LoadResponse
	err   error

	mu     sync.Mutex
	charm  *charm // nil when it could not be loaded, or is asleep
	asleep bool
}

// New makes a runtime. Errors say what is wrong with the cache directory.
func New(cfg Config) (*Runtime, error) {
	r := &Runtime{cfg: withDefaults(cfg), charms: map[string]*loading{}, turns: newTurns(), codes: newCodes(cfg.CacheDir),
		stop: make(chan struct{}), tended: make(chan struct{})}
	if err := r.openCache(); err != nil {
		return nil, err
	}
	var err error
	if r.seed, err = seed(r.cfg.CacheDir); err != nil {
		return nil, err
	}
	wasi, err := wasiFunctions()
	if err != nil {
		return nil, err
	}
	r.wasi = wasi
	go r.tend()
	return r, nil
}

func withDefaults(cfg Config) Config {
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 5 * time.Minute
	}
	if cfg.InitialTimeout == 0 {
		cfg.InitialTimeout = 30 * time.Second
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = 64 << 20
	}
	if cfg.Instances == 0 {
		cfg.Instances = 2
	}
	if cfg.Idle == 0 {
		cfg.Idle = 5 * time.Minute
	}
	if cfg.Events == 0 {
		cfg.Events = 64
	}
	return cfg
}

func (r *Runtime) openCache() error {
	if r.cfg.CacheDir == "" {
		return nil
	}
	dir := r.cfg.CacheDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.E(errs.Unavailable, "cannot make the code cache: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return errs.E(errs.Unavailable, "cannot use the code cache: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || ok && int(owner.Uid) != os.Geteuid() {
		return errs.E(errs.Denied, "cannot use the code cache %s: it holds native code that is run, so it must be a directory of user %d with mode 0700; "+
			"it is %s", dir, os.Geteuid(), info.Mode())
	}
	return nil
}

// Info names the runtime.
func (r *Runtime) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "wasm", Version: plugin.Version(),
		Capabilities: capabilities(), Detects: detects()}, nil
}

// capabilities are what this runtime can do beyond what every runtime must.
func capabilities() []string { return []string{"warm", "reset", "limits", "replay"} }

// Load checks, compiles and initialises a charm.
func (r *Runtime) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	handle := handleOf(req)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errs.E(errs.Unavailable, "cannot load charm %s: the runtime is closed", handle)
	}
	l := r.charms[handle]
	if l == nil {
		l = &loading{ready: make(chan struct{}), req: req}
		r.charms[handle] = l
		go r.load(context.WithoutCancel(ctx), handle, req, l)
	}
	r.mu.Unlock()
	select {
	case <-l.ready:
		return l.resp, l.err
	case <-ctx.Done():
		return nil, errs.E(errs.Canceled, "cannot load charm %s: %w", handle, context.Cause(ctx))
	}
}

// load does the work for everybody who waits; what was not loaded is forgotten so that it can be tried again.
func (r *Runtime) load(ctx context.Context, handle string, req *charmruntimev1.LoadRequest, l *loading) {
	defer close(l.ready)
	c, diagnostics, err := r.open(ctx, req)
	l.mu.Lock()
	l.charm, l.err = c, err
	l.mu.Unlock()
	l.resp = &charmruntimev1.LoadResponse{Diagnostics: diagnostics}
	if c != nil {
		l.resp.Handle = handle
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.charms[handle] == l {
		delete(r.charms, handle)
	}
}

// handleOf names a charm together with what it was granted, so that the same package with other grants is another.
func handleOf(req *charmruntimev1.LoadRequest) string {
	if len(req.GetGrants()) == 0 && req.GetLimits().GetHookTimeoutMs() == 0 && req.GetLimits().GetMemoryBytes() == 0 {
		return req.GetDigest()
	}
	text := fmt.Sprintf("%s %d %d", strings.Join(req.GetGrants(), " "), req.GetLimits().GetHookTimeoutMs(), req.GetLimits().GetMemoryBytes())
	sum := sha256.Sum256([]byte(text))
	return req.GetDigest() + "-" + hex.EncodeToString(sum[:4])
}

// Unload forgets a charm when its events have ended. An unknown handle is no error.
func (r *Runtime) Unload(_ context.Context, handle string) error {
	r.mu.Lock()
	l := r.charms[handle]
	delete(r.charms, handle)
	r.mu.Unlock()
	if l == nil {
		return nil
	}
	<-l.ready
	l.mu.Lock()
	c := l.charm
	l.charm, l.asleep = nil, false
	l.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.close()
}

// Close ends all charms and waits for their events.
func (r *Runtime) Close() error {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	var handles []string
	for h := range r.charms {
		handles = append(handles, h)
	}
	r.mu.Unlock()
	if !again {
		close(r.stop)
	}
	<-r.tended
	for _, h := range handles {
		if err := r.Unload(context.Background(), h); err != nil {
			return err
		}
	}
	return nil
}
