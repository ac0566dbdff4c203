// Command runtime-wasm is the plugin that runs charms compiled to WASM.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

func main() {
	rt, err := wasm.New(wasm.Config{CacheDir: os.Getenv(wasm.EnvCache)})
	if err != nil {
		plugin.NewLogger().Error("cannot start", "err", err)
		os.Exit(1)
	}
	charmruntime.Serve(rt)
}
