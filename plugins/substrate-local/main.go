// Command substrate-local is the plugin that places units on the user's own machine.
package main

import (
	"github.com/bangle-dev/bangle/sdk/plugin"
	"github.com/bangle-dev/bangle/sdk/substrate"
	"github.com/bangle-dev/bangle/substrates/local"
)

func main() {
	here := local.New(local.Config{Log: plugin.NewLogger(), Version: plugin.Version()})
	substrate.Serve(here, here)
}
