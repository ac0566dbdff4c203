package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/substrates/local/notify"
)

// Config says what the substrate cannot find out.
type Config struct {
	Log     *slog.Logger
	Version string
}

// Substrate is both sides of the local substrate.
type Substrate struct {
	cfg Config
	hub *hub

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu        sync.Mutex
	lay       *layout
	watcher   *notify.Watcher
	lock      *os.File // held while this process is the provider
	keepers   map[string]*keeper
	revisions map[string]uint64 // accepted, by application
	space     *spaces

	children sync.Map // process.ID of those that this process must reap
}

var (
	_ substrate.Provider  = (*Substrate)(nil)
	_ substrate.UnitSide  = (*Substrate)(nil)
	_ substrate.Validator = (*Substrate)(nil)
	_ substrate.Adopter   = (*Substrate)(nil)
	_ substrate.Execer    = (*Substrate)(nil)
	_ substrate.LogReader = (*Substrate)(nil)
)

// New makes a substrate that knows no directories yet: Configure tells.
func New(cfg Config) *Substrate {
	ctx, stop := context.WithCancel(context.Background())
	return &Substrate{cfg: cfg, hub: newHub(), ctx: ctx, stop: stop, keepers: map[string]*keeper{}, revisions: map[string]uint64{}}
}

// Close lets go of everything; what runs goes on running.
func (s *Substrate) Close() error {
	s.mu.Lock()
	s.stop() // under the lock: nothing is started after it
	s.mu.Unlock()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.watcher != nil {
		err = s.watcher.Close()
		s.watcher = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// Info says what the substrate can do and what this machine lacks.
func (s *Substrate) Info(ctx context.Context) (*substratev1.InfoResponse, error) {
	info := &substratev1.InfoResponse{
		Name: "local", Version: s.cfg.Version, Agents: "shared", Capabilities: []string{"scale", "storage", "confirm-gone"}, StorageProviders: providers(),
	}
	s.mu.Lock()
	space := s.space
	s.mu.Unlock()
	if space == nil {
		return info, nil // not configured yet: the program that tries namespaces is not known
	}
	if err := space.refused(ctx); err != nil {
		info.Notes = append(info.Notes, &substratev1.Diagnostic{
			Severity: "warning", Key: "namespaces", Message: "executable charms with containers cannot run here: " + err.Error(), Hint: mends,
		})
		return info, nil //nolint:nilerr // what is refused is a note
	}
	info.Capabilities = append(info.Capabilities, "namespaces")
	return info, nil
}

// UnitInfo is the same on this side.
func (s *Substrate) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) {
	return s.Info(ctx)
}

// Configure tells where everything lies. Asked again it must say the same.
func (s *Substrate) Configure(_ context.Context, req *substratev1.ConfigureRequest) error {
	lay, err := newLayout(req)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		return errs.E(errs.Conflict, "cannot configure substrate local: it is at work already")
	}
	if s.watcher == nil {
		if s.watcher, err = notify.New(); err != nil {
			return errs.E(errs.Unavailable, "cannot watch directories: %w; more of the user's inotify instances may be needed: `sudo sysctl -w fs.inotify.max_user_instances=1024`", err)
		}
	}
	s.lay, s.space = lay, &spaces{lay: lay}
	return nil
}

// layout is what Configure was told.
func (s *Substrate) layout() (*layout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lay == nil {
		return nil, errs.E(errs.Unavailable, "cannot use substrate local: it was not configured; call Configure first, on the unit's side too")
	}
	return s.lay, nil
}

const lockTime = 5 * time.Second

// begin makes this process the provider: it alone starts and ends things below
// the state directory. An earlier provider that is just dying is waited for.
func (s *Substrate) begin(ctx context.Context) (*layout, error) {
	lay, err := s.layout()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, errs.E(errs.Unavailable, "cannot use substrate local: it is being closed")
	}
	if s.lock != nil {
		return lay, nil
	}
	lock, err := takeLock(ctx, filepath.Join(lay.state, "provider.lock"))
	if err != nil {
		return nil, err
	}
	records, bad := lay.readRecords()
	if bad != nil {
		s.cfg.Log.Error("cannot read records, these units are left alone", "err", bad)
	}
	s.lock = lock
	for _, r := range records {
		s.revisions[appKey(r.ModelUUID, r.Application)] = max(s.revisions[appKey(r.ModelUUID, r.Application)], r.Revision)
		s.keep(r, want{ending: r.Ending})
	}
	return lay, nil
}

func appKey(model, app string) string { return model + "/" + app }

func takeLock(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the state directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, errs.E(errs.Unavailable, "cannot use %s: another provider is at work there: %w", filepath.Dir(path), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
