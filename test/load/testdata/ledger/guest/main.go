// Command guest is the charm ledger, compiled to WASM.
package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var _ = charm.Serve(newCharm())

func main() {}

func newCharm() *charm.Charm {
	c := charm.New()
	c.OnOther(book)
	c.OnAction("once", func(ctx *charm.Context) error {
		count(ctx, "once."+ctx.Event().TaskID, 1)
		return book(ctx)
	})
	c.OnAction("show", func(ctx *charm.Context) error {
		leader, err := ctx.IsLeader()
		if err != nil {
			return err
		}
		ctx.SetResult("leader", strconv.FormatBool(leader))
		ctx.SetResult("book", page(ctx.AllState()))
		return book(ctx)
	})
	return c
}

// page is the state as lines of key=value.
func page(state map[string]string) string {
	lines := make([]string, 0, len(state))
	for k, v := range state {
		lines = append(lines, k+"="+v)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// book notes the event, and what it says, and tells the others what they are to see.
func book(ctx *charm.Context) error {
	e, tick := ctx.Event(), ctx.Config("tick").String()
	count(ctx, "n", 1)
	if e.Name != charm.Remove {
		ctx.SetStatus(charm.Active, tick)
	}
	r := ctx.Relation()
	who := ""
	if r != nil {
		who = r.Endpoint + "." + strings.Replace(e.RemoteUnit, "/", "-", 1)
	}
	switch {
	case e.Name == charm.ConfigChanged && ctx.Config("trip").String() == ctx.Unit():
		return errors.New("tripped")
	case e.Name == charm.ConfigChanged:
		ctx.SetState("tick", tick)
		for _, end := range []string{"in", "out", "ring"} {
			for _, r := range ctx.Relations(end) {
				if err := tell(ctx, r, tick); err != nil {
					return err
				}
			}
		}
	case e.Name == "leader-elected":
		count(ctx, "led", 1)
		for _, end := range []string{"in", "out"} {
			for _, r := range ctx.Relations(end) {
				r.SetApp("tick", tick)
			}
		}
	case strings.HasSuffix(e.Name, "-relation-created"):
		return tell(ctx, r, tick)
	case strings.HasSuffix(e.Name, "-relation-joined"):
		count(ctx, "in."+who, 1)
	case strings.HasSuffix(e.Name, "-relation-departed"):
		count(ctx, "in."+who, -1)
	case strings.HasSuffix(e.Name, "-relation-changed"):
		return hear(ctx, r, e, who)
	}
	return nil
}

func count(ctx *charm.Context, key string, by int) {
	n, _ := strconv.Atoi(ctx.State(key)) // nothing yet is 0
	ctx.SetState(key, strconv.Itoa(n+by))
}

// tell writes the tick where others see it.
func tell(ctx *charm.Context, r *charm.Relation, tick string) error {
	r.Set("tick", tick)
	if r.Endpoint == "ring" {
		return nil
	}
	leader, err := ctx.IsLeader()
	if leader {
		r.SetApp("tick", tick)
	}
	return err
}

// hear notes what the other side says.
func hear(ctx *charm.Context, r *charm.Relation, e charm.Event, who string) error {
	owner, key := e.RemoteUnit, "saw."+who
	if owner == "" {
		owner, key = r.RemoteApp, "app."+r.Endpoint+"."+r.RemoteApp
	}
	bag, err := r.Read(owner)
	if err == nil {
		ctx.SetState(key, bag["tick"])
	}
	return err
}
