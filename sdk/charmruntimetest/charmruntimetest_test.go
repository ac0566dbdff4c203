package charmruntimetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is the suite for the reference runtime.
func config(t *testing.T, start func(testing.TB) charmruntimetest.Subject) charmruntimetest.Config {
	t.Helper()
	charm, broken, empty, err := reference.WriteCharms(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return charmruntimetest.Config{Start: start, Charm: charm, Broken: broken, Empty: empty}
}

func fresh(fault reference.Fault) func() charmruntime.Runtime {
	return func() charmruntime.Runtime { return reference.New(fault) }
}

func TestReferenceInProcess(t *testing.T) {
	charmruntimetest.Run(t, config(t, charmruntimetest.InProcess(fresh(""))))
}

func TestReferenceOverGRPC(t *testing.T) {
	charmruntimetest.Run(t, config(t, charmruntimetest.OverGRPC(fresh(""))))
}

func TestReferenceAsBinary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runtime-reference")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "./testdata/runtime-reference")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	charmruntimetest.Run(t, config(t, charmruntimetest.Binary(file)))
}

// A suite that finds nothing is no suite: every planted fault must fail a case,
// and the reference none.
func TestPlantedFaultsAreFound(t *testing.T) {
	if n := len(charmruntimetest.Cases()); n < 25 {
		t.Errorf("the suite has %d cases, want at least 25", n)
	}
	for _, fault := range append(reference.Faults(), "") {
		t.Run(string(fault), func(t *testing.T) {
			if fault != "" { // files are counted per process, and a fault that leaks them must not run beside the sound one
				t.Parallel()
			}
			cfg := config(t, charmruntimetest.InProcess(fresh(fault)))
			cfg.Patience = 3 * time.Second
			failed := charmruntimetest.Failing(t, cfg)
			if (len(failed) > 0) != (fault != "") {
				t.Errorf("failing cases: %v", failed)
			}
		})
	}
}
