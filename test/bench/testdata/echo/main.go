// Command echo is the WASM charm that is measured: it says in its status what the configuration says.
package main

import charm "github.com/bangle-dev/bangle/sdk/wasm/go"

var _ = charm.Serve(newCharm())

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		ctx.SetStatus(charm.Active, ctx.Config("note").String())
		return nil
	})
	return c
}
