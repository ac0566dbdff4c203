package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/api"
	"github.com/bangle-dev/bangle/supervisor/audit"
	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/check"
	"github.com/bangle-dev/bangle/supervisor/command"
	"github.com/bangle-dev/bangle/supervisor/files"
	"github.com/bangle-dev/bangle/supervisor/forward"
	"github.com/bangle-dev/bangle/supervisor/identity"
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
	forward  *forward.Forwarder
	who      *identity.Store
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
	// Before anybody can ask for a check, or add a layer whose plan this older one would then replace.
	d.forward.Apply(d.planner.Plan())
	d.checks.Apply(d.planner.Plan())
	failed := d.serve(listeners)
	d.background()
	audit.Event(cfg.Log, audit.Warn, audit.Startup, "Starting daemon", strconv.Itoa(os.Getuid()))
	cfg.Log.Info("started", "socket", cfg.Socket, "version", Version)
	notifyParent(getenv(cfg.Environ, "NOTIFY_SOCKET"), "READY=1")
	d.autostart()
	trim()
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
	audit.Event(cfg.Log, audit.Warn, audit.Shutdown, "Shutting down daemon", strconv.Itoa(os.Getuid()))
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
	if len(cfg.Identities) > 0 {
		changes, err := d.who.Do("replace", cfg.Identities)
		if err != nil {
			return err
		}
		identity.Audit(cfg.Log, strconv.Itoa(os.Getuid()), changes)
	}
	return nil
}

// assemble connects the parts; nothing in it can fail.
func (d *daemon) assemble() {
	cfg := d.cfg
	kept, last := d.keeper.Notices()
	d.notices = notice.New(notice.Config{Kept: kept, LastID: last, Saved: d.keeper.Notice})
	d.who = identity.New(identity.Config{Kept: d.keeper.Identities(), Saved: d.keeper.SetIdentities})
	d.changes = change.New(change.Config{
		Kept: d.keeper.Changes(), Saved: d.keeper.Change,
		NextChange: d.keeper.NextChange, NextTask: d.keeper.NextTask,
		OnStatus: func(u change.Update) {
			d.addNotice(notice.Occurrence{Type: notice.ChangeUpdate, Key: u.ID, Data: u.Data})
		},
	})
	d.keeper.OnRenew(d.changes.Views)
	d.logs = logs.New()
	d.forward = forward.New(forward.Config{Logs: d.logs, Log: cfg.Log, Version: Version})
	launcher := &proc.Launcher{Reaper: d.reaper, Tree: d.tree, Root: cfg.Root, Environ: proc.Environ(cfg.Environ)}
	d.services = service.New(service.Config{
		Runner: proc.Runner{Launcher: launcher}, Logs: d.logs, Log: cfg.Log, Plan: d.planner.Plan,
		Exited: func(e service.Exit) {
			d.addNotice(notice.Occurrence{Type: notice.Custom, Key: "bangle.dev/service-exit/" + e.Service, Data: map[string]string{
				"service": e.Service, "exit-code": strconv.Itoa(e.Code), "action": string(e.Action),
			}})
		},
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
	d.planner.OnChange(d.forward.Apply)
}

// addNotice adds a public notice of the supervisor's own.
func (d *daemon) addNotice(o notice.Occurrence) {
	if n, err := strconv.Atoi(d.notices.Add(o)); err == nil {
		d.keeper.SawNotice(n)
	}
}

func (d *daemon) listen() ([]net.Listener, error) {
	unix, err := listenUnix(d.cfg.Socket)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{unix}
	http, https, err := d.listenTCP(&listeners)
	if err != nil {
		closeAll(listeners)
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		closeAll(listeners)
		return nil, err
	}
	d.serverFor(boot, http, https)
	return listeners, nil
}

// listenTCP adds the listeners that were asked for and returns their addresses.
func (d *daemon) listenTCP(to *[]net.Listener) (http, https string, err error) {
	if d.cfg.HTTP != "" {
		l, err := net.Listen("tcp", d.cfg.HTTP)
		if err != nil {
			return "", "", err
		}
		*to = append(*to, l)
		http = l.Addr().String()
	}
	if d.cfg.HTTPS == "" {
		return http, "", nil
	}
	certs, err := openCertificates(d.cfg.Dir)
	if err != nil {
		return "", "", err
	}
	print, err := certs.fingerprint()
	if err != nil {
		return "", "", err
	}
	l, err := net.Listen("tcp", d.cfg.HTTPS)
	if err != nil {
		return "", "", err
	}
	d.cfg.Log.Info("serving HTTPS", "address", l.Addr().String(), "fingerprint", print)
	*to = append(*to, tls.NewListener(l, certs.config()))
	return http, l.Addr().String(), nil
}

func (d *daemon) serverFor(boot, address, secure string) {
	d.server = &http.Server{
		Handler: api.New(api.Config{
			Version: Version, BootID: boot, HTTPAddress: address, HTTPSAddress: secure,
			Identities: d.who, Planner: d.planner, Services: d.services,
			Changes: d.changes, Logs: d.logs, Notices: d.notices, Checks: d.checks, Commands: d.commands,
			Files: d.tree, Log: d.cfg.Log, Closing: d.closing,
		}),
		ConnContext:       api.ConnContext,
		ReadHeaderTimeout: headerLimit,
		ErrorLog:          slog.NewLogLogger(d.cfg.Log.Handler(), slog.LevelWarn),
	}
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
				d.services.Prune(now)
			}
		}
	})
	d.watchdog()
	if d.cfg.Verbose {
		d.wg.Go(func() {
			d.copyOutput()
		})
	}
}

// watchdog tells a supervising init system, at half the period it asks for, that this one is alive.
func (d *daemon) watchdog() {
	usec, err := strconv.ParseInt(getenv(d.cfg.Environ, "WATCHDOG_USEC"), 10, 64)
	socket := getenv(d.cfg.Environ, "NOTIFY_SOCKET")
	period := time.Duration(usec) * time.Microsecond / 2
	if err != nil || period <= 0 || socket == "" {
		return
	}
	d.wg.Go(func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-d.closing:
				return
			case <-ticker.C:
				notifyParent(socket, "WATCHDOG=1")
			}
		}
	})
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
