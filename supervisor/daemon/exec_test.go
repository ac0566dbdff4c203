package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func exec(t *testing.T, r *running, o client.ExecOptions) error {
	t.Helper()
	p, err := r.Exec(t.Context(), o)
	if err != nil {
		return err
	}
	return p.Wait(t.Context())
}

func TestExecStreamsAndCode(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": "services: {ctx: {override: replace, command: x, environment: {FROM: service, BOTH: service}, working-dir: /}}"}, nil)
	var out, errs bytes.Buffer
	err := exec(t, r, client.ExecOptions{
		Command: []string{"sh", "-c", `read line; echo "$line $FROM $BOTH $LANG $(pwd)"; echo problem >&2; exit 42`},
		Stdin:   strings.NewReader("input\n"), Stdout: &out, Stderr: &errs,
		ServiceContext: "ctx", Environment: map[string]string{"BOTH": "request", "LANG": "xx"},
	})
	var exit *client.ExitError
	if !errors.As(err, &exit) || exit.Code != 42 {
		t.Errorf("error %v", err)
	}
	if out.String() != "input service request xx /\n" || errs.String() != "problem\n" {
		t.Errorf("out %q err %q", out.String(), errs.String())
	}
	out.Reset()
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "echo a; echo b >&2"}, Stdout: &out}); err != nil || out.String() != "a\nb\n" {
		t.Errorf("combined: %q %v", out.String(), err)
	}
	out.Reset()
	if err := exec(t, r, client.ExecOptions{Command: []string{"head", "-c", "3000000", "/dev/zero"}, Stdout: &out}); err != nil || out.Len() != 3000000 {
		t.Errorf("large output: %d bytes %v", out.Len(), err)
	}
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "kill -9 $$"}}); !errors.As(err, &exit) || exit.Code != 137 {
		t.Errorf("death by signal: %v", err)
	}
}

func TestExecLargeInput(t *testing.T) {
	r := start(t, nil, nil)
	var out bytes.Buffer
	in := strings.Repeat("0123456789", 200_000)
	if err := exec(t, r, client.ExecOptions{Command: []string{"cat"}, Stdin: strings.NewReader(in), Stdout: &out}); err != nil || out.String() != in {
		t.Errorf("%d of %d bytes came back, %v", out.Len(), len(in), err)
	}
	// A command that does not read its input must still end.
	if err := exec(t, r, client.ExecOptions{Command: []string{"true"}, Stdin: strings.NewReader(in)}); err != nil {
		t.Error(err)
	}
}

func TestExecTimeoutKillsTheTree(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pid")
	r := start(t, nil, nil)
	err := exec(t, r, client.ExecOptions{
		Command: []string{"sh", "-c", "sleep 1000 & echo $! > " + pids + "; wait"}, Timeout: 300 * time.Millisecond,
	})
	if err == nil || !strings.Contains(err.Error(), "timed out after 300ms") {
		t.Errorf("error %v", err)
	}
	if pid, err := os.ReadFile(pids); err == nil {
		r.eventually("the grandchild is gone", func() bool { return !alive(string(pid)) })
	}
}

func TestExecGrandchildDoesNotHoldTheChange(t *testing.T) {
	r := start(t, nil, nil)
	var out bytes.Buffer
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "sleep 20 & echo done"}, Stdout: &out}); err != nil || out.String() != "done\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

// Clients wait a second longer than the timeout that they gave. What happens to a command whose output others hold after
// it was killed must not be decided in that very moment: the change is ready clearly later.
func TestTimedOutExecWithGrandchild(t *testing.T) {
	r := start(t, nil, nil)
	const timeout = 100 * time.Millisecond
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "setsid sleep 20 & sleep 20"}, Timeout: timeout}); err == nil {
		t.Error("a command that timed out has succeeded")
	}
	var found bool
	r.eventually("the change is ready", func() bool {
		list, err := r.Changes(t.Context(), "ready", "")
		for _, c := range list {
			if c.Kind != "exec" || err != nil {
				continue
			}
			found = true
			if took := c.ReadyTime.Sub(c.SpawnTime); took < timeout+1900*time.Millisecond || !strings.Contains(c.Err, "timed out after 100ms") {
				t.Errorf("after %v: %s", took, c.Err)
			}
		}
		return found
	})
}

