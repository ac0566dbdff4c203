package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/cli"
	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type shell struct {
	t   *testing.T
	env []string
}

// run runs one command line and returns exit code, stdout and stderr.
func (s shell) run(args ...string) (int, string, string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(cli.Process{Args: append([]string{"pebble"}, args...), Environ: s.env, Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

func supervise(t *testing.T) (shell, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := daemon.Run(ctx, daemon.Config{
			Dir: dir, Hold: true, Environ: os.Environ(), Stdout: &bytes.Buffer{}, Log: daemon.NewLog(t.Output(), slog.LevelWarn),
		}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	s := shell{t, []string{"PEBBLE=" + dir}}
	deadline, again := time.After(20*time.Second), time.NewTicker(2*time.Millisecond)
	defer again.Stop()
	for {
		if _, out, _ := s.run("version"); strings.Contains(out, "server  v") {
			return s, dir
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the supervisor never answered")
		}
	}
}

func TestVerbs(t *testing.T) {
	s, dir := supervise(t)
	layer, local := filepath.Join(dir, "l.yaml"), filepath.Join(dir, "back")
	text := "services: {a: {override: replace, command: sh -c 'echo up; exec sleep 1000', startup: enabled}}\n" +
		"checks: {c: {override: replace, startup: disabled, tcp: {port: 1}}}\n"
	if err := os.WriteFile(layer, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		code int
		want string // in stdout, or in stderr when the code is not 0
	}{
		{"add base " + layer, 0, ""},
		{"add base " + layer, 1, "already exists"},
		{"plan", 0, "exec sleep 1000"},
		{"services", 0, "a        enabled  inactive"},
		{"replan", 0, ""},
		{"services a", 0, "active"},
		{"logs -n all", 0, "[a] up"},
		{"signal HUP nobody", 1, "does not exist"},
		{"restart --no-wait a", 0, "2"},
		{"changes", 0, "Replan service \"a\""},
		{"tasks 1", 0, "Start service \"a\""},
		{"tasks 77", 1, "cannot find change"},
		{"stop a", 0, ""},
		{"notify example.com/x k=v", 0, "Recorded notice"},
		{"notify example.com/x nothing", 2, "NAME=VALUE"},
		{"notices --type custom", 0, "example.com/x"},
		{"notice 1", 0, "change-update"},
		{"checks", 0, "c      -      disabled  inactive"},
		{"health", 0, "healthy"},
		{"mkdir -p " + dir + "/d/e", 0, ""},
		{"push " + layer + " " + dir + "/d/e/f", 0, ""},
		{"ls " + dir + "/d/e", 0, "f\n"},
		{"ls -l " + dir + "/d/e", 0, "644"},
		{"pull " + dir + "/d/e/f " + local, 0, ""},
		{"rm " + dir + "/d", 1, "not empty"},
		{"rm -r " + dir + "/d", 0, ""},
		{"exec -- sh -c exit\\ 3", 3, ""},
		{"exec --env A=b -w / -- env", 0, "A=b"},
		{"explode", 2, "unknown command"},
		{"help", 0, "usage: pebble"},
	} {
		args := strings.Split(strings.ReplaceAll(tc.args, "\\ ", "\x00"), " ")
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\x00", " ")
		}
		code, out, errs := s.run(args...)
		seen := out
		if code != 0 {
			seen = errs
		}
		if code != tc.code || !strings.Contains(seen, tc.want) {
			t.Errorf("%s: code %d out %q err %q, want %d and %q", tc.args, code, out, errs, tc.code, tc.want)
		}
	}
	if got, err := os.ReadFile(local); err != nil || string(got) != text {
		t.Errorf("pulled %q %v", got, err)
	}
}

func TestUnreachable(t *testing.T) {
	code, _, errs := shell{t, []string{"PEBBLE_SOCKET=/no/such/socket"}}.run("services")
	if code != 1 || !strings.Contains(errs, "cannot reach supervisor at /no/such/socket") {
		t.Errorf("%d %q", code, errs)
	}
}

func TestRunRefusals(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"run --args", "requires a service name"},
		{"run --args a b ; --args a c", "given twice"},
		{"run now", "takes no arguments"},
		{"run", "must be absolute"},
	} {
		code, _, errs := shell{t, []string{"PEBBLE=relative"}}.run(strings.Fields(tc.args)...)
		if code != 1 || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: %d %q", tc.args, code, errs)
		}
	}
}

func ExampleMain() {
	code := cli.Main(cli.Process{Args: []string{"pebble", "version", "--client"}, Stdout: os.Stdout, Stderr: os.Stderr})
	fmt.Println(code)
	// Output:
	// v1.32.1-bangle
	// 0
}

// The client's types must read what the daemon's types write.
func TestNoticeIsTheSameOnBothSides(t *testing.T) {
	s, _ := supervise(t)
	s.run("notify", "--repeat-after", "1h", "example.com/x", "k=v")
	_, out, _ := s.run("notice", "1")
	var n client.Notice
	if err := json.Unmarshal([]byte(out), &n); err != nil || n.LastData["k"] != "v" || n.RepeatAfter != "1h0m0s" || n.FirstOccurred.IsZero() {
		t.Errorf("%s %v", out, err)
	}
}
