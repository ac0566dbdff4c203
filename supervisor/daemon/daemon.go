package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/api"
	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/check"
	"github.com/bangle-dev/bangle/supervisor/command"
	"github.com/bangle-dev/bangle/supervisor/files"
	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/notice"
	"github.com/bangle-dev/bangle/supervisor/planner"
	"github.com/bangle-dev/bangle/supervisor/proc"
	"github.com/bangle-dev/bangle/supervisor/service"
	"github.com/bangle-dev/bangle/supervisor/state"
)

const (
	drainTime   = time.Second
	pruneEvery  = 10 * time.Minute
	headerLimit = 10 * time.Second
)

// daemon holds the parts, in the order they are made.
type daemon struct {
	cfg      Config
	reaper   *proc.Reaper
	tree     *files.Tree
	keeper   *state.Keeper
	planner  *planner.Planner
	notices  *notice.Store
	changes  *change.Journal
	logs     *logs.Store
	services *service.Set
	checks   *check.Set
	commands *command.Executor
	server   *http.Server
	closing  chan struct{}

	ending chan service.ExitKind // what a service or check wants
	wg     sync.WaitGroup
}

// Run serves until ctx is done or a service or check ends it. The exit code
// is one of the Exit constants; an error always comes with ExitError.
func Run(ctx context.Context, cfg Config) (int, error) {
	if err := cfg.validate(); err != nil {
		return ExitError, err
	}
	d := &daemon{cfg: cfg, closing: make(chan struct{}), ending: make(chan service.ExitKind, 1)}
	defer d.close()
	if err := d.build(); err != nil {
		return ExitError, err
	}
	listeners, err := d.listen()
	if err != nil {
		return ExitError, err
	}
	if cfg.PIDFile != "" {
		if err := writeRunFile(cfg.PIDFile, cfg.Socket); err != nil {
			closeAll(listeners)
			return ExitError, err
		}
	}
	failed := d.serve(listeners)
	d.background()
	d.checks.Apply(d.planner.Plan())
	cfg.Log.Info("started", "socket", cfg.Socket, "version", Version)
	notifyParent(getenv(cfg.Environ, "NOTIFY_SOCKET"), "READY=1")
	d.autostart()
	code := ExitOK
	select {
	case <-ctx.Done():
	case err = <-failed:
		code = ExitError
	case kind := <-d.ending:
		code = map[service.ExitKind]int{
			service.ExitServiceFailure: ExitServiceFailure, service.ExitCheckFailure: ExitCheckFailure,
		}[kind]
	}
	notifyParent(getenv(cfg.Environ, "NOTIFY_SOCKET"), "STOPPING=1")
	d.shutdown()
	return code, err
}

func getenv(environ []string, key string) string { return proc.Environ(environ)[key] }

func (d *daemon) build() error {
	cfg := &d.cfg
	var err error
	if d.reaper, err = proc.NewReaper(); err != nil {
		return err
	}
	if err = cfg.prepareDir(); err != nil {
		return err
	}
	root := cfg.Root
	if root == "" {
		root = "/"
	}
	if d.tree, err = files.New(root); err != nil {
		return err
	}
	stateDir := cfg.Dir
	if cfg.MemoryOnly {
		stateDir = ""
	}
	if d.keeper, err = state.Open(stateDir, cfg.Log); err != nil {
		return err
	}
	if d.planner, err = planner.New(filepath.Join(cfg.Dir, "layers")); err != nil {
		return err
	}
	if len(cfg.Args) > 0 {
		if err = d.planner.AddArgs(cfg.Args); err != nil {
			return err
		}
	}
	d.assemble()
	return nil
}

