// Package js is the guest library for charms that are one JavaScript file, charm.js, as text: the runtime evaluates it
// before the charm, and `bangle init` puts it beside a new charm for its tests and for editors.
package js

import _ "embed" // the files

var (
	//go:embed bangle/bangle.js
	library string
	//go:embed bangle/bangle.d.ts
	types string
	//go:embed bangle/charmtest.js
	harness string
)

// Library is the module that a charm imports as "bangle".
func Library() string { return library }

// Types declares the library's types for editors.
func Types() string { return types }

// Harness is the module that runs a charm natively on node.
func Harness() string { return harness }
