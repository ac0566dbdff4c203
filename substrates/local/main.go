package local

import (
	"github.com/bangle-dev/bangle/sdk/plugin"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// Main serves both sides of the substrate as a plugin until its host ends it, and returns the exit code.
func Main() int {
	here := New(Config{Log: plugin.NewLogger(), Version: plugin.Version()})
	substrate.Serve(here, here)
	return 0
}
