package local_test

import (
	"log/slog"
	"testing"

	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/sdk/substratetest"
	"github.com/bangle-dev/bangle/substrates/local"
)

func TestConformanceInProcess(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Supervisor: bin("bangle-supervisor"), Hooktool: bin("hooktool"),
		Start: func(t testing.TB, dirs substratetest.Dirs) substratetest.Subject {
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
		},
	})
}

func TestConformanceBinary(t *testing.T) {
	substratetest.Run(t, substratetest.Config{
		Supervisor: bin("bangle-supervisor"), Hooktool: bin("hooktool"), Start: substratetest.Binary(bin("substrate-local")),
	})
}
