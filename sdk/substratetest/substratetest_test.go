package substratetest_test

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/sdk/substratetest"
	"github.com/bangle-dev/bangle/sdk/substratetest/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worlds remembers the world of each case, so that the next life finds it.
type worlds struct {
	mu  sync.Mutex
	all map[string]*reference.World
}

func (w *worlds) of(t testing.TB, dirs substratetest.Dirs) *reference.World {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all[dirs.State] == nil {
		world := reference.NewWorld(dirs.Run, dirs.State)
		w.all[dirs.State] = world
		t.Cleanup(world.Close)
	}
	return w.all[dirs.State]
}

// config is the suite for the reference substrate.
func config(fault reference.Fault, remote bool) substratetest.Config {
	w := &worlds{all: map[string]*reference.World{}}
	return substratetest.Config{
		Reboots: true,
		Start: func(t testing.TB, dirs substratetest.Dirs) substratetest.Subject {
			life := reference.New(w.of(t, dirs), fault)
			if !remote {
				return substratetest.Subject{Provider: life, Unit: life}
			}
			return substratetest.OverGRPC(func(substratetest.Dirs) (substrate.Provider, substrate.UnitSide) { return life, life.Side() })(t, dirs)
		},
		RestartContainer: func(t testing.TB, dirs substratetest.Dirs, socket string) {
			if err := w.of(t, dirs).Crash(socket); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestReferenceInProcess(t *testing.T) { substratetest.Run(t, config("", false)) }

func TestReferenceOverGRPC(t *testing.T) { substratetest.Run(t, config("", true)) }

// A suite that finds nothing is no suite: every planted fault must fail a case,
// and the reference none.
func TestPlantedFaultsAreFound(t *testing.T) {
	if n := len(substratetest.Cases()); n < 25 {
		t.Errorf("the suite has %d cases, want at least 25", n)
	}
	for _, fault := range append(reference.Faults(), "") {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			// A slow reader is noticed only where nothing is buffered between.
			cfg := config(fault, fault != reference.DropsLast)
			cfg.Patience = 2 * time.Second
			failed := substratetest.Failing(t, cfg)
			if (len(failed) > 0) != (fault != "") {
				t.Errorf("failing cases: %v", failed)
			}
			t.Logf("%d of %d cases fail", len(failed), len(substratetest.Cases()))
		})
	}
}
