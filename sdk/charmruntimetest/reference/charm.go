package reference

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// exitError is a charm's exit code.
type exitError int

// Error names the code.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// charm is the suite's charm during one event.
type charm struct {
	runtime *Runtime
	hook    *hook.Context
	start   *charmruntimev1.Start
	held    []string // log lines of the fault ReordersLog
}

// arguments says how many a word of the suite takes, -1 for an unknown word.
func arguments(verb string) int {
	switch verb {
	case "hang":
		return 0
	case "log", "leader", "big", "fail":
		return 1
	case "status", "state", "copy-config", "size-config", "copy-state", "result":
		return 2
	case "bag":
		return 3
	case "copy-bag":
		return 4
	}
	return -1
}

// obey does one command after the other until one fails.
func (c *charm) obey(ctx context.Context, do string) error {
	for line := range strings.Lines(do) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if arguments(words[0]) != len(words)-1 {
			return errs.E(errs.Invalid, "cannot obey %q", line)
		}
		if err := c.one(ctx, words[0], words[1:]); err != nil {
			return err
		}
	}
	return nil
}

// one does one command.
func (c *charm) one(ctx context.Context, verb string, arg []string) error {
	switch verb {
	case "status":
		return c.hook.SetUnitStatus(arg[0], arg[1])
	case "state":
		return c.state(arg[0], arg[1])
	case "bag":
		return c.hook.SetBag(ctx, number(arg[0]), false, map[string]string{arg[1]: arg[2]})
	case "copy-config":
		return c.state(arg[1], option(c.hook.Config()[arg[0]]))
	case "size-config":
		return c.state(arg[1], strconv.Itoa(len(option(c.hook.Config()[arg[0]]))))
	case "copy-bag":
		bag, err := c.hook.Bag(ctx, number(arg[0]), arg[1], false)
		if err != nil {
			return err
		}
		return c.state(arg[3], bag[arg[2]])
	case "copy-state":
		return c.state(arg[1], c.read(arg[0]))
	case "log":
		c.log(arg[0])
	case "leader":
		leader, err := c.hook.IsLeader(ctx)
		if err != nil {
			return err
		}
		return c.state(arg[0], strconv.FormatBool(leader))
	case "result":
		return c.hook.SetActionResults(map[string]string{arg[0]: arg[1]})
	case "big":
		return c.state("big", strings.Repeat("x", int(number(arg[0]))))
	case "fail":
		return exitError(number(arg[0]))
	case "hang":
		c.hook.Log("INFO", "hanging")
		return c.hang(ctx)
	}
	return nil
}

// hang waits for the end of the event, or for ever.
func (c *charm) hang(ctx context.Context) error {
	if c.runtime.fault == IgnoresCancel {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.runtime.over:
		return exitError(1)
	}
}

// state writes, with the fault MixesUnits where all units can see it.
func (c *charm) state(key, value string) error {
	if c.runtime.fault == MixesUnits {
		c.runtime.mu.Lock()
		c.runtime.shared[key] = value
		c.runtime.mu.Unlock()
		for range 100 { // let others in
			c.hook.UnitName()
		}
	}
	return c.hook.SetState(map[string]string{key: value})
}

// read reads back.
func (c *charm) read(key string) string {
	if c.runtime.fault == MixesUnits {
		c.runtime.mu.Lock()
		defer c.runtime.mu.Unlock()
		return c.runtime.shared[key]
	}
	return c.hook.State()[key]
}

// log writes at once, or with the fault ReordersLog at the end.
func (c *charm) log(word string) {
	if c.runtime.fault == ReordersLog {
		c.held = append(c.held, word)
		return
	}
	c.hook.Log("INFO", word)
}

// flush writes what the fault held back.
func (c *charm) flush() {
	slices.Reverse(c.held)
	for _, word := range c.held {
		c.hook.Log("INFO", word)
	}
}

// number reads a number of the suite, which are all right.
func number(text string) int32 {
	n, _ := strconv.ParseInt(text, 10, 32)
	return int32(n)
}

// option is a value as text.
func option(v *hookv1.ConfigValue) string {
	switch value := v.GetValue().(type) {
	case *hookv1.ConfigValue_StringValue:
		return value.StringValue
	case *hookv1.ConfigValue_IntValue:
		return strconv.FormatInt(value.IntValue, 10)
	case *hookv1.ConfigValue_FloatValue:
		return strconv.FormatFloat(value.FloatValue, 'g', -1, 64)
	case *hookv1.ConfigValue_BoolValue:
		return strconv.FormatBool(value.BoolValue)
	}
	return ""
}
