package hook

import (
	"context"
	"maps"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// SetUnitStatus sets the workload status: visible at once, and part of the changeset.
func (c *Context) SetUnitStatus(current, message string) error {
	if err := checkStatus(current); err != nil {
		return err
	}
	c.writes.unitStatus = &hookv1.Status{Current: current, Message: message}
	c.immediate(statusSet(false, c.writes.unitStatus))
	return nil
}

// SetAppStatus sets the application's status (leader only).
func (c *Context) SetAppStatus(ctx context.Context, current, message string) error {
	if err := checkStatus(current); err != nil {
		return err
	}
	if err := c.requireLeader(ctx, "this unit is not the leader"); err != nil {
		return err
	}
	c.writes.appStatus = &hookv1.Status{Current: current, Message: message}
	c.immediate(statusSet(true, c.writes.appStatus))
	return nil
}

func statusSet(app bool, s *hookv1.Status) *charmruntimev1.Immediate {
	return &charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Status{
		Status: &charmruntimev1.StatusSet{Application: app, Status: s}}}
}

func checkStatus(current string) error {
	if !api.SettableStatus(current) {
		return errs.E(errs.Invalid, "invalid status %q, expected one of [maintenance blocked waiting active]", current)
	}
	return nil
}

// UnitStatus is the workload status, the hook's own included.
func (c *Context) UnitStatus() *hookv1.Status {
	if c.writes.unitStatus != nil {
		return c.writes.unitStatus
	}
	if s := c.view.GetUnit().GetWorkloadStatus(); s != nil {
		return s
	}
	return &hookv1.Status{Current: api.StatusUnknown}
}

// AppStatus is the application's status and those of its units (leader only).
func (c *Context) AppStatus(ctx context.Context) (*hookv1.Status, map[string]*hookv1.Status, error) {
	if err := c.requireLeader(ctx, "this unit is not the leader"); err != nil {
		return nil, nil, err
	}
	status := c.writes.appStatus
	if status == nil {
		status = c.view.GetApplication().GetStatus()
	}
	if status == nil {
		status = &hookv1.Status{Current: api.StatusUnknown}
	}
	units := map[string]*hookv1.Status{}
	maps.Copy(units, c.view.GetApplication().GetUnitStatuses())
	units[c.UnitName()] = c.UnitStatus()
	return status, units, nil
}

// SetWorkloadVersion sets the version of the workload that status shows.
func (c *Context) SetWorkloadVersion(version string) {
	c.writes.version = &version
}

// Log writes one line to the unit's log at once. Level is TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL; anything
// else is logged as INFO.
func (c *Context) Log(level, message string) {
	c.immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Log{Log: &charmruntimev1.LogLine{
		Level: logLevel(level), Message: message, Module: "unit." + c.UnitName() + ".juju-log"}}})
}

func logLevel(level string) string {
	upper := strings.ToUpper(level)
	switch upper {
	case "TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL":
		return upper
	case "WARN":
		return "WARNING"
	}
	return "INFO"
}
