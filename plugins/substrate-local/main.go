// Command substrate-local is this one plugin alone; bangle-agent holds all built-in ones in one file.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/substrates/local"
)

func main() { os.Exit(local.Main()) }
