// Command empty is a charm without handlers.
package main

import charm "github.com/bangle-dev/bangle/sdk/wasm/go"

var _ = charm.Serve(charm.New())

func main() {}
