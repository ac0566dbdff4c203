// Command guest is the charm that the runtime's tests run.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

var _ = charm.Serve(newCharm())

func main() {}

// memory is scratch: a test looks whether all of this is new in every event.
var (
	count int
	kept  [][]byte
)

func newCharm() *charm.Charm {
	c := charm.New()
	c.On(charm.ConfigChanged, configChanged)
	c.On(charm.Install, grow)
	c.On(charm.Start, func(*charm.Context) error { return errors.New("no database\nbecause there is none") })
	c.On(charm.Stop, printed)
	c.On(charm.UpgradeCharm, func(*charm.Context) error { panic("boom") })
	c.On(charm.Remove, fatal)
	c.On(charm.LeaderElected, leads)
	c.On(charm.UpdateStatus, supervise)
	c.OnAction("fails", func(*charm.Context) error { return errors.New("it cannot be done") })
	return c
}

func configChanged(ctx *charm.Context) error {
	count++
	ctx.Info("title is " + ctx.Config("title").String())
	ctx.SetStatus(charm.Active, ctx.Config("title").String())
	ctx.SetState("count", strconv.Itoa(count))
	ctx.SetState("kept", strconv.Itoa(len(kept)))
	return nil
}

func grow(ctx *charm.Context) error {
	for range 20 {
		kept = append(kept, []byte(strings.Repeat("x", 1<<20)))
	}
	ctx.SetState("kept", strconv.Itoa(len(kept)))
	return nil
}

func printed(*charm.Context) error {
	fmt.Println("to standard output")
	fmt.Fprint(os.Stderr, "to standard error, without an end")
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println("files:", err != nil, "args:", len(os.Args), "env:", len(os.Environ()))
	return nil
}

// fatal dies in a way that no charm can catch.
func fatal(*charm.Context) error {
	go func() {
		var m map[string]int
		m["x"] = 1
	}()
	select {}
}

func leads(ctx *charm.Context) error {
	ctx.SetAppStatus(charm.Active, "all is well")
	ctx.SetLeaderSetting("term", "1")
	if r := ctx.Relation(); r != nil {
		r.SetApp("key", "value")
	}
	return nil
}

// supervise does everything that a container can do and says what came of it.
func supervise(ctx *charm.Context) error {
	c := ctx.Container("web")
	path := ctx.Config("dir").String() + "/a/file"
	if err := c.Push(path, "text \xff\x00 end", charm.PushOptions{MakeDirs: true, Permissions: "0600"}); err != nil {
		return err
	}
	text, err := c.Pull(path)
	if err != nil {
		return err
	}
	ctx.SetState("pulled", strconv.Quote(text))
	if _, err := c.Pull(path + ".none"); err != nil {
		var refused *charm.Error
		ctx.SetState("missing", strconv.FormatBool(errors.As(err, &refused) && refused.Class == "NOT_FOUND"))
	}
	ran, err := c.Exec([]string{"sh", "-c", "cat; echo $WHO >&2; exit 3"}, charm.ExecOptions{Stdin: "in", Environment: map[string]string{"WHO": "me"}})
	if err != nil {
		return err
	}
	ctx.SetState("ran", fmt.Sprintf("%d %q %q", ran.ExitCode, ran.Stdout, ran.Stderr))
	err = c.AddLayer("web", charm.Layer{Services: map[string]charm.ServiceSpec{"web": {Command: "sleep 1000"}, "bad": {Command: "false", Disabled: true}}})
	if err != nil {
		return err
	}
	if err := c.Replan(); err != nil {
		return err
	}
	err = c.Start("bad")
	ctx.SetState("bad", strconv.FormatBool(err != nil))
	services, err := c.Services("web")
	if err != nil {
		return err
	}
	ctx.SetState("services", fmt.Sprint(services))
	if err := c.SendSignal("SIGWINCH", "web"); err != nil {
		return err
	}
	_, err = ctx.Container("other").Pull("/etc/passwd")
	ctx.SetState("other", fmt.Sprint(err))
	return c.Stop("web")
}
