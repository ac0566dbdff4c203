package python

import (
	"os"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Main serves the runtime as a plugin until its host ends it, and returns the exit code. BANGLE_PYTHON=cold in its
// environment starts an interpreter for every event.
func Main() int {
	r := New(Config{Log: plugin.NewLogger(), Version: plugin.Version(), Cold: os.Getenv("BANGLE_PYTHON") == "cold"})
	defer r.Close()
	charmruntime.Serve(r)
	return 0
}
