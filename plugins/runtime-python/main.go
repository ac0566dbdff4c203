// Command runtime-python is this one plugin alone; bangle-agent holds all built-in ones in one file.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/runtimes/python"
)

func main() { os.Exit(python.Main()) }
