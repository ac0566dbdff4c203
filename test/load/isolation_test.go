package load_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

var deaf = flag.Bool("deaf", false, "isolation: stop a process that runs charms and wait until it is replaced, which takes a minute")

// TestIsolation: two applications of two units share one process that runs WASM charms, or have one for each application or
// for each unit, as the model says.
func TestIsolation(t *testing.T) {
	s := stage.New(t, stage.Config{})
	for _, app := range []string{"a", "b"} {
		s.Deploy(echo(t, s), &clientv1.DeployRequest{Application: app, Units: 2})
	}
	seen := map[int]bool{}
	for n, c := range []struct {
		setting string
		fresh   int
	}{{"model", 1}, {"application", 2}, {"unit", 4}, {"model", 0}} {
		_, err := s.Client().ModelConfig(t.Context(), connect.NewRequest(&clientv1.ModelConfigRequest{Model: stage.Model, Set: map[string]string{"isolation": c.setting}}))
		must(t, err)
		round(s, fmt.Sprint("round ", n))
		fresh := 0
		for _, p := range wasmRuntimes(s) {
			if !seen[p.PID] {
				seen[p.PID] = true
				fresh++
			}
		}
		if fresh != c.fresh {
			t.Errorf("isolation=%s started %d processes, want %d", c.setting, fresh, c.fresh)
		}
	}
	if !*deaf {
		return
	}
	for _, p := range wasmRuntimes(s) {
		must(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	}
	round(s, "replaced")
	for _, p := range wasmRuntimes(s) {
		if seen[p.PID] && strings.Contains(s.Agent.Log(), "does not answer") {
			t.Logf("%d was at rest and stands still", p.PID)
			must(t, syscall.Kill(p.PID, syscall.SIGCONT))
		}
	}
	t.Log(s.Agent.Tail(10))
}

// round has every unit run an event.
func round(s *stage.Stage, note string) {
	for _, app := range []string{"a", "b"} {
		s.Config(app, map[string]string{"note": note})
	}
	s.Await(stage.All(stage.Active("a", 2, note), stage.Active("b", 2, note)))
}

// echo is the charm that says what the configuration says.
func echo(t *testing.T, s *stage.Stage) string {
	t.Helper()
	dir := filepath.Join(s.Dir, "echo")
	must(t, os.MkdirAll(dir, 0o755))
	meta, err := os.ReadFile("../bench/testdata/echo/charmcraft.yaml")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "charmcraft.yaml"), meta, 0o644))
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", filepath.Join(dir, "charm.wasm"), "../bench/testdata/echo")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the charm: %v\n%s", err, out)
	}
	return dir
}

// wasmRuntimes are the processes that run WASM charms.
func wasmRuntimes(s *stage.Stage) []stage.Proc {
	var list []stage.Proc
	for _, p := range s.Processes() {
		program, _, _ := strings.Cut(p.Command, " ")
		if p.Parent == s.AgentPID() && filepath.Base(program) == "runtime-wasm" {
			list = append(list, p)
		}
	}
	return list
}
