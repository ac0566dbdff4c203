// Command guest is the charm that the runtime's tests run.
package main

import charm "github.com/bangle-dev/bangle/sdk/wasm/go"

var _ = charm.Serve(newCharm())

func main() {}

var count int // memory is scratch: a test looks whether it is 1 in every event

func newCharm() *charm.Charm {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		count++
		ctx.Info("title is " + ctx.Config("title").String())
		ctx.SetStatus(charm.Active, ctx.Config("title").String())
		return nil
	})
	return c
}
