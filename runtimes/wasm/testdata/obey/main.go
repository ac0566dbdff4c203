// Command obey is the charm that the conformance suite of runtimes drives: it does what the config option "do" says.
package main

import (
	"errors"
	"os"
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var _ = charm.Serve(newCharm())

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.OnOther(obey)
	c.OnAction("backup", obey)
	return c
}

func obey(ctx *charm.Context) error {
	for _, line := range strings.Split(ctx.Config("do").String(), "\n") {
		if line == "" {
			continue
		}
		if err := command(ctx, strings.Split(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

func command(ctx *charm.Context, word []string) error {
	switch word[0] {
	case "status":
		ctx.SetStatus(word[1], word[2])
	case "state":
		ctx.SetState(word[1], word[2])
	case "bag":
		relation(ctx, word[1]).Set(word[2], word[3])
	case "copy-config":
		ctx.SetState(word[2], ctx.Config(word[1]).String())
	case "size-config":
		ctx.SetState(word[2], strconv.Itoa(len(ctx.Config(word[1]).String())))
	case "copy-bag":
		bag, err := relation(ctx, word[1]).Read(word[2])
		ctx.SetState(word[4], bag[word[3]])
		return err
	case "copy-state":
		ctx.SetState(word[2], ctx.State(word[1]))
	case "log":
		ctx.Info(word[1])
	case "leader":
		leader, err := ctx.IsLeader()
		ctx.SetState(word[1], strconv.FormatBool(leader))
		return err
	case "result":
		ctx.SetResult(word[1], word[2])
	default:
		return end(ctx, word)
	}
	return nil
}

// end are the commands that end otherwise.
func end(ctx *charm.Context, word []string) error {
	n := 0
	if len(word) > 1 {
		n, _ = strconv.Atoi(word[1])
	}
	switch word[0] {
	case "big":
		ctx.SetState("big", strings.Repeat("x", n))
	case "fail":
		os.Exit(n)
	case "hang":
		ctx.Info("hanging")
		for {
		}
	default:
		return errors.New("cannot obey " + strings.Join(word, " "))
	}
	return nil
}

func relation(ctx *charm.Context, id string) *charm.Relation {
	n, _ := strconv.Atoi(id)
	for _, r := range ctx.Relations("db") {
		if r.ID == n {
			return r
		}
	}
	return nil
}
