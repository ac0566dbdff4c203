// Command obey is the charm that the conformance suite of runtimes drives: it does what the config option "do" says.
package main

import (
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/conformance"
)

var _ = charm.Serve(conformance.Charm())

func main() {}
