// Command charm is the operator of gate, compiled to WASM.
package main

import charm "github.com/bangle-dev/bangle/sdk/wasm/go"

var _ = charm.Serve(newCharm())

func main() {}
