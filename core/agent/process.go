package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/identity"
	"github.com/bangle-dev/bangle/core/agent/settings"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	"github.com/bangle-dev/bangle/sdk/plugin"
	"github.com/bangle-dev/bangle/sdk/profile"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Main is `bangle-agent --dir DIR`. It answers the exit code and ends on SIGTERM and SIGINT.
func Main(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("bangle-agent", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "directory of the agent, with agent.json in it")
	verbose := flags.Bool("verbose", false, "log what is of no interest")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *dir == "" {
		fmt.Fprintln(stderr, "ERROR cannot start the agent: --dir is missing")
		return 2
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// Who reads the log may die: the agent works on then. Ignoring the signal would have the charms ignore it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	profile.Serve(os.Getenv(profile.EnvDir), log)
	if err := Process(ctx, *dir, log); err != nil {
		fmt.Fprintln(stderr, "ERROR", err)
		return 1
	}
	return 0
}

// Process runs the agent whose directory is dir until ctx ends: it waits for its settings, joins, starts the plugins
// and works.
func Process(ctx context.Context, dir string, log *slog.Logger) error {
	m, err := Join(ctx, dir, log)
	if err != nil || m == nil {
		return err
	}
	defer m.Close()
	return work(ctx, m, log)
}

// Member is an agent that the controller knows: what Config needs of it, and the line to the controller.
type Member struct {
	Dir      string
	Settings *settings.Settings
	Identity *identity.Identity
	Client   controllerv1.AgentsClient

	close []func() error
}

// Close ends the line and gives the directory free.
func (m *Member) Close() {
	for _, end := range m.close {
		_ = end() // nothing is in flight any more
	}
}

// Join makes dir an agent's and has the controller know it. It waits for agent.json and for the controller; it is nil
// when ctx ended first. Two processes on one directory are refused, since they would be one incarnation.
func Join(ctx context.Context, dir string, log *slog.Logger) (*Member, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot start the agent: %w", err)
	}
	id, err := identity.Open(dir)
	if err != nil {
		return nil, err
	}
	lock, err := alone(dir)
	if err != nil {
		return nil, err
	}
	m := &Member{Dir: dir, Identity: id, close: []func() error{lock.Close}}
	if err := process.Note(filepath.Join(dir, "pid.json")); err != nil {
		m.Close()
		return nil, err
	}
	if err := m.join(ctx, log); err != nil || ctx.Err() != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// join gets settings, certificate and line.
func (m *Member) join(ctx context.Context, log *slog.Logger) (err error) {
	if m.Settings, err = configured(ctx, m.Dir); err != nil || m.Settings == nil {
		return err
	}
	if err := certify(ctx, m.Dir, m.Identity, log); err != nil || ctx.Err() != nil {
		return err
	}
	conn, err := dial(m.Settings, m.Identity)
	if err != nil {
		return err
	}
	m.close = append([]func() error{conn.Close}, m.close...)
	m.Client = controllerv1.NewAgentsClient(conn)
	return nil
}

// alone takes the directory's lock.
func alone(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot start the agent: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errs.E(errs.AlreadyExists, "cannot start the agent: another one runs with %s", dir), file.Close())
	}
	return file, nil
}

// configured waits for agent.json, which the controller beside may be about to write. Nil when ctx ended first.
func configured(ctx context.Context, dir string) (*settings.Settings, error) {
	pause := source.Backoff{First: 20 * time.Millisecond, Max: time.Second}
	for ctx.Err() == nil {
		set, err := settings.Read(dir)
		if !errs.Is(err, errs.NotFound) {
			return set, err
		}
		pause.Wait(ctx)
	}
	return nil, nil
}

// dial connects to the first endpoint; gRPC connects again by itself whenever the line breaks. Its own first pause of a
// second is longer than a controller takes to come back.
func dial(set *settings.Settings, id *identity.Identity) (*grpc.ClientConn, error) {
	tls, err := id.TLS(set.CA)
	if err != nil {
		return nil, err
	}
	again := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second}, MinConnectTimeout: 5 * time.Second}
	options := append(plugin.DialOptions(), grpc.WithTransportCredentials(credentials.NewTLS(tls)), grpc.WithConnectParams(again),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 15 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}))
	conn, err := grpc.NewClient(set.Endpoints[0], options...)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the controller at %s: %w", set.Endpoints[0], err)
	}
	return conn, nil
}

// together is how long a controller that is started beside its agent may take to listen: until then the agent asks again and
// again, and says nothing of it.
const together = 500 * time.Millisecond

