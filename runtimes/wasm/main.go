package wasm

import (
	"os"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Main serves the runtime as a plugin until its host ends it, and returns the exit code.
func Main() int {
	rt, err := New(Config{CacheDir: os.Getenv(EnvCache)})
	if err != nil {
		plugin.NewLogger().Error("cannot start", "error", err)
		return 1
	}
	charmruntime.Serve(rt)
	return 0
}
