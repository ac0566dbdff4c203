// Command go is the soak's charm in Go.
package main

import (
	"strconv"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var (
	_    = charm.Serve(newCharm())
	kept [][]byte
)

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		n, _ := strconv.Atoi(ctx.State("seen")) // nothing is 0
		ctx.SetState("seen", strconv.Itoa(n+1))
		ctx.SetStatus(charm.Active, ctx.Config("note").String())
		return nil
	})
	c.OnAction("trap", func(*charm.Context) error { panic("asked to trap") })
	c.OnAction("grow", func(ctx *charm.Context) error {
		for range 8 {
			kept = append(kept, make([]byte, 1<<20))
		}
		ctx.SetResult("kept", strconv.Itoa(len(kept)))
		return nil
	})
	c.OnAction("spin", func(*charm.Context) error {
		for {
			kept = append(kept[:0], nil)
		}
	})
	return c
}