// certify makes sure that there is a certificate, or that ctx ended. The settings are read for each try, since a fresh
// token may come. Each try has a connection of its own: one that began without a certificate stays without.
func certify(ctx context.Context, dir string, id *identity.Identity, log *slog.Logger) error {
	began, pause := time.Now(), source.Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
	for ctx.Err() == nil && !id.Joined(time.Now()) {
		set, err := settings.Read(dir)
		if err != nil {
			return err
		}
		conn, err := dial(set, id)
		if err != nil {
			return err
		}
		call, cancel := context.WithTimeout(ctx, commitCall)
		err = id.Join(call, controllerv1.NewAgentsClient(conn), set.Agent, set.Token, Version)
		cancel()
		_ = conn.Close() // nothing is in flight any more
		switch {
		case err == nil || ctx.Err() != nil:
		case errs.Is(err, errs.Unavailable) && time.Since(began) < together:
			few := source.Backoff{First: 10 * time.Millisecond, Max: 10 * time.Millisecond}
			few.Wait(ctx)
		default:
			log.Warn("cannot join yet", "err", err)
			pause.Wait(ctx)
		}
	}
	return nil
}

// work starts the plugins and the agent.
func work(ctx context.Context, m *Member, log *slog.Logger) error {
	dir, set, id, client := m.Dir, m.Settings, m.Identity, m.Client
	run, tools, err := places(dir, set)
	if err != nil {
		return err
	}
	host, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.DefaultCatalog(os.Getenv("BANGLE_HOME")), Log: log, RunDir: set.RunDir,
		Env: []string{"BANGLE_WASM_CACHE=" + filepath.Join(dir, "wasm-cache")}})
	if err != nil {
		return err
	}
	defer host.Close()
	plugins := newRuntimes(host, log)
	defer plugins.Close()
	unit := newSide()
	ctx, end := context.WithCancelCause(ctx)
	life, over := context.WithCancel(context.WithoutCancel(ctx))
	kept, renewed, stays := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		err := unit.keep(life, host, set.Substrate)
		end(err)
		kept <- err
	}()
	go func() { defer close(renewed); id.Keep(life, client, set.Agent, log) }()
	go func() { defer close(stays); end(moved(life, dir, set.Endpoints, id)) }()
	a, err := New(Config{ID: set.Agent, Incarnation: id.Incarnation(), Dir: dir, RunDir: run, ToolsDir: tools, Agents: client, Side: unit,
		Runtimes: plugins, Log: log, Controller: dispatch.Controller{Name: set.ControllerName, UUID: set.ControllerUUID, Addresses: set.Endpoints}})
	if err == nil {
		log.Info("the agent works", "agent", set.Agent, "version", Version)
		a.Run(ctx)
	}
	over()
	<-renewed
	<-stays
	if cause := context.Cause(ctx); errs.Is(cause, errs.Unavailable) {
		err = errors.Join(err, cause)
	}
	return errors.Join(err, <-kept)
}

// moved returns when the settings name another controller than the one that is dialled, or when the certificate ran out (a
// machine that slept for days wakes up so), with an error that says so, or when ctx ends. The process then ends, is
// started again by whoever looks after it, and joins anew.
func moved(ctx context.Context, dir string, endpoints []string, id *identity.Identity) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if !id.Joined(time.Now()) {
			return errs.E(errs.Unavailable, "the agent's certificate ran out; the agent starts again to join anew")
		}
		if now, err := settings.Read(dir); err == nil && !slices.Equal(now.Endpoints, endpoints) {
			return errs.E(errs.Unavailable, "the controller moved from %v to %v; the agent starts again", endpoints, now.Endpoints)
		}
	}
}

// places makes the agent's directory for sockets and the one with the hook tools.
func places(dir string, set *settings.Settings) (run, tools string, err error) {
	if run = set.RunDir; run == "" {
		if run, err = os.MkdirTemp("", "bangle-"); err != nil {
			return "", "", fmt.Errorf("cannot make a directory for sockets: %w", err)
		}
	}
	run = filepath.Join(run, "a")
	if err := os.MkdirAll(run, 0o700); err != nil {
		return "", "", fmt.Errorf("cannot make a directory for sockets: %w", err)
	}
	if set.ToolsDir != "" || set.Substrate.Hooktool == "" {
		return run, set.ToolsDir, nil
	}
	tools = filepath.Join(dir, "tools")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", "", fmt.Errorf("cannot make the hook tools: %w", err)
	}
	for _, name := range tool.Links() {
		link := filepath.Join(tools, name)
		if to, err := os.Readlink(link); err == nil && to == set.Substrate.Hooktool {
			continue
		}
		_ = os.Remove(link) // an old one
		if err := os.Symlink(set.Substrate.Hooktool, link); err != nil {
			return "", "", fmt.Errorf("cannot make the hook tools: %w", err)
		}
	}
	return run, tools, nil
}