// assemble connects the parts; nothing in it can fail.
func (d *daemon) assemble() {
	cfg := d.cfg
	kept, last := d.keeper.Notices()
	d.notices = notice.New(notice.Config{Kept: kept, LastID: last, Saved: d.keeper.Notice})
	d.changes = change.New(change.Config{
		NextChange: d.keeper.NextChange, NextTask: d.keeper.NextTask,
		OnStatus: func(u change.Update) {
			id := d.notices.Add(notice.Occurrence{Type: notice.ChangeUpdate, Key: u.ID, Data: u.Data})
			if n, err := strconv.Atoi(id); err == nil {
				d.keeper.SawNotice(n)
			}
		},
	})
	d.logs = logs.New()
	launcher := &proc.Launcher{Reaper: d.reaper, Tree: d.tree, Root: cfg.Root, Environ: proc.Environ(cfg.Environ)}
	d.services = service.New(service.Config{
		Runner: proc.Runner{Launcher: launcher}, Logs: d.logs, Log: cfg.Log, Plan: d.planner.Plan,
		Shutdown: func(k service.ExitKind) {
			select {
			case d.ending <- k:
			default: // ending already
			}
		},
	})
	d.commands = command.New(command.Config{Launcher: launcher, Plan: d.planner.Plan, Changes: d.changes, Log: cfg.Log})
	d.checks = check.New(check.Config{
		Prober: check.NewProbes(d.commands), Changes: d.changes, Failed: d.services.CheckFailed,
	})
	d.planner.OnChange(d.checks.Apply)
}

func (d *daemon) listen() ([]net.Listener, error) {
	unix, err := listenUnix(d.cfg.Socket)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{unix}
	address := ""
	if d.cfg.HTTP != "" {
		tcp, err := net.Listen("tcp", d.cfg.HTTP)
		if err != nil {
			unix.Close()
			return nil, err
		}
		listeners = append(listeners, tcp)
		address = tcp.Addr().String()
	}
	boot, err := bootID()
	if err != nil {
		closeAll(listeners)
		return nil, err
	}
	d.server = &http.Server{
		Handler: api.New(api.Config{
			Version: Version, BootID: boot, HTTPAddress: address, Planner: d.planner, Services: d.services,
			Changes: d.changes, Logs: d.logs, Notices: d.notices, Checks: d.checks, Commands: d.commands,
			Files: d.tree, Log: d.cfg.Log, Closing: d.closing,
		}),
		ConnContext:       api.ConnContext,
		ReadHeaderTimeout: headerLimit,
	}
	return listeners, nil
}

func closeAll(ls []net.Listener) {
	for _, l := range ls {
		l.Close()
	}
}

func (d *daemon) serve(ls []net.Listener) <-chan error {
	failed := make(chan error, len(ls))
	for _, l := range ls {
		d.wg.Go(func() {
			if err := d.server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	return failed
}

func (d *daemon) background() {
	d.wg.Go(func() {
		ticker := time.NewTicker(pruneEvery)
		defer ticker.Stop()
		for {
			select {
			case <-d.closing:
				return
			case now := <-ticker.C:
				d.changes.Prune(now, func(kind string) bool { return kind == check.Perform || kind == check.Recover })
				d.keeper.Forget(d.notices.Prune(now))
			}
		}
	})
	if d.cfg.Verbose {
		d.wg.Go(func() {
			d.copyOutput()
		})
	}
}

// copyOutput follows all services; a slow stdout truncates and never blocks one.
func (d *daemon) copyOutput() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.wg.Go(func() {
		select {
		case <-d.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	_ = d.logs.Follow(ctx, nil, -1, func(es []logs.Entry) error {
		for _, e := range es {
			line := e.Time.Format("2006-01-02T15:04:05.000Z") + " [" + e.Service + "] " + e.Message + "\n"
			if _, err := d.cfg.Stdout.Write([]byte(line)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *daemon) autostart() {
	if d.cfg.Hold {
		return
	}
	spec, err := d.services.Autostart()
	if err != nil {
		d.cfg.Log.Info("cannot start default services", "reason", err)
		return
	}
	d.changes.Add(spec)
}
