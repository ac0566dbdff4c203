// Command chance is a charm whose writes depend on everything that is not its event: clocks, random numbers, the order of
// maps, and time that passes.
package main

import (
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var _ = charm.Serve(newCharm())

var (
	born  = time.Now()
	first = rand.Int64()
)

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		began := time.Now()
		ctx.SetState("now", began.Format(time.RFC3339Nano))
		ctx.SetState("born", born.Format(time.RFC3339Nano)+strconv.FormatInt(first, 10))
		key := make([]byte, 16)
		_, _ = crand.Read(key)
		ctx.SetState("key", hex.EncodeToString(key))
		ctx.SetState("dice", strconv.FormatInt(rand.Int64(), 10))
		order := ""
		for name := range map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8} {
			order += name
		}
		ctx.SetState("order", order)
		time.Sleep(3 * time.Millisecond)
		ctx.SetState("slept", fmt.Sprint(time.Since(began) >= 3*time.Millisecond))
		ctx.SetState("took", time.Since(began).String())
		return nil
	})
	return c
}
