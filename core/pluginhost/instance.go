package pluginhost

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// grace is how long a plugin may take to end when it is asked to.
const grace = 3 * time.Second

// Instance is one running plugin.
type Instance struct {
	ID   ID
	File string // the program
	Sum  string // its sha256, hex

	client  *goplugin.Client
	process *process
	conn    *grpc.ClientConn
	tail    *tail
}

// prepare makes an instance that is not started.
func (h *Host) prepare(id ID, file, sum string) *Instance {
	log := h.cfg.Log.With("plugin", id.String())
	level := slog.LevelInfo
	if log.Enabled(context.Background(), slog.LevelDebug) {
		level = slog.LevelDebug
	}
	i := &Instance{ID: id, File: file, Sum: sum, tail: &tail{log: log}}
	timeout := h.cfg.StartTimeout
	if plugin.Waits(os.Getenv(plugin.EnvWait), id.String()) {
		timeout = time.Hour
	}
	i.process = newProcess(h.thread, file, append(h.env(), plugin.EnvLog+"="+level.String()))
	i.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  plugin.Handshake(),
		VersionedPlugins: contracts(id.Kind).Sets(),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			i.process.cmd.Env = append(i.process.cmd.Env, spec.Env...)
			return i.process, nil
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     timeout,
		AutoMTLS:         h.cfg.MutualTLS,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: h.dir},
		GRPCDialOptions:  plugin.DialOptions(),
		Logger:           plugin.Bridge(log),
		Stderr:           &lineWriter{to: i.tail},
		SyncStdout:       &lineWriter{to: i.tail},
		SyncStderr:       &lineWriter{to: i.tail},
	})
	return i
}

// start brings the process up and waits until it answers. On an error nothing
// is left of it.
func (i *Instance) start(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = i.process.Kill(ctx) }) // the start fails then
	defer stop()
	if err := ctx.Err(); err != nil {
		return errs.E(errs.Canceled, "cannot start plugin %s: %w", i.ID, context.Cause(ctx))
	}
	client, err := i.client.Client()
	if err == nil {
		i.conn = client.(*goplugin.GRPCClient).Conn // AllowedProtocols has no other
		err = i.Ping(ctx)
	}
	if err == nil {
		return nil
	}
	_ = i.process.Kill(ctx) // gone already is the usual case
	i.client.Kill()
	if ctx.Err() != nil {
		return errs.E(errs.Canceled, "cannot start plugin %s: %w", i.ID, context.Cause(ctx))
	}
	return i.refused(err)
}

// mismatch finds the version in go-plugin's error.
var mismatch = regexp.MustCompile(`Plugin version: (\d+), Client versions`)

// refused says in our words why the plugin did not come up.
func (i *Instance) refused(err error) error {
	if found := mismatch.FindStringSubmatch(err.Error()); found != nil {
		return errs.E(errs.Unsupported, "cannot start plugin %s (%s): it offers version %s of the %s contract and this bangle wants %s; use a plugin and a bangle that share a version",
			i.ID, i.File, found[1], contractOf(i.ID.Kind), numbers(contracts(i.ID.Kind).Versions()))
	}
	why := strings.TrimSpace(err.Error())
	if strings.HasPrefix(why, "Unrecognized remote plugin message: ") {
		why = "it ended (" + i.process.state() + ") before the handshake"
		if line := i.process.said.line(); line != "" {
			why = "it does not speak the handshake: its output begins with " + strconv.Quote(line)
		}
	}
	if why == "timeout while waiting for plugin to start" {
		why = "it did not begin to serve in time"
	}
	return errs.E(errs.Unavailable, "cannot start plugin %s (%s): %s; %s", i.ID, i.File, why, i.lastWords())
}

// lastWords are the last lines of stderr for an error.
func (i *Instance) lastWords() string {
	lines := i.tail.last()
	if len(lines) == 0 {
		return "it wrote nothing to stderr"
	}
	const some = 5
	return "its last lines on stderr:\n  " + strings.Join(lines[max(0, len(lines)-some):], "\n  ")
}

// Conn is the connection; errors that come back over it carry a class.
func (i *Instance) Conn() grpc.ClientConnInterface { return i.conn }

// Version is the negotiated version of the contract.
func (i *Instance) Version() int { return i.client.NegotiatedVersion() }

// PID is the plugin's process id.
func (i *Instance) PID() int { return i.process.pid }

// Done is closed when the process has ended and was reaped.
func (i *Instance) Done() <-chan struct{} { return i.process.exited }

// State says how the process ended, "running" while it has not.
func (i *Instance) State() string { return i.process.state() }

// Stderr returns the last 50 lines that the plugin wrote, oldest first.
func (i *Instance) Stderr() []string { return i.tail.last() }

// Ping asks the plugin whether it serves.
func (i *Instance) Ping(ctx context.Context) error {
	answer, err := grpc_health_v1.NewHealthClient(i.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = errs.E(errs.Unavailable, "plugin %s says that it is %s", i.ID, answer.GetStatus())
	}
	return err
}

// Kill asks the plugin to end and kills its process group if it has not after
// three seconds. It returns when the process was reaped.
func (i *Instance) Kill() {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		i.client.Kill()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		_ = i.process.Kill(context.Background()) // fails only if it is gone
		<-finished
	}
	<-i.process.exited
}
