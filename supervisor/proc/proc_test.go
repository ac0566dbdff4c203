package proc_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// accounts is a tree with two files.
type accounts struct{}

func (accounts) Open(path string) (io.ReadCloser, error) {
	switch path {
	case "/etc/passwd":
		return io.NopCloser(strings.NewReader("root:x:0:0::/root:/bin/sh\nbroken line\nweb:x:33:34::/srv:/bin/false\n")), nil
	case "/etc/group":
		return io.NopCloser(strings.NewReader("root:x:0:\nweb:x:34:\nlog:x:40:web\n")), nil
	}
	return nil, os.ErrNotExist
}

func TestResolve(t *testing.T) {
	id := func(n int) *int { return &n }
	for _, tc := range []struct {
		name string
		q    proc.Request
		want proc.Account
		err  string
	}{
		{"nothing", proc.Request{}, proc.Account{}, ""},
		{"user", proc.Request{User: "web"}, proc.Account{Given: true, UID: 33, GID: 34, Name: "web", Home: "/srv"}, ""},
		{"user and id", proc.Request{User: "web", UserID: id(33)}, proc.Account{Given: true, UID: 33, GID: 34, Name: "web", Home: "/srv"}, ""},
		{"id", proc.Request{UserID: id(33)}, proc.Account{Given: true, UID: 33, GID: 34, Name: "web", Home: "/srv"}, ""},
		{"user and group", proc.Request{User: "web", Group: "log"}, proc.Account{Given: true, UID: 33, GID: 40, Name: "web", Home: "/srv"}, ""},
		{"bare ids", proc.Request{UserID: id(1000), GroupID: id(1001)}, proc.Account{Given: true, UID: 1000, GID: 1001}, ""},
		{"mismatch", proc.Request{User: "web", UserID: id(1)}, proc.Account{}, "does not match user-id"},
		{"group mismatch", proc.Request{User: "web", Group: "log", GroupID: id(1)}, proc.Account{}, "does not match group-id"},
		{"only group", proc.Request{Group: "log"}, proc.Account{}, "must specify user"},
		{"unknown user", proc.Request{User: "nobody"}, proc.Account{}, "unknown user"},
		{"unknown group", proc.Request{User: "web", Group: "x"}, proc.Account{}, "unknown group"},
		{"bare uid", proc.Request{UserID: id(1000)}, proc.Account{}, "must specify group"},
	} {
		got, err := tc.q.Resolve(accounts{})
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: error %v, want %q", tc.name, err, tc.err)
			}
		} else if err != nil || got != tc.want {
			t.Errorf("%s: %+v %v", tc.name, got, err)
		}
	}
}

func reaper(t *testing.T) *proc.Reaper {
	t.Helper()
	r, err := proc.NewReaper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// sh runs a script with its output in a pipe.
func sh(t *testing.T, r *proc.Reaper, script string, session bool) (*proc.Process, *os.File) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pw.Close()
	t.Cleanup(func() { pr.Close() })
	p, err := r.Start(proc.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ(), Session: session, Files: []*os.File{null, pw, pw}})
	if err != nil {
		t.Fatal(err)
	}
	return p, pr
}

func TestExitCodes(t *testing.T) {
	r := reaper(t)
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -15 $$": 143} {
		p, _ := sh(t, r, script, false)
		if got, err := p.Wait(t.Context()); err != nil || got != want {
			t.Errorf("%s: %d %v, want %d", script, got, err, want)
		}
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, proc.ErrEnded) {
			t.Errorf("a signal after the end: %v", err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	r := reaper(t)
	var all []*proc.Process
	for range 60 {
		p, _ := sh(t, r, "exit 3", false)
		all = append(all, p)
	}
	for _, p := range all {
		if code, err := p.Wait(t.Context()); code != 3 || err != nil {
			t.Fatal(code, err)
		}
	}
}

func TestStartFails(t *testing.T) {
	r := reaper(t)
	if _, err := r.Start(proc.Spec{Path: "/no/such/program", Args: []string{"x"}}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := r.Start(proc.Spec{Path: "/bin/sh", Args: []string{"sh"}, Dir: "/no/such/dir"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	r := reaper(t)
	p, out := sh(t, r, "(sleep 0.05; exit 9) & echo $!", true)
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	r.Drain(out, &b) // ends once the orphan has ended too
	pid := strings.TrimSpace(b.String())
	deadline, again := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("orphan %s is still there", pid)
		}
	}
}

func TestGroupSignalReachesGrandchildren(t *testing.T) {
	r := reaper(t)
	p, out := sh(t, r, "sleep 1000 & echo ready; wait", false)
	buf := make([]byte, 6)
	if _, err := io.ReadFull(out, buf); err != nil {
		t.Fatal(err)
	}
	if err := p.SignalGroup(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code, err := p.Wait(t.Context()); code != 137 || err != nil {
		t.Error(code, err)
	}
	r.Drain(out, io.Discard) // would not end while the grandchild lives
}
