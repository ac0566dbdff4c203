package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// screenOf collects what a program writes to its terminal.
type screenOf struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screenOf) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screenOf) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// onTerminal starts a command line on a terminal of its own.
func (w *world) onTerminal(args ...string) (*os.File, *screenOf, func() int) {
	w.t.Helper()
	cmd := w.program(args...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		w.t.Fatal(err)
	}
	s, read := &screenOf{}, make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(s, tty) }()
	return tty, s, func() int {
		err := cmd.Wait()
		<-read
		_ = tty.Close()
		return exitCode(w.t, err)
	}
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestExecOnATerminal(t *testing.T) {
	w := newWorld(t)
	w.supervise()
	script := `stty size; trap 'again=1; stty size' WINCH; echo "$TERM"; echo ready
		while read line || [ "$again" ]; do again=; echo "<$line>"; done; exit 7` // a trap ends read as the end of the input does
	tty, screen, wait := w.onTerminal("exec", "--", "sh", "-c", script)
	see := func(text string) { w.eventually(text, func() bool { return strings.Contains(screen.String(), text) }) }
	see("40 120")
	see("dumb")
	see("ready")
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 50, Cols: 99}); err != nil {
		t.Fatal(err)
	}
	see("50 99")
	// In raw mode this terminal does not echo: what is seen is the far one's echo and the answer.
	if _, err := io.WriteString(tty, "hello\r"); err != nil {
		t.Fatal(err)
	}
	see("<hello>")
	if n := strings.Count(screen.String(), "hello"); n != 2 {
		t.Errorf("hello is on the screen %d times, want the far echo and the answer:\n%q", n, screen.String())
	}
	if _, err := io.WriteString(tty, "\x04"); err != nil {
		t.Fatal(err)
	}
	if code := wait(); code != 7 {
		t.Errorf("exit code %d, want 7:\n%s", code, screen)
	}
}

func TestCtrlCOnATerminalReachesTheCommand(t *testing.T) {
	w := newWorld(t)
	w.supervise()
	tty, screen, wait := w.onTerminal("exec", "--", "sh", "-c", `trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done`)
	w.eventually("ready", func() bool { return strings.Contains(screen.String(), "ready") })
	if _, err := io.WriteString(tty, "\x03"); err != nil {
		t.Fatal(err)
	}
	if code := wait(); code != 9 || !strings.Contains(screen.String(), "caught") {
		t.Errorf("exit code %d:\n%s", code, screen)
	}
}

func TestExecOnPipes(t *testing.T) {
	w := newWorld(t)
	w.supervise()
	cmd := w.program("exec", "--", "sh", "-c", `cat; echo out; echo err >&2; tty; exit 3`)
	cmd.Stdin = strings.NewReader("in\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if code := exitCode(t, cmd.Run()); code != 3 || out.String() != "in\nout\nnot a tty\n" || errs.String() != "err\n" {
		t.Errorf("code %d out %q err %q", code, out.String(), errs.String())
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	w := newWorld(t)
	w.supervise()
	for name, sig := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "USR1": syscall.SIGUSR1} {
		cmd := w.program("exec", "--", "sh", "-c", `trap 'exit 42' `+name+`; echo ready; while :; do sleep 0.01; done`)
		var out screenOf
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.eventually("ready", func() bool { return strings.Contains(out.String(), "ready") })
		_ = cmd.Process.Signal(sig)
		if code := exitCode(t, cmd.Wait()); code != 42 {
			t.Errorf("%s: exit code %d, want 42", name, code)
		}
	}
}

func TestProgressOnATerminal(t *testing.T) {
	w := newWorld(t)
	w.layer("services: {a: {override: replace, command: sleep 1000}}")
	w.supervise()
	_, screen, wait := w.onTerminal("start", "a")
	if code := wait(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, screen)
	}
	if text := screen.String(); !strings.Contains(text, "\rStart service \"a\"") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("no progress, or it is left on the screen: %q", text)
	}
}

func TestInterruptAbortsTheChange(t *testing.T) {
	w := newWorld(t)
	w.layer("services: {a: {override: replace, command: sleep 1000}}")
	w.supervise()
	cmd := w.program("start", "a")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.eventually("the change is there", func() bool { _, text := w.run("changes"); return strings.Contains(text, "Doing") })
	_ = cmd.Process.Signal(syscall.SIGINT)
	if code := exitCode(t, cmd.Wait()); code != 1 || !strings.Contains(errs.String(), "start aborted, sent SIGKILL to process") {
		t.Errorf("%d %q", code, errs.String())
	}
}

func (w *world) layer(text string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "layers")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "001-base.yaml"), []byte(text), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

func TestEnter(t *testing.T) {
	for _, tc := range []struct {
		args, want string
		code       int
	}{
		{"services", "a        enabled  inactive  -\n", 0},
		{"--hold plan", "sleep 1000", 0},
		{"exec -- sh -c 'echo hi; exit 4'", "hi\n", 4},
		{"exec --context a pwd", "", 0},
		{"--run exec -- sh -c 'ls layers; echo ran'", "ran\n", 0},
		{"ls /none", "no such file", 1},
		{"version --client", "v1.32.1-bangle\n", 0},
		{"version", "server  v1.32.1-bangle\n", 0},
		{"start nobody", "does not exist", 1},
	} {
		t.Run(tc.args, func(t *testing.T) {
			w := newWorld(t)
			w.layer("services: {a: {override: replace, command: sleep 1000, startup: enabled}}")
			text, err := w.program(append([]string{"enter"}, words(tc.args)...)...).CombinedOutput()
			if code := exitCode(t, err); code != tc.code || !strings.Contains(string(text), tc.want) {
				t.Errorf("%d %q", code, text)
			}
		})
	}
}

// TestEnterStartStays: the supervisor goes on after the command, and a signal ends it well, also one that comes while the command
// still waits.
func TestEnterStartStays(t *testing.T) {
	for _, state := range []string{"Doing", "Done"} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t)
			w.layer("services: {a: {override: replace, command: sleep 1000}}")
			cmd := w.program("enter", "start", "a")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.eventually("the change is "+state, func() bool { _, text := w.run("changes"); return strings.Contains(text, state) })
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if code := exitCode(t, cmd.Wait()); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestEnterRefusesASocketInUse(t *testing.T) {
	w := newWorld(t)
	w.supervise()
	text, err := w.program("enter", "services").CombinedOutput()
	if code := exitCode(t, err); code != 1 || !strings.Contains(string(text), "already in use") {
		t.Errorf("%d %q", code, text)
	}
}
