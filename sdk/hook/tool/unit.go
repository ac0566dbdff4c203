package tool

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func stateGetFlags(f *flags) {
	f.format("smart")
	f.flag("check if server-side state value exists", "strict")
}

func stateGet(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	state := c.hook.State()
	if len(c.args) == 0 || c.args[0] == "-" {
		c.print(state)
		return nil
	}
	v, ok := state[c.args[0]]
	if !ok && c.flags.on("strict") {
		return errs.E(errs.NotFound, "%q not found", c.args[0])
	}
	if !ok && c.flags.text("format") == "smart" {
		c.print("")
		return nil
	}
	c.print(v)
	return nil
}

func stateSet(c *call) error {
	set, err := c.settings()
	if err != nil {
		return err
	}
	return c.hook.SetState(set)
}

func stateDelete(c *call) error {
	if len(c.args) == 0 {
		return usage("no key specified")
	}
	if err := c.none(1); err != nil {
		return err
	}
	c.hook.DeleteState(c.args[0])
	return nil
}

func storageList(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	ids := []string{}
	for _, s := range c.hook.View().GetStorage() {
		if len(c.args) == 0 || s.GetName() == c.args[0] {
			ids = append(ids, s.GetId())
		}
	}
	c.print(ids)
	return nil
}

func storageGetFlags(f *flags) {
	f.format("smart")
	f.str("", "specify a storage instance by id", "s")
}

func storageGet(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	id := c.flags.text("s")
	if id == "" {
		id = c.hook.Event().GetStorageId()
	}
	if id == "" {
		return usage("no storage instance specified")
	}
	var found *hookv1.StorageView
	for _, s := range c.hook.View().GetStorage() {
		if s.GetId() == id {
			found = s
		}
	}
	if found == nil {
		return usage("invalid value %q for option -s: storage not found", id)
	}
	values := map[string]any{"kind": found.GetKind(), "location": found.GetLocation()}
	if len(c.args) == 0 {
		c.print(values)
		return nil
	}
	v, ok := values[c.args[0]]
	if !ok {
		return fmt.Errorf("invalid storage attribute %q", c.args[0])
	}
	c.print(v)
	return nil
}

func storageAdd(c *call) error {
	if len(c.args) == 0 {
		return usage("storage add requires a storage directive")
	}
	for _, a := range c.args {
		name, text, found := strings.Cut(a, "=")
		count := uint64(1)
		if found {
			n, err := strconv.ParseUint(text, 10, 16)
			if err != nil || n == 0 {
				return usage("cannot parse storage directive %q: expected NAME or NAME=COUNT", a)
			}
			count = n
		}
		if err := c.mayAddStorage(name, int(count)); err != nil {
			return err
		}
		c.hook.AddStorage(name, uint32(count))
	}
	return nil
}

// mayAddStorage refuses what the charm does not declare, as far as the view tells; the controller looks again.
func (c *call) mayAddStorage(name string, count int) error {
	rules := c.hook.View().GetStorageRules()
	if len(rules) == 0 {
		return nil
	}
	var known []string
	for _, r := range rules {
		known = append(known, r.GetName())
		if r.GetName() != name {
			continue
		}
		have := 0
		for _, s := range c.hook.View().GetStorage() {
			if s.GetName() == name {
				have++
			}
		}
		for _, add := range c.hook.Changeset().GetStorageAdd() { // of the same hook
			if add.GetName() == name {
				have += int(add.GetCount())
			}
		}
		if most := int(r.GetMost()); most >= 0 && have+count > most {
			return errs.E(errs.Invalid, "cannot add storage %q: at most %d instances are allowed, %d are there and %d were asked for", name, most, have, count)
		}
		return nil
	}
	return errs.E(errs.NotFound, "cannot add storage %q: the charm declares %s", name, strings.Join(known, ", "))
}

func resourceGet(c *call) error {
	if len(c.args) == 0 {
		return usage("missing resource name")
	}
	if err := c.none(1); err != nil {
		return err
	}
	path, err := c.hook.Resource(c.ctx, c.args[0])
	if err != nil {
		return fmt.Errorf("could not download resource: %w", err)
	}
	c.print(path)
	return nil
}

func actionGet(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	params, err := c.hook.ActionParams()
	if err != nil {
		return err
	}
	var v any = params
	if len(c.args) == 1 {
		for part := range strings.SplitSeq(c.args[0], ".") {
			m, ok := v.(map[string]any)
			if !ok {
				v = nil
				break
			}
			v = m[part]
		}
	}
	c.print(plainNumbers(v))
	return nil
}

// plainNumbers turns whole float64s, which is how JSON arrives, back into integers for smart and YAML output.
func plainNumbers(v any) any {
	switch t := v.(type) {
	case float64:
		if t == float64(int64(t)) {
			return int64(t)
		}
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, e := range t {
			out[k] = plainNumbers(e)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			out[i] = plainNumbers(e)
		}
		return out
	case json.Number:
		return t.String()
	}
	return v
}

func actionSet(c *call) error {
	if len(c.args) == 0 {
		return usage("no arguments specified")
	}
	set, err := keyValues(c.args)
	if err != nil {
		return err
	}
	return c.hook.SetActionResults(set)
}

func actionFail(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	message := "action failed without reason given, check action for errors"
	if len(c.args) == 1 {
		message = c.args[0]
	}
	return c.hook.FailAction(message)
}

func actionLog(c *call) error {
	if len(c.args) == 0 {
		return usage("no message specified")
	}
	return c.hook.LogAction(strings.Join(c.args, " "))
}
