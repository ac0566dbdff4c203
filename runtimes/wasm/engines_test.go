package wasm

import (
	"os"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/script"
)

// NeedEngines skips what needs the engines of scripts, which the build fetches from npm, where they are not.
func NeedEngines(t testing.TB) {
	t.Helper()
	for _, e := range script.Engines() {
		switch {
		case e.Here():
		case os.Getenv("BANGLE_TOOLCHAINS") == "all":
			t.Fatalf("there is no engine for %s: run `go tool task engines`", e.Language)
		default:
			t.Skipf("there is no engine for %s: `go tool task engines` fetches it from npm", e.Language)
		}
	}
}
