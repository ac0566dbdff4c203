// Package python_test runs the tests of the Python package's client of the supervisor against the built supervisor, on
// every interpreter that this machine has.
package python_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	sdk    = "../../../sdk/python"
	limit  = 5 * time.Minute // of one interpreter; it takes seconds
	oldest = "3.8"
)

// program is the built supervisor.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "pebble")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./supervisor/cmd/bangle-supervisor")
	cmd.Dir, cmd.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the supervisor: %v\n%s", err, out)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// interpreters finds one Python of each version from the oldest on, by version.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	home, _ := os.UserHomeDir()
	candidates := []string{"/usr/bin/python3", "/usr/local/bin/python3"}
	for _, pattern := range []string{"/usr/bin/python3.*", "/usr/local/bin/python3.*", home + "/.pyenv/versions/*/bin/python3"} {
		names, _ := filepath.Glob(pattern)
		candidates = append(candidates, names...)
	}
	if name, err := exec.LookPath("python3"); err == nil {
		candidates = append(candidates, name)
	}
	found := map[string]string{}
	for _, name := range candidates {
		out, err := exec.Command(name, "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 8))").Output()
		version, enough, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err == nil && enough == "True" && found[version] == "" {
			found[version] = name
		}
	}
	if len(found) == 0 {
		t.Skipf("there is no Python %s or newer", oldest)
	}
	return found
}

// supervise starts the built supervisor in a directory and returns its socket.
func supervise(t *testing.T, dir string) string {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(program, "run", "--hold")
	cmd.Env = append(os.Environ(), "PEBBLE="+dir, "PEBBLE_SOCKET=")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("supervisor: %v\n%s", err, log.String())
		}
	})
	path := filepath.Join(dir, ".pebble.socket")
	deadline, again := time.After(30*time.Second), time.NewTicker(2*time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			return path
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the supervisor never answered")
		}
	}
}

// place is a directory with a short name.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestPebble(t *testing.T) {
	tests, err := filepath.Abs(filepath.Join(sdk, "tests", "live"))
	if err != nil {
		t.Fatal(err)
	}
	found := interpreters(t)
	for _, version := range slices.Sorted(maps.Keys(found)) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, found[version], "-B", "-W", "error::ResourceWarning",
				"-m", "unittest", "discover", "-s", tests, "-t", tests)
			cmd.Dir = filepath.Join(tests, "..", "..")
			cmd.Env = append(os.Environ(), "PYTHONPATH="+cmd.Dir, "PEBBLE_SOCKET="+supervise(t, place(t)),
				"PEBBLE_TEST_DIR="+place(t), "PYTHONDONTWRITEBYTECODE=1")
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("\nOK")) {
				t.Errorf("%s: %v\n%s", found[version], err, out)
			}
		})
	}
}
