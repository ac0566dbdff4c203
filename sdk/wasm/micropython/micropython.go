// Package micropython is the guest library for charms that are one Python file, charm.py, as text: the runtime evaluates
// it before the charm, and `bangle init` puts it beside a new charm for its tests and for editors.
package micropython

import _ "embed" // the files

var (
	//go:embed bangle/bangle.py
	library string
	//go:embed bangle/charmtest.py
	harness string
)

// Library is the module that a charm imports as "bangle".
func Library() string { return library }

// Harness is the module that runs a charm natively on python3.
func Harness() string { return harness }
