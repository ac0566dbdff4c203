package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Config says how plugins are found and run.
type Config struct {
	Catalog Catalog
	Log     *slog.Logger
	// RunDir is a directory of mode 0700 and at most 40 bytes, for sockets; "" =
	// one under the temporary directory.
	RunDir string
	// Env is added to the plugins' environment, which is built and not
	// inherited: "NAME=value".
	Env []string
	// StartTimeout is how long a plugin may take until it serves; 0 = 10 s.
	StartTimeout time.Duration
	// MutualTLS encrypts and authenticates the connection although nobody but
	// the host's user can reach it. It costs 30 ms at each start.
	MutualTLS bool
}

// Host starts plugins. It is safe for concurrent use.
type Host struct {
	cfg    Config
	dir    string // this host's own directory of sockets
	thread *thread

	mu     sync.Mutex
	closed bool
	alive  sync.WaitGroup
	all    map[*Instance]struct{}
}

// maxRunDir is how long a directory may be so that the paths of sockets in it end at 107 bytes.
const maxRunDir = 40

// New makes a host. Close ends it and every plugin it started.
func New(cfg Config) (*Host, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = 10 * time.Second
	}
	if cfg.RunDir == "" {
		cfg.RunDir = os.TempDir()
		if len(cfg.RunDir) > maxRunDir {
			cfg.RunDir = "/tmp" // TMPDIR may be as long as somebody likes
		}
	} else {
		sweep(cfg.RunDir)
	}
	dir, err := os.MkdirTemp(cfg.RunDir, fmt.Sprintf("p%d-", os.Getpid()))
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot make a directory for the plugins' sockets: %w", err)
	}
	if name := filepath.Join(dir, "plugin-dir1234567890", "plugin1234567890"); len(name) > 107 {
		_ = os.Remove(dir) // just made, empty
		return nil, errs.E(errs.Invalid, "cannot use %s for the plugins' sockets: their paths would have %d bytes and the limit is 107; choose a directory of at most 40 bytes", cfg.RunDir, len(name))
	}
	return &Host{cfg: cfg, dir: dir, thread: newThread(), all: map[*Instance]struct{}{}}, nil
}

// sweep removes what killed hosts left in a directory that is ours alone.
func sweep(runDir string) {
	entries, _ := os.ReadDir(runDir) // a missing one is found by the caller
	for _, entry := range entries {
		number, _, found := strings.Cut(strings.TrimPrefix(entry.Name(), "p"), "-")
		pid, err := strconv.Atoi(number)
		if found && err == nil && strings.HasPrefix(entry.Name(), "p") && unix.Kill(pid, 0) == unix.ESRCH {
			_ = os.RemoveAll(filepath.Join(runDir, entry.Name())) // another host may be at it too
		}
	}
}

// Close kills every plugin and waits for them.
func (h *Host) Close() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	var all []*Instance
	for i := range h.all {
		all = append(all, i)
	}
	h.mu.Unlock()
	var killed sync.WaitGroup
	for _, i := range all {
		killed.Go(i.Kill)
	}
	killed.Wait()
	h.alive.Wait()
	h.thread.close()
	_ = os.RemoveAll(h.dir) // empty by now, or swept by the next host
}

// Start finds, checks and starts a plugin and waits until it answers. Classes:
// NotFound, Denied (not trusted), Unsupported (no common contract version),
// Unavailable (it does not come up; the error holds its last lines).
func (h *Host) Start(ctx context.Context, kind, name string) (*Instance, error) {
	file, err := h.cfg.Catalog.Find(kind, name)
	if err != nil {
		return nil, err
	}
	sum, err := h.cfg.Catalog.Check(file)
	if err != nil {
		return nil, err
	}
	i := h.prepare(ID{Kind: kind, Name: name}, file, sum)
	if err := h.enter(); err != nil {
		return nil, err
	}
	if err := i.start(ctx); err != nil {
		h.alive.Done()
		return nil, err
	}
	h.mu.Lock()
	h.all[i] = struct{}{}
	late := h.closed
	h.mu.Unlock()
	go func() {
		defer h.alive.Done()
		<-i.Done()
		i.client.Kill() // frees what belongs to the connection
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, i)
	}()
	if late {
		i.Kill()
		return nil, errs.E(errs.Canceled, "cannot start plugin %s: the host is closed", i.ID)
	}
	return i, nil
}

// enter counts a plugin, so that Close waits for it.
func (h *Host) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errs.E(errs.Canceled, "cannot start a plugin: the host is closed")
	}
	h.alive.Add(1)
	return nil
}

// env is the whole environment of a plugin.
func (h *Host) env() []string { return slices.Concat(baseEnv(), h.cfg.Env) }
