package python_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"go.uber.org/goleak"
)

var hooktool string

// starting is held while any runtime of this process starts a process.
var starting sync.Mutex

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	hooktool = filepath.Join(dir, "hooktool")
	build := exec.Command("go", "build", "-trimpath", "-o", hooktool, "../hooktool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// host collects what a hook says at once.
type host struct {
	mu    sync.Mutex
	lines []string
	news  chan string
}

func newHost() *host { return &host{news: make(chan string, 100)} }

func (h *host) Call(context.Context, string, string) (string, error) { return "true", nil }

func (h *host) Immediate(what *charmruntimev1.Immediate) {
	text := ""
	switch w := what.GetWhat().(type) {
	case *charmruntimev1.Immediate_Log:
		text = w.Log.GetLevel() + " " + w.Log.GetModule() + ": " + w.Log.GetMessage()
	case *charmruntimev1.Immediate_Status:
		text = "status " + w.Status.GetStatus().GetCurrent()
	}
	h.mu.Lock()
	h.lines = append(h.lines, text)
	h.mu.Unlock()
	select {
	case h.news <- text:
	default:
	}
}

func (h *host) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// unit is one unit with a charm of one dispatch script.
type unit struct {
	runtime *python.Runtime
	dir     string
	start   *charmruntimev1.Start
}

func newUnit(t *testing.T, script string) *unit {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	charm, run, tools := filepath.Join(dir, "charm"), filepath.Join(dir, "run"), filepath.Join(dir, "tools")
	for _, d := range []string{charm, run, tools} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range tool.Names() {
		if err := os.Symlink(hooktool, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(charm, "dispatch"), script, 0o755)
	r := python.New(python.Config{Version: "test", Starting: &starting, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(r.Close)
	loaded, err := r.Load(context.Background(), &charmruntimev1.LoadRequest{Digest: "d", Dir: charm})
	if err != nil || len(loaded.GetDiagnostics()) > 0 {
		t.Fatalf("load: %v, %v", loaded, err)
	}
	return &unit{runtime: r, dir: dir, start: &charmruntimev1.Start{
		Handle: loaded.GetHandle(),
		Event:  &hookv1.Event{Id: "1-install", Kind: "install", Name: "install"},
		View: &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}, Model: &hookv1.ModelView{Name: "m", Uuid: "u"},
			Config:    map[string]*hookv1.ConfigValue{"title": {Value: &hookv1.ConfigValue_StringValue{StringValue: "Hi"}}},
			Relations: []*hookv1.RelationView{{Id: 1, Endpoint: "db", RemoteApp: "db"}}},
		Workspace: &charmruntimev1.Workspace{CharmDir: charm, RunDir: run, ToolsDir: tools}}}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (u *unit) dispatch(t *testing.T, ctx context.Context, h *host) *charmruntimev1.Done {
	t.Helper()
	done, err := u.runtime.Dispatch(ctx, u.start, h)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestHookRunsAndCommits(t *testing.T) {
	u := newUnit(t, `#!/bin/sh -e
test "$JUJU_DISPATCH_PATH" = hooks/install
test "$JUJU_UNIT_NAME" = web/0
test "$(pwd)" = "$CHARM_DIR"
test "$(config-get title)" = Hi
test -z "$HOME"
echo said out
echo said err >&2
status-set maintenance working
printf '{"a": "1"}' | relation-set -r db:1 --file -
relation-get -r 1 a web/0 | grep -q 1
open-port 80
status-set active
`)
	h := newHost()
	done := u.dispatch(t, context.Background(), h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatalf("done = %v\n%s", done, h.all())
	}
	cs := done.GetChangeset()
	if cs.GetUnitStatus().GetCurrent() != "active" || cs.GetBags()[0].GetSet()["a"] != "1" || len(cs.GetOpenPorts()) != 1 {
		t.Errorf("changeset = %v", cs)
	}
	if got := done.GetStats().GetCalls(); got != 6 {
		t.Errorf("%d tools were called, want 6", got)
	}
	for _, want := range []string{"DEBUG unit.web/0.install: said out", "WARNING unit.web/0.install: said err", "status maintenance", "status active"} {
		if !strings.Contains(h.all(), want) {
			t.Errorf("host was not told %q:\n%s", want, h.all())
		}
	}
	if _, err := os.Stat(filepath.Join(u.start.Workspace.RunDir, "process.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the process record is still there: %v", err)
	}
}

func TestFailureNamesTheLastLine(t *testing.T) {
	u := newUnit(t, "#!/usr/bin/python3\nd = {}\nd['port']\n")
	h := newHost()
	done := u.dispatch(t, context.Background(), h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_FAILED || done.GetMessage() != "KeyError: 'port'" || done.GetExitCode() != 1 || done.GetChangeset() != nil {
		t.Errorf("done = %v", done)
	}
	if !strings.Contains(h.all(), `dispatch", line 3`) {
		t.Errorf("the log does not hold file and line:\n%s", h.all())
	}
}

func TestCharmWithoutHandlerIsSkipped(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\n")
	if err := os.Remove(filepath.Join(u.start.Workspace.CharmDir, "dispatch")); err != nil {
		t.Fatal(err)
	}
	if done := u.dispatch(t, context.Background(), newHost()); done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED {
		t.Errorf("done = %v", done)
	}
}

// TestTimeoutEndsTheWholeSession: neither the hook nor a child that moved to a session of its own is left.
func TestTimeoutEndsTheWholeSession(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\nsetsid sleep 1000 & echo $! > other.pid\nsleep 1000 & echo $! > child.pid\nwait\n")
	u.start.TimeoutMs = 300
	done := u.dispatch(t, context.Background(), newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED || done.GetLimit() != "hook-timeout 300ms" {
		t.Errorf("done = %v", done)
	}
	for _, name := range []string{"other.pid", "child.pid"} {
		if pid := readPID(t, filepath.Join(u.start.Workspace.CharmDir, name)); alive(pid) {
			t.Errorf("process %d of %s is still running", pid, name)
		}
	}
}

// TestCancelAsksFirst: who cares ends in good order and is not killed, who does not is; nothing is left, and an action's
// results are told.
func TestCancelAsksFirst(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Second} {
		u := newUnit(t, `#!/bin/sh
trap 'echo bye; touch asked; exit 0' TERM
setsid sh -c 'trap "" TERM; touch deaf; while :; do sleep 0.1; done' & echo $! > deaf.pid
action-set done=half
while [ ! -e deaf ]; do sleep 0.01; done
touch ready
while :; do sleep 0.01; done
`)
		u.start.Event = &hookv1.Event{Id: "5-backup", Kind: "action", Name: "backup", TaskId: "1"}
		ctx, cancel := context.WithCancelCause(t.Context())
		there := func(name string) bool {
			_, err := os.Stat(filepath.Join(u.start.Workspace.CharmDir, name))
			return err == nil
		}
		go func() {
			await(t, func() bool { return there("ready") })
			cancel(&charmruntime.Cancelled{Reason: "not wanted", Grace: grace})
		}()
		done := u.dispatch(t, ctx, newHost())
		if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED || done.GetLimit() != "cancel" || done.GetChangeset().GetAction().GetResults()["done"] != "half" {
			t.Errorf("done = %v", done)
		}
		if asked := there("asked"); asked != (grace > 0) || strings.Contains(done.GetStdout(), "bye") != asked {
			t.Errorf("grace %s: asked %v, stdout %q", grace, asked, done.GetStdout())
		}
		if pid := readPID(t, filepath.Join(u.start.Workspace.CharmDir, "deaf.pid")); alive(pid) {
			t.Errorf("grace %s: process %d is still running", grace, pid)
		}
	}
}

// TestEnd: what an interrupted event left is gone when it returns, without another event.
func TestEnd(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\n")
	dir := u.start.Workspace.RunDir
	if err := u.runtime.End(t.Context(), dir); err != nil {
		t.Fatalf("nothing was left: %v", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	left := exec.Command("sleep", "1000")
	left.Env = []string{"JUJU_CONTEXT_ID=00000000000000000000000000000e4d"}
	left.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	write(t, filepath.Join(dir, "process.json"), `{"context":"00000000000000000000000000000e4d","boot_id":"`+strings.TrimSpace(string(boot))+`"}`, 0o600)
	if err := u.runtime.End(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("what was left ended with %v, want killed", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "process.json")); !os.IsNotExist(err) {
		t.Errorf("the record is still there: %v", err)
	}
}

// TestRebootNow ends the hook where it asks; nothing of it happens after.
func TestRebootNow(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\nstate-set half=done\n( juju-reboot --now; touch after-in-child ) &\nwait\ntouch after\n")
	done := u.dispatch(t, t.Context(), newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED || done.GetLimit() != charmruntime.LimitReboot ||
		done.GetChangeset().GetReboot() != hookv1.Reboot_REBOOT_NOW {
		t.Errorf("done = %v", done)
	}
	for _, name := range []string{"after", "after-in-child"} {
		if _, err := os.Stat(filepath.Join(u.start.Workspace.CharmDir, name)); !os.IsNotExist(err) {
			t.Errorf("the hook went on: %s, %v", name, err)
		}
	}
}

// TestPastItsTime names what was ended by what.
func TestPastItsTime(t *testing.T) {
	for kind, want := range map[string]string{"config-changed": "the hook was ended by hook-timeout 200ms", "action": "the action was ended by hook-timeout 200ms", "exec": "the command was ended by hook-timeout 200ms"} {
		u := newUnit(t, "#!/bin/sh\nsleep 1000\n")
		u.start.Event = &hookv1.Event{Id: "5-x", Kind: kind, Name: "x", TaskId: "1", Command: []string{"sleep", "1000"}}
		u.start.TimeoutMs = 200
		if done := u.dispatch(t, t.Context(), newHost()); done.GetMessage() != want {
			t.Errorf("%s: %q, want %q", kind, done.GetMessage(), want)
		}
	}
}

// TestChildrenOutliveAHook: a hook has ended when its process has; a child that keeps the pipe open lives on and its
// output still reaches the log.
func TestChildrenOutliveAHook(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\n(while [ ! -e go ]; do sleep 0.01; done; echo late >&2; exec sleep 1000) & echo $! > child.pid\n")
	h := newHost()
	done := u.dispatch(t, context.Background(), h)
	pid := readPID(t, filepath.Join(u.start.Workspace.CharmDir, "child.pid"))
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK || !alive(pid) {
		t.Fatalf("done = %v, child alive: %v", done, alive(pid))
	}
	write(t, filepath.Join(u.start.Workspace.CharmDir, "go"), "", 0o600)
	deadline := time.After(20 * time.Second)
	for said := ""; !strings.Contains(said, "late"); {
		select {
		case said = <-h.news:
		case <-deadline:
			t.Fatalf("late output was not logged:\n%s", h.all())
		}
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedEventIsEndedFirst: what an earlier life of the runtime left running is gone before the next event runs.
func TestInterruptedEventIsEndedFirst(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\nif [ -e second ]; then exit 0; fi\necho $$ > leader.pid\n(sleep 1000 & echo $! > child.pid)\nwhile :; do sleep 1; done\n")
	ctx, cancel := context.WithCancel(context.Background())
	record := filepath.Join(u.start.Workspace.RunDir, "process.json")
	leader := filepath.Join(u.start.Workspace.CharmDir, "child.pid")
	result := make(chan *charmruntimev1.Done, 1)
	go func() {
		done, _ := u.runtime.Dispatch(ctx, u.start, newHost())
		result <- done
	}()
	await(t, func() bool { text, err := os.ReadFile(leader); return err == nil && len(text) > 1 })
	saved, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	// The first runtime is made to forget: the record and a live child are all that an interrupted one leaves.
	child := exec.Command("sleep", "1000")
	child.Env = []string{"JUJU_CONTEXT_ID=" + between(string(saved), `"context":"`, `"`)}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-result
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	write(t, record, string(saved), 0o600)
	write(t, filepath.Join(u.start.Workspace.CharmDir, "second"), "", 0o600)
	if done := u.dispatch(t, context.Background(), newHost()); done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Errorf("done = %v", done)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the orphan ended with %v, want killed", err)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestToolsOutsideOfAHook(t *testing.T) {
	u := newUnit(t, "#!/bin/sh\nenv > saved.env\n")
	u.dispatch(t, context.Background(), newHost())
	env, err := os.ReadFile(filepath.Join(u.start.Workspace.CharmDir, "saved.env"))
	if err != nil {
		t.Fatal(err)
	}
	for name, environment := range map[string][]string{"none": {}, "of a hook that ended": strings.Split(string(env), "\n")} {
		cmd := exec.Command(filepath.Join(u.start.Workspace.ToolsDir, "is-leader"))
		cmd.Env = environment
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "ERROR ") {
			t.Errorf("environment %s: %v, %q; want an error", name, err, out)
		}
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty": {nil, "neither an executable dispatch nor a directory hooks/"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range test.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, file), text, 0o755)
			}
			r := python.New(python.Config{})
			defer r.Close()
			got, err := r.Load(context.Background(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir})
			if err != nil || len(got.GetDiagnostics()) != 1 || !strings.Contains(got.GetDiagnostics()[0].GetMessage(), test.want) || got.GetHandle() != "" {
				t.Errorf("load = %v, %v; want one diagnostic with %q", got, err, test.want)
			}
		})
	}
}

// What may well run is not refused.
func TestLoadTakesCharmsWithOps(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"in venv":             {"src/charm.py": "import ops\n", "venv/ops/__init__.py": ""},
		"in a submodule":      {"src/charm.py": "from ops.main import main\n", "mod/operator/ops/__init__.py": ""},
		"in a wheelhouse":     {"src/charm.py": "import ops\n", "wheelhouse/ops-2.0.tar.gz": ""},
		"only if it is there": {"src/charm.py": "try:\n    import ops\nexcept ImportError:\n    ops = None\n"},
		"another":             {"src/charm.py": "import opsdroid\n# import ops\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files["dispatch"] = "#!/bin/sh\n"
			for file, text := range files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, file), text, 0o755)
			}
			r := python.New(python.Config{})
			defer r.Close()
			got, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir})
			if err != nil || len(got.GetDiagnostics()) > 0 {
				t.Errorf("load = %v, %v; want no diagnostic", got, err)
			}
		})
	}
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive says whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition did not come true within 20 s")
		}
	}
}
