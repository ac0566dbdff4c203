package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"encoding/json"
	"log/slog"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a supervisor inside the test's process. There can be one at a
// time: it reaps every child of the process.
type running struct {
	*client.Client
	t    *testing.T
	dir  string
	cfg  daemon.Config
	stop func() int
}

func start(t *testing.T, layers map[string]string, edit func(*daemon.Config)) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "layers"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range layers {
		if err := os.WriteFile(filepath.Join(dir, "layers", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := daemon.Config{
		Dir: dir, Socket: filepath.Join(dir, "s"), Hold: true, Environ: os.Environ(), Stdout: &bytes.Buffer{},
		Log: daemon.NewLog(t.Output(), slog.LevelInfo),
	}
	if edit != nil {
		edit(&cfg)
	}
	return launch(t, dir, cfg)
}

func launch(t *testing.T, dir string, cfg daemon.Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	type result struct {
		code int
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		code, err := daemon.Run(ctx, cfg)
		ended <- result{code, err}
	}()
	c, err := client.New(client.Config{Socket: cfg.Socket})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Client: c, t: t, dir: dir, cfg: cfg}
	var once *result
	r.stop = func() int {
		if once == nil {
			cancel()
			got := <-ended
			once = &got
			c.Close()
		}
		if once.err != nil {
			t.Error(once.err)
		}
		return once.code
	}
	t.Cleanup(func() { r.stop() })
	r.eventually("supervisor answers", func() bool {
		_, err := c.SystemInfo(t.Context())
		return err == nil
	})
	return r
}

// eventually polls until ok, for at most 20 seconds.
func (r *running) eventually(what string, ok func() bool) {
	r.t.Helper()
	deadline, again := time.After(20*time.Second), time.NewTicker(2*time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			r.t.Fatalf("never happened: %s", what)
		}
	}
}