func TestExecSignalAndVanish(t *testing.T) {
	r := start(t, nil, nil)
	ready := &waitWriter{seen: make(chan struct{})}
	p, err := r.Exec(t.Context(), client.ExecOptions{
		Command: []string{"sh", "-c", `trap "exit 5" HUP; echo ready; while :; do sleep 0.01; done`}, Stdout: ready,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ready.seen
	if err := p.Signal(t.Context(), "SIGHUP"); err != nil {
		t.Fatal(err)
	}
	var exit *client.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) || exit.Code != 5 {
		t.Errorf("signal: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready = &waitWriter{seen: make(chan struct{})}
	if _, err := r.Exec(ctx, client.ExecOptions{Command: []string{"sh", "-c", "echo ready; exec sleep 1000"}, Stdout: ready}); err != nil {
		t.Fatal(err)
	}
	<-ready.seen
	cancel()
	r.eventually("the command of a client that vanished ends", func() bool {
		open, err := r.Changes(t.Context(), "in-progress", "")
		return err == nil && len(open) == 0
	})
}

// waitWriter says when something was written first.
type waitWriter struct {
	seen chan struct{}
	done bool
}

func (w *waitWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}

func TestExecTerminal(t *testing.T) {
	r := start(t, nil, nil)
	var out bytes.Buffer
	err := exec(t, r, client.ExecOptions{
		Command: []string{"sh", "-c", "test -t 0 && test -t 1 && stty size && cat"}, Terminal: true, Interactive: true,
		Width: 100, Height: 30, Stdin: strings.NewReader("typed\n"), Stdout: &out,
	})
	if err != nil || !strings.Contains(out.String(), "30 100") || !strings.Contains(out.String(), "typed") {
		t.Errorf("%q %v", out.String(), err)
	}
}

func TestExecRefusals(t *testing.T) {
	r := start(t, nil, nil)
	for name, tc := range map[string]struct {
		o      client.ExecOptions
		status int
		want   string
	}{
		"empty":      {client.ExecOptions{}, 400, "must specify"},
		"executable": {client.ExecOptions{Command: []string{"no-such-program"}}, 400, `cannot find executable "no-such-program"`},
		"context":    {client.ExecOptions{Command: []string{"true"}, ServiceContext: "x"}, 400, `context service "x" not found`},
		"user":       {client.ExecOptions{Command: []string{"true"}, User: "nobody-at-all"}, 400, "unknown user"},
		"group":      {client.ExecOptions{Command: []string{"true"}, Group: "root"}, 400, "must specify user"},
		"dir":        {client.ExecOptions{Command: []string{"true"}, WorkingDir: "/no/such"}, 500, `working directory "/no/such" does not exist`},
	} {
		_, err := r.Exec(t.Context(), tc.o)
		var e *client.Error
		if !errors.As(err, &e) || e.Status != tc.status || !strings.Contains(e.Message, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExecAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may become another user")
	}
	r := start(t, nil, nil)
	var out bytes.Buffer
	uid, gid := 65534, 65533
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "id -u; id -g; id -G"}, UserID: &uid, GroupID: &gid, Stdout: &out}); err != nil || out.String() != "65534\n65533\n65533\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

func TestFiles(t *testing.T) {
	r := start(t, nil, nil)
	ctx, dir := t.Context(), t.TempDir()
	path := filepath.Join(dir, "a", `na"me ä.txt`)
	content := strings.Repeat("content ", 100_000)
	if err := r.Push(ctx, path, strings.NewReader(content), true, client.Owner{Permissions: "640"}); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := r.Pull(ctx, path, &got); err != nil || got.String() != content {
		t.Errorf("pull: %d bytes, %v", got.Len(), err)
	}
	list, err := r.ListFiles(ctx, filepath.Dir(path), "na*", false)
	if err != nil || len(list) != 1 || list[0].Path != path || list[0].Permissions != "640" || list[0].Size != int64(len(content)) || list[0].Type != "file" {
		t.Errorf("%+v %v", list, err)
	}
	if err := r.MakeDir(ctx, filepath.Join(dir, "x/y"), false, client.Owner{}); !isKind(err, client.KindNotFound) {
		t.Errorf("mkdir without parents: %v", err)
	}
	if err := r.MakeDir(ctx, filepath.Join(dir, "x/y"), true, client.Owner{Permissions: "700"}); err != nil {
		t.Error(err)
	}
	if err := r.MakeDir(ctx, filepath.Join(dir, "x/y"), false, client.Owner{}); !isKind(err, client.KindGenericFileError) {
		t.Errorf("mkdir of what exists: %v", err)
	}
	if err := r.Remove(ctx, filepath.Join(dir, "x"), false); !isKind(err, client.KindGenericFileError) {
		t.Errorf("remove of a full directory: %v", err)
	}
	if err := r.Remove(ctx, filepath.Join(dir, "x"), true); err != nil {
		t.Error(err)
	}
	if err := r.Remove(ctx, filepath.Join(dir, "x"), true); err != nil {
		t.Errorf("recursive remove of what is missing: %v", err)
	}
	if err := r.Remove(ctx, filepath.Join(dir, "x"), false); !isKind(err, client.KindNotFound) {
		t.Errorf("remove of what is missing: %v", err)
	}
	if err := r.Pull(ctx, filepath.Join(dir, "none"), io.Discard); !isKind(err, client.KindNotFound) {
		t.Errorf("pull of what is missing: %v", err)
	}
	if err := r.Push(ctx, "relative", strings.NewReader(""), false, client.Owner{}); !isKind(err, client.KindGenericFileError) {
		t.Errorf("relative path: %v", err)
	}
	if _, err := r.ListFiles(ctx, filepath.Join(dir, "none"), "", false); !isKind(err, client.KindNotFound) {
		t.Errorf("list of what is missing: %v", err)
	}
}

func isKind(err error, kind string) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Kind == kind
}

func TestNoticesLongPoll(t *testing.T) {
	r := start(t, nil, nil)
	ctx := t.Context()
	got := make(chan []client.Notice, 1)
	go func() {
		list, err := r.Notices(ctx, client.NoticeFilter{Types: []string{"custom"}, Timeout: 20 * time.Second})
		if err != nil {
			t.Error(err)
		}
		got <- list
	}()
	id, err := r.Notify(ctx, "example.com/x", client.NotifyOptions{Data: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	list := <-got
	if len(list) != 1 || list[0].ID != id || list[0].UserID == nil || *list[0].UserID != uint32(os.Getuid()) || list[0].ExpireAfter != "168h0m0s" {
		t.Fatalf("%+v", list)
	}
	list, err = r.Notices(ctx, client.NoticeFilter{Types: []string{"custom"}, After: list[0].LastRepeated, Timeout: 10 * time.Millisecond})
	if err != nil || len(list) != 0 {
		t.Errorf("nothing new: %v %v", list, err)
	}
	if _, err := r.Notify(ctx, "Bad Key", client.NotifyOptions{}); err == nil {
		t.Error("a bad key was accepted")
	}
}

func TestChecks(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "healthy")
	r := start(t, map[string]string{"001-base.yaml": `checks:
  up: {override: replace, level: alive, period: 1h, timeout: 1m, threshold: 2, exec: {command: test -e ` + flag + `}}
  off: {override: replace, startup: disabled, tcp: {port: 1}}
`}, nil)
	ctx := t.Context()
	refresh := func(want string, healthy bool) { // no period passes: on a busy machine a short one would be a short timeout too
		t.Helper()
		_, said, err := r.RefreshCheck(ctx, "up")
		got, herr := r.Health(ctx, "ready")
		if err != nil || herr != nil || said != want || got != healthy {
			t.Fatalf("%v %v %q healthy %v, want %q %v", err, herr, said, got, want, healthy)
		}
	}
	refresh("exit status 1", true)
	refresh("exit status 1", false)
	list, err := r.Changes(ctx, "all", "")
	if err != nil || !slices.ContainsFunc(list, func(c client.Change) bool {
		return c.Kind == "perform-check" && c.Status == "Error" && strings.Contains(c.Err, "exit status 1")
	}) || !slices.ContainsFunc(list, func(c client.Change) bool { return c.Kind == "recover-check" }) {
		t.Errorf("no change failed that another one recovers: %+v %v", list, err)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refresh("", true)
	ns, err := r.Notices(ctx, client.NoticeFilter{Types: []string{"change-update"}})
	if err != nil || !slices.ContainsFunc(ns, func(n client.Notice) bool {
		return n.LastData["check-name"] == "up" && n.LastData["kind"] == "recover-check"
	}) {
		t.Errorf("notices %+v %v", ns, err)
	}
	if changed, err := r.StopChecks(ctx, "up", "off"); err != nil || !slices.Equal(changed, []string{"up"}) {
		t.Errorf("stop: %q %v", changed, err)
	}
	checks, err := r.Checks(ctx, "")
	if err != nil || len(checks) != 2 || checks[1].Status != "inactive" || checks[0].Startup != "disabled" {
		t.Errorf("%+v %v", checks, err)
	}
	if _, err := r.StartChecks(ctx, "none"); err == nil {
		t.Error("an unknown check was started")
	}
}

func TestCheckFailureShutsDown(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": `services: {a: {override: replace, command: sleep 1000, on-check-failure: {up: shutdown}}}
checks: {up: {override: replace, startup: disabled, period: 10ms, threshold: 1, exec: {command: "false"}}}
`}, nil)
	if c := r.change(r.Start(t.Context(), "a")); c.Failure() != nil { // no check ends the supervisor for a service that does not run
		t.Fatal(c.Failure())
	}
	if _, err := r.StartChecks(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	r.eventually("the supervisor ends", func() bool { _, err := r.SystemInfo(t.Context()); return err != nil })
	if got := r.stop(); got != daemon.ExitCheckFailure {
		t.Errorf("exit code %d", got)
	}
}

func TestRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("changing the root needs privileges")
	}
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "leak")); err != nil {
		t.Fatal(err)
	}
	r := start(t, nil, func(c *daemon.Config) { c.Root = root })
	if err := r.Push(t.Context(), "/sub/file", strings.NewReader("x"), true, client.Owner{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "sub/file")); err != nil {
		t.Error(err)
	}
	_ = r.Push(t.Context(), "/leak/file", strings.NewReader("x"), true, client.Owner{})
	_ = r.Push(t.Context(), "/../../../../../../"+outside+"/file", strings.NewReader("x"), false, client.Owner{})
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("a write left the root: %v", entries)
	}
	if _, err := r.Exec(t.Context(), client.ExecOptions{Command: []string{"true"}}); err == nil {
		t.Error("a program outside of the root was found")
	}
}

func TestErrorsOnTheWire(t *testing.T) {
	r := start(t, nil, nil)
	var e *client.Error
	if _, err := r.Change(t.Context(), "999999"); !errors.As(err, &e) || e.Status != http.StatusNotFound || e.Message != `cannot find change with id "999999"` {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context()); !errors.As(err, &e) || e.Message != "must specify services for start action" {
		t.Errorf("%v", err)
	}
	if _, err := r.Start(t.Context(), "x"); !errors.As(err, &e) || e.Message != `cannot start services: service "x" does not exist` {
		t.Errorf("%v", err)
	}
	if _, err := r.Changes(t.Context(), "some", ""); !errors.As(err, &e) || e.Status != 400 {
		t.Errorf("%v", err)
	}
}
