package python

import (
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Main serves the runtime as a plugin until its host ends it, and returns the exit code.
func Main() int {
	charmruntime.Serve(New(Config{Log: plugin.NewLogger(), Version: plugin.Version()}))
	return 0
}
