// The example charm of the guest libraries, in Go.
package main

import (
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/example"
)

var _ = charm.Serve(example.Charm())

func main() {}
