package hook

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// State reads the charm's state, the hook's own writes included.
func (c *Context) State() map[string]string {
	out := maps.Clone(c.view.GetCharmState())
	if out == nil {
		out = map[string]string{}
	}
	for k := range c.writes.stateGone {
		delete(out, k)
	}
	maps.Copy(out, c.writes.stateSet)
	return out
}

// SetState merges into the charm's state.
func (c *Context) SetState(set map[string]string) error {
	for k := range set {
		if err := checkKey(k); err != nil {
			return err
		}
	}
	for k, v := range set {
		delete(c.writes.stateGone, k)
		c.writes.stateSet[k] = v
	}
	return nil
}

// DeleteState removes a key; one that is not there is no error.
func (c *Context) DeleteState(key string) {
	delete(c.writes.stateSet, key)
	if _, there := c.view.GetCharmState()[key]; there {
		c.writes.stateGone[key] = true
	}
}

// LeaderSettings reads what the leader set for everybody.
func (c *Context) LeaderSettings() map[string]string {
	return overlay(c.view.GetLeaderSettings(), c.writes.leader)
}

// SetLeaderSettings merges into the leader's settings (leader only); empty values delete.
func (c *Context) SetLeaderSettings(ctx context.Context, set map[string]string) error {
	if err := c.requireLeader(ctx, "cannot write leadership settings: not the leader"); err != nil {
		return err
	}
	maps.Copy(c.writes.leader, set)
	return nil
}

// AddStorage asks for count more instances of a declared storage.
func (c *Context) AddStorage(name string, count uint32) {
	c.writes.storage = append(c.writes.storage, &hookv1.StorageAdd{Name: name, Count: count})
}

// Reboot asks for the machine to be restarted, after the hook or now.
func (c *Context) Reboot(now bool) error {
	if c.InAction() {
		return errs.E(errs.Unsupported, "juju-reboot is not supported when running an action.")
	}
	c.writes.reboot = hookv1.Reboot_REBOOT_AFTER
	if now {
		c.writes.reboot = hookv1.Reboot_REBOOT_NOW
	}
	return nil
}

var errNoAction = errs.E(errs.Invalid, "not running an action")

// ActionParams are the parameters of the action that runs.
func (c *Context) ActionParams() (map[string]any, error) {
	if !c.InAction() {
		return nil, errNoAction
	}
	params := map[string]any{}
	if text := c.event.GetActionParams(); text != "" {
		if err := json.Unmarshal([]byte(text), &params); err != nil {
			return nil, errs.E(errs.Internal, "cannot read the parameters of action %s: %w", c.event.GetName(), err)
		}
	}
	return params, nil
}

var resultKey = regexp.MustCompile(`^[a-z0-9](([a-z0-9-.]+)?[a-z0-9])?$`)

// SetActionResults merges dotted keys into the action's results.
func (c *Context) SetActionResults(set map[string]string) error {
	if !c.InAction() {
		return errNoAction
	}
	for k := range set {
		switch {
		case k == "stdout" || k == "stderr" || k == "stdout-encoding" || k == "stderr-encoding":
			return errs.E(errs.Invalid, "cannot set reserved action key %q", k)
		case !resultKey.MatchString(k) || strings.Contains(k, ".."):
			return errs.E(errs.Invalid, "key %q must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric, hyphens and periods", k)
		}
	}
	if c.action().Results == nil {
		c.action().Results = map[string]string{}
	}
	maps.Copy(c.action().Results, set)
	return nil
}

// FailAction marks the action as failed; it still runs to its end.
func (c *Context) FailAction(message string) error {
	if !c.InAction() {
		return errNoAction
	}
	c.action().Failed = true
	c.action().Message = message
	return nil
}

// LogAction adds a line to the action's log, visible at once.
func (c *Context) LogAction(message string) error {
	if !c.InAction() {
		return errNoAction
	}
	c.immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_ActionLog{
		ActionLog: &charmruntimev1.LogLine{Level: "INFO", Message: message}}})
	return nil
}

func (c *Context) action() *hookv1.ActionResult {
	if c.writes.action == nil {
		c.writes.action = &hookv1.ActionResult{}
	}
	return c.writes.action
}
