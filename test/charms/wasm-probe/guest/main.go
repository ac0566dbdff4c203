// Command guest is the charm wasm-probe, compiled to WASM.
package main

import (
	"errors"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var _ = charm.Serve(newCharm())

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.OnOther(observe)
	c.On(charm.ConfigChanged, observe)
	c.On(charm.ConfigChanged, goWrong)
	c.OnAction("say", func(ctx *charm.Context) error {
		ctx.SetResult("said", ctx.Param("word").String())
		return nil
	})
	c.OnAction("spin", func(ctx *charm.Context) error {
		ctx.Info("spins")
		spin()
		return nil
	})
	return c
}

// spin never ends.
func spin() {
	for { //nolint:staticcheck // an event that never ends is what is asked for
	}
}

// observe says what it saw in the log, to every relation and in the status.
func observe(ctx *charm.Context) error {
	e := ctx.Event()
	text := "saw " + e.Name + " "
	if e.RemoteUnit != "" {
		text += e.RemoteUnit
	} else {
		text += e.RemoteApp
	}
	if e.DepartingUnit != "" {
		text += " departing: " + e.DepartingUnit
	}
	ctx.Info(text)
	if r := ctx.Relation(); r != nil && !r.Broken() {
		r.Set("from", ctx.Unit())
	}
	if e.Name == charm.Start {
		ctx.OpenPort("80/tcp")
		ctx.SetVersion("1.0")
	}
	if e.Name != charm.Remove {
		ctx.SetStatus(charm.Active, ctx.Config("note").String())
	}
	return nil
}

// goWrong does what the option says.
func goWrong(ctx *charm.Context) error {
	switch ctx.Config("do").String() {
	case "fail":
		return errors.New("asked to fail")
	case "panic":
		panic("asked to panic")
	case "spin":
		spin()
	case "tell":
		for _, name := range []string{"in", "out"} {
			for _, r := range ctx.Relations(name) {
				r.Set("note", ctx.Config("note").String())
			}
		}
	}
	return nil
}
