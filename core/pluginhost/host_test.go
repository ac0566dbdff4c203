package pluginhost_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// program is the built test plugin; TestMain sets it once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bp")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "./testdata/plugin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// plugins makes a directory with links to the program, locked.
func plugins(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := pluginhost.WriteLock(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shortDir is a 0700 directory whose name is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newHost(t *testing.T, cfg pluginhost.Config) *pluginhost.Host {
	t.Helper()
	cfg.RunDir = shortDir(t)
	h, err := pluginhost.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func start(t *testing.T, h *pluginhost.Host, name string) *pluginhost.Instance {
	t.Helper()
	i, err := h.Start(t.Context(), "runtime", name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func load(t *testing.T, i *pluginhost.Instance, what string) (*charmruntimev1.LoadResponse, error) {
	t.Helper()
	remote := charmruntime.Client(i.Conn())
	defer remote.Close()
	return remote.Load(t.Context(), &charmruntimev1.LoadRequest{Dir: what})
}

// gone waits until a process is no more (a zombie counts as gone).
func gone(t *testing.T, pid string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s still runs: %s", pid, stat)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestStartServesAndEnds(t *testing.T) {
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}}})
	i := start(t, h, "ok")
	if got := i.Version(); got != 1 {
		t.Errorf("negotiated version = %d, want 1", got)
	}
	if err := i.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := load(t, i, "conflict"); !errs.Is(err, errs.Conflict) {
		t.Errorf("error = %v of class %s, want a conflict", err, errs.Class(err))
	}
	if _, err := load(t, i, "panic"); !errs.Is(err, errs.Internal) || !strings.Contains(err.Error(), "as told") {
		t.Errorf("error = %v, want one that names the panic", err)
	}
	pid := fmt.Sprint(i.PID())
	i.Kill()
	i.Kill()
	gone(t, pid)
	if got := i.State(); got != "exit status 0" {
		t.Errorf("state = %q, want a graceful end", got)
	}
	if err := i.Ping(t.Context()); err == nil {
		t.Error("a killed plugin answers")
	}
}

func TestEnvironmentIsBuilt(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1") // where the cluster is, and no secret
	h := newHost(t, pluginhost.Config{
		Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}}, Env: []string{"GIVEN=yes"},
	})
	answer, err := load(t, start(t, h, "ok"), "environment")
	if err != nil {
		t.Fatal(err)
	}
	if env := answer.GetHandle(); strings.Contains(env, "hunter2") || !strings.Contains(env, "GIVEN=yes") || !strings.Contains(env, "PATH=") ||
		!strings.Contains(env, "KUBERNETES_SERVICE_HOST=10.96.0.1") {
		t.Errorf("environment of the plugin:\n%s", env)
	}
}

func TestFrozenPluginIsKilled(t *testing.T) {
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}}})
	i := start(t, h, "ok")
	go func() { _, _ = load(t, i, "freeze") }()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", i.PID()))
		if err == nil && bytes.Contains(stat, []byte(") T ")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the plugin did not stop itself")
		}
	}
	i.Kill()
	if got := i.State(); got != "signal: killed" {
		t.Errorf("state = %q, want killed", got)
	}
}

