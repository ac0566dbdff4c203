// Command bangle-agent is the process beside the units, and the built-in plugins under their own names: one file, so that
// they share its text in memory, and separate processes all the same.
package main

import (
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/agent"
	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/substrates/local"
)

func main() {
	parts := map[string]func() int{"runtime-python": python.Main, "runtime-wasm": wasm.Main, "substrate-local": local.Main}
	if run, ok := parts[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	os.Exit(agent.Main(os.Args[1:], os.Stderr))
}
