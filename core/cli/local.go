package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// local is one controller on this machine: a supervisor that keeps the controller's and the agent's process running.
type local struct {
	app  *app
	name string
	dir  string // its state
	run  string // its sockets
	bin  string // where the programs are
	made bool
}

func (a *app) newLocal(name, dir string) (*local, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot find this program: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return nil, errs.E(errs.Internal, "cannot find this program: %w", err)
	}
	for _, program := range []string{"bangle-supervisor", "bangle-agent", "hooktool"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(self), program)); err != nil {
			return nil, errs.E(errs.NotFound, "cannot find %s beside %s: build everything with: go tool task build", program, self)
		}
	}
	base, err := home.RunDir(a.home, a.getenv)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(name))
	b := &local{app: a, name: name, dir: dir, run: filepath.Join(base, hex.EncodeToString(sum[:2])), bin: filepath.Dir(self)}
	if err := os.Mkdir(b.run, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errs.E(errs.Internal, "cannot make the directory for sockets: %w", err)
	}
	return b, nil
}

func (b *local) socket() string         { return filepath.Join(b.run, "s") }
func (b *local) pidFile() string        { return pidFile(b.dir) }
func (b *local) log(name string) string { return filepath.Join(b.dir, "logs", name+".log") }

// pidFile is where the supervisor of a controller says which process it is.
func pidFile(dir string) string { return filepath.Join(dir, "supervisor", "pid.json") }

// checkPlugin says early, and with what to do, that a substrate does not exist or may not run.
func (a *app) checkPlugin(substrate string) error {
	catalog := pluginhost.DefaultCatalog(a.home)
	file, err := catalog.Find(pluginhost.KindSubstrate, substrate)
	if err != nil {
		return err
	}
	_, err = catalog.Check(file)
	return err
}

// layers writes the plan of the two processes. Both are started again after 100 ms whenever they end.
func (b *local) layers() error {
	self, err := os.Executable()
	if err != nil {
		return errs.E(errs.Internal, "cannot find this program: %w", err)
	}
	service := func(command string, after ...string) map[string]any {
		return map[string]any{"override": "replace", "startup": "enabled", "command": command, "after": after,
			"on-success": "restart", "on-failure": "restart", "backoff-delay": "100ms", "backoff-limit": "2s", "kill-delay": "10s"}
	}
	agent := quote(filepath.Join(b.bin, "bangle-agent")) + " --dir " + quote(filepath.Join(b.dir, "agent"))
	plan, err := yaml.Encode(map[string]any{"services": map[string]any{
		"controller": service(quote(self) + " controller run --dir " + quote(b.dir)),
		"agent":      service(quote(filepath.Join(b.bin, "hooktool")) + " world -- " + agent),
	}})
	if err != nil {
		return err
	}
	layers := filepath.Join(b.dir, "supervisor", "layers")
	for _, dir := range []string{layers, filepath.Join(b.dir, "logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return errs.E(errs.Internal, "cannot bootstrap: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(layers, "001-bangle.yaml"), plan, 0o600); err != nil {
		return errs.E(errs.Internal, "cannot bootstrap: %w", err)
	}
	return nil
}

// quote makes one word of a path in a plan's command line.
func quote(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'"'"'`) + "'"
}

// boot says what the new controller is to be.
func (b *local) boot(substrate string, settings map[string]string) controller.Bootstrap {
	return controller.Bootstrap{Name: b.name, Substrate: substrate, Settings: settings, RunDir: b.run,
		Supervisor: filepath.Join(b.bin, "bangle-supervisor"), Hooktool: filepath.Join(b.bin, "hooktool"), ToolsDir: b.tools()}
}

func (b *local) tools() string { return filepath.Join(b.dir, "agent", "tools") }

// links gives every hook tool its name in the directory that goes in front of the charms' PATH.
func (b *local) links() error {
	if err := os.MkdirAll(b.tools(), 0o700); err != nil {
		return errs.E(errs.Internal, "cannot link the hook tools: %w", err)
	}
	for _, name := range tool.Links() {
		if err := os.Symlink(filepath.Join(b.bin, "hooktool"), filepath.Join(b.tools(), name)); err != nil {
			return errs.E(errs.Internal, "cannot link the hook tools: %w", err)
		}
	}
	return nil
}

// start runs the supervisor: detached, in a session of its own, so that it outlives this command and its terminal.
func (b *local) start(context.Context) error {
	out, err := os.OpenFile(b.log("processes"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return errs.E(errs.Internal, "cannot start the controller: %w", err)
	}
	defer out.Close()
	dir := filepath.Join(b.dir, "supervisor")
	cmd := exec.Command(filepath.Join(b.bin, "bangle-supervisor"), "run", "--create-dirs", "--verbose", "--pid-file", b.pidFile())
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "PEBBLE="+dir, "PEBBLE_SOCKET="+b.socket(), "PEBBLE_PERSIST=never", "BANGLE_HOME="+b.app.home, "BANGLE_RUN="+b.run)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errs.E(errs.Internal, "cannot start the controller: %w", err)
	}
	return cmd.Process.Release()
}

