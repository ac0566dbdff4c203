// Command runtime-wasm is this one plugin alone; bangle-agent holds all built-in ones in one file.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/runtimes/wasm"
)

func main() { os.Exit(wasm.Main()) }
