// Command charm is the operator of nats, compiled to WASM.
package main

import charm "github.com/bangle-dev/bangle/sdk/wasm/go"

var _ = charm.Serve(newCharm())

func main() {}