// change waits for a change and returns it.
func (r *running) change(id string, err error) client.Change {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := r.WaitChange(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *running) current(name string) string {
	r.t.Helper()
	list, err := r.Services(r.t.Context(), name)
	if err != nil || len(list) != 1 {
		r.t.Fatalf("%v %v", list, err)
	}
	return list[0].Current
}

func (r *running) lines(service string) []string {
	r.t.Helper()
	var out []string
	err := r.Logs(r.t.Context(), client.LogOptions{Services: []string{service}, N: -1}, func(e client.LogEntry) error {
		out = append(out, e.Message)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func alive(pid string) bool {
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	return err == nil && syscall.Kill(n, 0) == nil
}

const shell = `services:
  app:
    override: replace
    startup: enabled
    command: sh -c 'trap "echo bye; exit 0" TERM; echo up $GREETING; sleep 1000 & echo $! > "$PIDS"; wait'
    environment: {GREETING: hello}
  tail: {override: replace, command: sleep 1000, requires: [app], after: [app]}
`

func TestServiceLife(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	r := start(t, map[string]string{"001-base.yaml": shell}, func(c *daemon.Config) {
		c.Environ = append(c.Environ, "PIDS="+pids)
	})
	ctx := t.Context()
	c := r.change(r.Autostart(ctx))
	if c.Failure() != nil || c.Kind != "autostart" || c.Summary != `Autostart service "app"` {
		t.Fatalf("%+v", c)
	}
	if got := r.current("app"); got != "active" {
		t.Fatalf("app is %s", got)
	}
	if got := r.lines("app"); !slices.Contains(got, "up hello") {
		t.Fatalf("output %q", got)
	}
	child, err := os.ReadFile(pids)
	if err != nil || !alive(string(child)) {
		t.Fatalf("child %q %v", child, err)
	}
	if c := r.change(r.Stop(ctx, "app")); c.Failure() != nil || len(c.Tasks) != 2 {
		t.Fatalf("stop takes what requires it along: %+v", c)
	}
	r.eventually("the group's other process is gone", func() bool { return !alive(string(child)) })
	if got := r.lines("app"); got[len(got)-1] != "bye" {
		t.Fatalf("output %q", got)
	}
	c = r.change(r.Start(ctx, "tail"))
	if c.Failure() != nil || r.current("app") != "active" {
		t.Fatalf("start takes requirements along: %+v", c)
	}
	if r.stop() != daemon.ExitOK {
		t.Error("exit code after SIGTERM is not 0")
	}
	if _, err := os.Stat(r.cfg.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket was left behind")
	}
}

func TestShutdownOrder(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	one := func(name, more string) string {
		return fmt.Sprintf("  %s: {override: replace, command: \"sh -c 'trap \\\"echo %s >> %s; exit 0\\\" TERM; echo ready; while :; do sleep 0.01; done'\"%s}\n", name, name, log, more)
	}
	r := start(t, map[string]string{"001-base.yaml": "services:\n" + one("db", "") + one("app", ", requires: [db], after: [db]")}, nil)
	if c := r.change(r.Start(t.Context(), "app")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	r.stop()
	got, err := os.ReadFile(log)
	if err != nil || string(got) != "app\ndb\n" {
		t.Errorf("stopped in order %q %v, want app before db", got, err)
	}
}

func TestCrashBackoffAndSignals(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": `services:
  crash: {override: replace, command: sh -c 'echo run; exec sleep 1000', backoff-delay: 1ms, backoff-factor: 1}
`}, nil)
	ctx := t.Context()
	if c := r.change(r.Start(ctx, "crash")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	if err := r.Signal(ctx, "SIGKILL", "crash"); err != nil {
		t.Fatal(err)
	}
	r.eventually("it runs again", func() bool { return len(r.lines("crash")) == 2 && r.current("crash") == "active" })
	var e *client.Error
	if err := r.Signal(ctx, "SIGNONE", "crash"); !errors.As(err, &e) || e.Status != http.StatusInternalServerError {
		t.Errorf("bad signal name: %v", err)
	}
	if err := r.Signal(ctx, "SIGHUP", "nobody"); !errors.As(err, &e) || e.Status != http.StatusInternalServerError {
		t.Errorf("unknown service: %v", err)
	}
}

func TestQuickExitShowsOutput(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": "services: {bad: {override: replace, command: sh -c 'echo no config; exit 7', backoff-delay: 1h}}"}, nil)
	c := r.change(r.Start(t.Context(), "bad"))
	if !strings.Contains(c.Err, "exited quickly with code 7, will restart") || !strings.Contains(strings.Join(c.Tasks[0].Log, "\n"), "    no config") {
		t.Fatalf("%q %q", c.Err, c.Tasks[0].Log)
	}
	if got := r.current("bad"); got != "backoff" {
		t.Errorf("current %s", got)
	}
}

func TestShutdownByService(t *testing.T) {
	for action, want := range map[string]int{"shutdown": daemon.ExitServiceFailure, "success-shutdown": daemon.ExitOK} {
		r := start(t, map[string]string{"001-base.yaml": "services: {end: {override: replace, command: sh -c 'exit 3', on-failure: " + action + "}}"}, nil)
		if _, err := r.Start(t.Context(), "end"); err != nil {
			t.Fatal(err)
		}
		r.eventually("the supervisor ends", func() bool { _, err := r.SystemInfo(t.Context()); return err != nil })
		if got := r.stop(); got != want {
			t.Errorf("%s: exit code %d, want %d", action, got, want)
		}
	}
}

func TestLayersAndReplan(t *testing.T) {
	r := start(t, nil, nil)
	ctx := t.Context()
	layer := func(env string) string {
		return "services: {a: {override: replace, command: sleep 1000, startup: enabled, environment: {K: " + env + "}}}"
	}
	if c := r.change(r.Replan(ctx)); c.Summary != "Replan - no services" || c.Status != "Done" {
		t.Errorf("%+v", c)
	}
	var e *client.Error
	if _, err := r.Autostart(ctx); !errors.As(err, &e) || e.Kind != client.KindNoDefaultService {
		t.Errorf("autostart without services: %v", err)
	}
	if err := r.AddLayer(ctx, "one", layer("v1"), client.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.AddLayer(ctx, "one", layer("v1"), client.AddOptions{}); !errors.As(err, &e) || e.Message != `layer "one" already exists` {
		t.Errorf("same label: %v", err)
	}
	if err := r.AddLayer(ctx, "pebble-x", layer("v1"), client.AddOptions{}); !errors.As(err, &e) || e.Status != http.StatusBadRequest {
		t.Errorf("reserved label: %v", err)
	}
	if c := r.change(r.Replan(ctx)); c.Failure() != nil || r.current("a") != "active" {
		t.Fatalf("%+v", c)
	}
	if err := r.AddLayer(ctx, "one", layer("v2"), client.AddOptions{Combine: true}); err != nil {
		t.Fatal(err)
	}
	if c := r.change(r.Replan(ctx)); len(c.Tasks) != 2 || c.Tasks[0].Kind != "stop" || c.Failure() != nil {
		t.Errorf("a changed service is stopped and started: %+v", c)
	}
	if text, err := r.Plan(ctx); err != nil || !strings.Contains(text, "K: v2") {
		t.Errorf("%s %v", text, err)
	}
}

func TestRunFileSocketAndState(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := start(t, nil, func(c *daemon.Config) { c.PIDFile = pidFile })
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		PID       int
		StartTime string `json:"start_time"`
		BootID    string `json:"boot_id"`
		Socket    string
	}
	if err := json.Unmarshal(data, &f); err != nil || f.PID != os.Getpid() || f.Socket != r.cfg.Socket || f.StartTime == "" || f.BootID == "" {
		t.Errorf("%s %v", data, err)
	}
	if info, _ := os.Stat(r.cfg.Socket); info.Mode().Perm() != 0o666 {
		t.Errorf("socket mode %s", info.Mode())
	}
	if _, err := daemon.Run(t.Context(), daemon.Config{Dir: r.dir, Socket: r.cfg.Socket, Log: r.cfg.Log}); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("second supervisor: %v", err)
	}
	id, err := r.Notify(t.Context(), "example.com/kept", client.NotifyOptions{Data: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	first := r.change(r.Replan(t.Context()))
	r.stop()
	if err := os.WriteFile(r.cfg.Socket, nil, 0o600); err != nil { // stale
		t.Fatal(err)
	}
	again := launch(t, r.dir, r.cfg)
	n, err := again.Notice(t.Context(), id)
	if err != nil || n.Key != "example.com/kept" || n.LastData["k"] != "v" {
		t.Errorf("notice after a restart: %+v %v", n, err)
	}
	if c := again.change(again.Replan(t.Context())); c.ID == first.ID {
		t.Errorf("change id %s was given twice", c.ID)
	}
}

func TestUnwritableStateHangsNothing(t *testing.T) {
	r := start(t, nil, func(c *daemon.Config) {
		c.Dir = filepath.Join(c.Dir, "gone")
		if err := os.Mkdir(c.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.RemoveAll(r.cfg.Dir); err != nil { // nothing can be written there any more, also by root
		t.Fatal(err)
	}
	for range 5 {
		if _, err := r.Notify(t.Context(), "example.com/x", client.NotifyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec(t, r, client.ExecOptions{Command: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
}

func TestServiceArgs(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": "services: {a: {override: replace, command: 'sh -c \"echo $0 $1; exec sleep 1000\" [ default words ]'}}"},
		func(c *daemon.Config) { c.Args = map[string][]string{"a": {"given", "args here"}} })
	if c := r.change(r.Start(t.Context(), "a")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	if got := r.lines("a"); !slices.Equal(got, []string{"given args here"}) {
		t.Errorf("%q", got)
	}
}

func TestOnlyOpenEndpointsOverTCP(t *testing.T) {
	r := start(t, nil, func(c *daemon.Config) { c.HTTP = "127.0.0.1:0" })
	info, err := r.SystemInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	for path, want := range map[string]int{
		"/v1/system-info": 200, "/v1/health": 200, "/v1/services": 401, "/v1/plan": 401, "/v1/notices": 401, "/v1/files": 401, "/nothing": 404,
	} {
		resp, err := (&http.Client{Transport: tr}).Get("http://" + info.HTTPAddress + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestTrim(t *testing.T) {
	program, err := os.Stat("/proc/self/exe")
	if err != nil {
		t.Skip("there is no /proc")
	}
	for range 2 { // what it needs comes back
		if got := int64(daemon.Trim()); got < program.Size()/4 || got > program.Size()+1<<20 {
			t.Errorf("%d bytes of a program of %d", got, program.Size())
		}
	}
}