// wait returns when the controller answers.
func (b *local) wait(ctx context.Context) (*clientv1.ControllerInfoResponse, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var last error
	looked := time.Now()
	for {
		info, err := b.ask(ctx)
		if err == nil {
			return info, nil
		}
		last = err
		if now := time.Now(); now.Sub(looked) > failsEvery {
			looked = now
			if why := failing(b.dir, now); why != "" {
				return nil, errs.E(errs.Unavailable, "cannot reach controller %q: it does not start: %s; its log is %s", b.name, why, processLog(b.dir))
			}
		}
		select {
		case <-ctx.Done():
			return nil, errs.E(errs.Unavailable, "cannot reach controller %q in time: %s", b.name, message(last))
		case <-tick.C:
		}
	}
}

func (b *local) ask(ctx context.Context) (*clientv1.ControllerInfoResponse, error) {
	to, err := open(b.dir)
	if err != nil {
		return nil, err
	}
	answer, err := to.client().ControllerInfo(ctx, connect.NewRequest(&clientv1.ControllerInfoRequest{}))
	if err != nil {
		return nil, err
	}
	return answer.Msg, nil
}

// lastWords is the end of the log of the processes, for the error of a start that failed.
func (b *local) lastWords() string {
	text, err := os.ReadFile(b.log("processes"))
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "; the processes said:\n  " + strings.Join(lines[max(0, len(lines)-10):], "\n  ")
}

// revive starts a local controller again that ran once and does not now: after the machine was restarted nobody else does.
func (a *app) revive(ctx context.Context, name string, known home.Known) error {
	if known.Dir == "" {
		return nil
	}
	if _, err := os.Stat(known.Dir); err != nil {
		return errs.E(errs.NotFound, "cannot reach controller %q: its directory %s is gone; forget it with: %s destroy-controller --no-prompt %s", name, known.Dir, a.name, name)
	}
	b, err := a.newLocal(name, known.Dir)
	if err != nil {
		return err
	}
	if r, ok := process.Read(b.pidFile()); ok && r.Alive() {
		return nil
	}
	if err := b.orphans(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Controller %q does not run; starting it.\n", name)
	if err := b.start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = b.wait(ctx)
	return err
}

// orphans ends a controller and an agent whose supervisor was killed: they work on, but nobody starts them again when
// they end, and they are in the way of those that the next supervisor starts.
func (b *local) orphans(ctx context.Context) error {
	var failed []error
	for _, dir := range []string{b.dir, filepath.Join(b.dir, "agent")} {
		if r, ok := process.Read(filepath.Join(dir, controller.PIDFile)); ok {
			failed = append(failed, r.End(ctx, 10*time.Second))
		}
	}
	return errors.Join(failed...)
}

// end stops every process of the controller, its units' included, by their records, unmounts and removes its directory.
// It needs nobody to be alive.
func (b *local) end(ctx context.Context, grace time.Duration) error {
	var failed []error
	if r, ok := process.Read(b.pidFile()); ok {
		failed = append(failed, r.End(ctx, grace))
	}
	for _, dir := range []string{b.dir, b.run} {
		records, err := process.Records(dir, "*.json")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
		for _, r := range records {
			failed = append(failed, r.End(ctx, grace))
		}
	}
	failed = append(failed, unmount(b.dir), unmount(b.run))
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(b.dir), os.RemoveAll(b.run)); err != nil {
		return errs.E(errs.Internal, "cannot remove the controller's files: %w", err)
	}
	// The last controller takes the directory for sockets along; while there are others it is not empty and stays.
	if os.Remove(filepath.Dir(b.run)) == nil {
		return os.Remove(filepath.Join(b.app.home, "run"))
	}
	return nil
}

// unmount takes away what is mounted below a directory, the deepest first.
func unmount(dir string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return errs.E(errs.Internal, "cannot read mounts: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	for _, line := range slices.Backward(lines) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			if err := unix.Unmount(f[4], unix.MNT_DETACH); err != nil {
				return errs.E(errs.Internal, "cannot unmount %s: %w", f[4], err)
			}
		}
	}
	return nil
}
