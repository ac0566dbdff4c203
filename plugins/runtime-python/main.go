// Command runtime-python is the plugin that runs executable charms.
package main

import (
	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

func main() {
	charmruntime.Serve(python.New(python.Config{Log: plugin.NewLogger(), Version: plugin.Version()}))
}
