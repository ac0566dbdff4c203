// Command bangle runs applications and their integrations: the command line, and with `controller run` the controller.
package main

import (
	"os"

	"github.com/bangle-dev/bangle/core/cli"
)

func main() {
	os.Exit(cli.Main(os.Args))
}
