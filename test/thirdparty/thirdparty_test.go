// Package thirdparty holds a substrate and a runtime that are built from
// published packages alone; this test runs them as bangle would.
package thirdparty

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
	"github.com/bangle-dev/bangle/sdk/substratetest"
)

// built builds a main; dir is the module's that has it.
func built(t *testing.T, dir, source string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(source))
	build := exec.Command("go", "build", "-trimpath", "-o", file, "./"+source)
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", source, err, out)
	}
	return file
}

func TestRuntimeAny(t *testing.T) {
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start:  charmruntimetest.Binary(built(t, ".", "runtime-any")),
		Charm:  "testdata/charms/conformance",
		Broken: "testdata/charms/broken",
		Empty:  "testdata/charms/empty",
	})
}

func TestSubstratePlain(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Start:      substratetest.Binary(built(t, ".", "substrate-plain")),
		Supervisor: supervisor(t),
	})
}

// supervisor is the program that places run: BANGLE_SUPERVISOR, or the one of the
// tree that this folder is part of.
func supervisor(t *testing.T) string {
	if file := os.Getenv("BANGLE_SUPERVISOR"); file != "" {
		return file
	}
	return built(t, "../..", "supervisor/cmd/bangle-supervisor")
}
