// Package supervisor_test runs the conformance suite of the supervisor's API against the built program, or against any
// socket: go test ./test/conformance/supervisor -run TestSocket -socket=/path/of/socket
package supervisor_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/bangle-dev/bangle/supervisor/supervisortest"
)

var socket = flag.String("socket", "", "test whoever answers on this unix socket")

// program is the built supervisor.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
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

// place is a directory that every user may look into.
func place(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // other users must reach the socket
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// supervise starts the built supervisor and returns its socket.
func supervise(t testing.TB) string {
	t.Helper()
	dir := place(t)
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
	deadline, again := time.After(20*time.Second), time.NewTicker(2*time.Millisecond)
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

const atOnce = 8 // most cases only wait for a second to pass

// alone are the cases that others disturb or that disturb others: a replan touches all services and checks, and a busy
// supervisor may call a check that it has just stopped a running one for a moment.
var alone = []string{"services/replan", "checks/start-and-stop"}

// tryAll runs cases beside each other and then tells of each as a test.
func tryAll(t *testing.T, cfg supervisortest.Config, names []string) {
	failed := make(map[string]error, len(names))
	for _, name := range alone {
		failed[name] = supervisortest.Try(t.Context(), cfg, name)
	}
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, name := range names {
		if slices.Contains(alone, name) {
			continue
		}
		all.Go(func() error {
			err := supervisortest.Try(t.Context(), cfg, name)
			mu.Lock()
			defer mu.Unlock()
			failed[name] = err
			return nil
		})
	}
	_ = all.Wait()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if errors.Is(failed[name], supervisortest.ErrSkipped) {
				t.Skip(failed[name])
			}
			if failed[name] != nil {
				t.Error(failed[name])
			}
		})
	}
}

func TestSocket(t *testing.T) {
	if *socket == "" {
		t.Skip("no -socket given")
	}
	tryAll(t, supervisortest.Config{Socket: *socket, Dir: place(t)}, supervisortest.Cases())
}

// TestOurs runs the suite, and holds every request that succeeds and every answer against supervisor/openapi.yaml:
// nothing may come that is not there, and what is there must come.
func TestOurs(t *testing.T) {
	d := readDocument(t)
	tryAll(t, supervisortest.Config{Socket: supervise(t), Dir: place(t), Wrap: d.wrap}, supervisortest.Cases())
	t.Run("document", func(t *testing.T) { d.report(t); d.whole(t) })
}

const readHeader = 10 * time.Second

func TestSuiteIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range supervisortest.Cases() {
		if seen[name] {
			t.Errorf("case %s is there twice", name)
		}
		seen[name] = true
	}
	if len(seen) < 80 {
		t.Errorf("the suite has %d cases, want at least 80", len(seen))
	}
	t.Logf("%d cases", len(seen))
}
