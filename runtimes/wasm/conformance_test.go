package wasm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/charmruntimetest"
)

func TestConformance(t *testing.T) {
	w, err := built()
	if err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, wasm.File), []byte("this is no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := func() charmruntime.Runtime {
		r, err := wasm.New(wasm.Config{CacheDir: filepath.Join(w.dir, "cache")})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	charmruntimetest.Run(t, charmruntimetest.Config{
		Start: charmruntimetest.OverGRPC(fresh), Charm: w.obey, Broken: broken, Empty: w.empty,
	})
}
