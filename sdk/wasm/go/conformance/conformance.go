// Package conformance is the charm that the vectors of sdk/wasm and the conformance suite of runtimes drive: it does what the
// config option "do" says, one command a line (sdk/charmruntimetest has the list; "show", "app-bag", "open" and "goal" are added).
// Every guest library has it in its own language.
package conformance

import (
	"errors"
	"os"
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

// Charm is that charm.
func Charm() *charm.Charm {
	c := charm.New()
	c.OnOther(obey)
	c.OnAction("backup", obey)
	return c
}

func obey(ctx *charm.Context) error {
	for line := range strings.SplitSeq(ctx.Config("do").String(), "\n") {
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
	case "show":
		return ctx.ShowStatus(word[1], word[2])
	case "app-bag":
		relation(ctx, word[1]).SetApp(word[2], word[3])
	case "open":
		ctx.OpenPort(word[1])
	case "goal":
		goal, err := ctx.Goal()
		ctx.SetState("planned", strconv.Itoa(len(goal.Units)))
		ctx.SetState(word[1], goal.Units[word[1]].Status)
		ctx.SetState(word[2], goal.Relations["db"][word[2]].Status)
		return err
	case "version":
		ctx.SetVersion(word[1])
	case "delete-state":
		ctx.DeleteState(word[1])
	case "action-fail":
		ctx.Fail(word[1])
	case "get":
		_, body, err := ctx.Container(word[1]).Request("GET", word[2], "", "")
		ctx.SetState("body", body)
		return err
	case "push":
		return ctx.Container(word[1]).Push(word[2], word[3], charm.PushOptions{MakeDirs: true})
	case "error":
		return errors.New(strings.Join(word[1:], " "))
	case "panic":
		panic(word[1])
	case "big":
		ctx.SetState("big", strings.Repeat("x", n))
	case "fail":
		os.Exit(n)
	case "hang":
		ctx.Info("hanging")
		for { //nolint:staticcheck // a charm that uses all of its processor is what is asked for
		}
	default:
		return extra(ctx, word)
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
