package local_test

import (
	"log/slog"
	"testing"

	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/sdk/substratetest"
	"github.com/bangle-dev/bangle/substrates/local"
)

// cleaned ends what a case leaves when it has killed the substrate that its own cleaning goes through.
func cleaned(start func(testing.TB, substratetest.Dirs) substratetest.Subject) func(testing.TB, substratetest.Dirs) substratetest.Subject {
	known := map[string]bool{}
	return func(t testing.TB, dirs substratetest.Dirs) substratetest.Subject {
		if !known[dirs.State] { // with the first life, so that it runs after all lives have ended
			known[dirs.State] = true
			t.Cleanup(func() { home{state: dirs.State, run: dirs.Run}.sweep(t) })
		}
		return start(t, dirs)
	}
}

func TestConformanceInProcess(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Supervisor: bin("bangle-supervisor"), Hooktool: bin("hooktool"),
		Start: cleaned(func(t testing.TB, dirs substratetest.Dirs) substratetest.Subject {
			s := local.New(local.Config{Log: slog.New(slog.DiscardHandler), Version: "test"})
			served := substratetest.OverGRPC(func(substratetest.Dirs) (substrate.Provider, substrate.UnitSide) { return s, s })(t, dirs)
			kill := served.Kill
			served.Kill = func() {
				kill()
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			return served
		}),
	})
}

func TestConformanceBinary(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Supervisor: bin("bangle-supervisor"), Hooktool: bin("hooktool"), Start: cleaned(substratetest.Binary(bin("substrate-local"))),
	})
}