// A detached process that inherited the plugin's stderr must not keep the host
// waiting, and must not be killed: charms' children outlive their hooks.
func TestDetachedChildOutlivesThePlugin(t *testing.T) {
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}}})
	i := start(t, h, "ok")
	inGroup, err := load(t, i, "child")
	if err != nil {
		t.Fatal(err)
	}
	detached, err := load(t, i, "detached")
	if err != nil {
		t.Fatal(err)
	}
	i.Kill()
	gone(t, inGroup.GetHandle())
	if _, err := os.Stat("/proc/" + detached.GetHandle()); err != nil {
		t.Errorf("the detached child was killed too: %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(detached.GetHandle(), &pid); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestNoPluginOutlivesItsHost(t *testing.T) {
	dir := plugins(t, "runtime-ok")
	link := filepath.Join(t.TempDir(), "testhost")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	run := shortDir(t)
	cmd := exec.Command(link, dir, run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var pid, child string
	if _, scanErr := fmt.Sscan(line, &pid, &child); err != nil || scanErr != nil {
		t.Fatalf("the host said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	gone(t, pid)
	h, err := pluginhost.New(pluginhost.Config{RunDir: run})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if left, _ := filepath.Glob(filepath.Join(run, "*")); len(left) > 0 {
		t.Errorf("the next host left the dead one's sockets: %q", left)
	}
	var number int
	if _, err := fmt.Sscan(child, &number); err == nil {
		_ = syscall.Kill(number, syscall.SIGKILL) // nobody was there to kill the group
	}
}

func TestPluginsThatDoNotComeUp(t *testing.T) {
	dir := plugins(t, "runtime-garbage", "runtime-flood", "runtime-silent", "runtime-broken", "runtime-newer")
	for name, want := range map[string]struct {
		class errs.Kind
		texts []string
	}{
		"garbage": {errs.Unavailable, []string{"does not speak the handshake", `"garbage in`, dir + "/runtime-garbage"}},
		"flood":   {errs.Unavailable, []string{"does not speak the handshake", `"garbage garbage`}},
		"silent":  {errs.Unavailable, []string{"did not begin to serve in time", "I never serve"}},
		"broken":  {errs.Unavailable, []string{"exit status 4", "libfoo.so.3: cannot open"}},
		"newer":   {errs.Unsupported, []string{"offers version 7", "charmruntime contract", "wants 1"}},
		"missing": {errs.NotFound, []string{dir, "runtime-silent", "bangle plugins trust"}},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 20 * time.Second
			if name == "silent" {
				timeout = 200 * time.Millisecond
			}
			h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{dir}}, StartTimeout: timeout})
			_, err := h.Start(t.Context(), "runtime", name)
			if !errs.Is(err, want.class) {
				t.Fatalf("error = %v of class %s, want class %s", err, errs.Class(err), want.class)
			}
			for _, text := range want.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q:\n%v", text, err)
				}
			}
		})
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-silent")}}, StartTimeout: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.Start(ctx, "runtime", "silent"); !errs.Is(err, errs.Canceled) {
		t.Errorf("error = %v of class %s, want canceled", err, errs.Class(err))
	}
}

func TestLogsKeepLevelAndAttributes(t *testing.T) {
	var out safeBuffer
	h := newHost(t, pluginhost.Config{
		Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}},
		Log:     slog.New(slog.NewTextHandler(&out, nil)),
	})
	i := start(t, h, "ok")
	if _, err := load(t, i, "log"); err != nil {
		t.Fatal(err)
	}
	defer i.Kill()
	for _, want := range []string{
		`level=WARN msg="a warning" plugin=runtime-ok unit=web/0`,
		`level=INFO msg="a plain line" plugin=runtime-ok`,
		`msg="{\"@message\":1}"`,
	} {
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), want); <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log lacks %s:\n%s", want, out.String())
			}
		}
	}
	if last := strings.Join(i.Stderr(), "\n"); !strings.Contains(last, "a plain line") {
		t.Errorf("last lines:\n%s", last)
	}
}

func TestDescribe(t *testing.T) {
	dir := plugins(t, "runtime-ok", "runtime-newer")
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{dir}}})
	list, err := h.Describe(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("described %d plugins: %v", len(list), err)
	}
	newer, ok := list[0], list[1]
	if newer.Err == nil || fmt.Sprint(newer.Offered, newer.Wanted) != "[7] [1]" {
		t.Errorf("runtime-newer: offered %v, wanted %v, error %v", newer.Offered, newer.Wanted, newer.Err)
	}
	if ok.Err != nil || ok.Negotiated != 1 || ok.Version != "1.2.3" || fmt.Sprint(ok.Capabilities) != "[warm]" || len(ok.Sum) != 64 {
		t.Errorf("runtime-ok: %+v", ok)
	}
}

func TestKeepStartsAgain(t *testing.T) {
	h := newHost(t, pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{plugins(t, "runtime-ok")}}})
	ctx, cancel := context.WithCancel(t.Context())
	lives := 0
	err := h.Keep(ctx, "runtime", "ok", func(i *pluginhost.Instance) error {
		lives++
		if lives == 3 {
			cancel()
			return nil
		}
		return syscall.Kill(i.PID(), syscall.SIGKILL)
	})
	if lives != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d lives, error %v", lives, err)
	}
	if err := h.Keep(t.Context(), "runtime", "none", nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("error = %v, want not found at once", err)
	}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
