// Command bangle-supervisor runs services (`run`) and, with any other verb or
// under the name pebble, drives a running supervisor.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/supervisor/cli"
)

func main() {
	os.Exit(cli.Main(cli.Process{
		Args: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
