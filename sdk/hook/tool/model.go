package tool

import (
	"fmt"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func formatFlag(f *flags) { f.format("smart") }
func yamlFlag(f *flags)   { f.format("yaml") }

func configFlags(f *flags) {
	f.format("smart")
	f.flag("Print all keys", "all", "a")
}

func configGet(c *call) error {
	if err := c.none(1); err != nil {
		return err
	}
	all := map[string]any{}
	for k, v := range c.hook.Config() {
		all[k] = configValue(v)
	}
	if len(c.args) == 0 || c.flags.on("all") {
		c.print(all)
		return nil
	}
	c.print(all[c.args[0]])
	return nil
}

// configValue is the natural Go value of an option.
func configValue(v *hookv1.ConfigValue) any {
	switch t := v.GetValue().(type) {
	case *hookv1.ConfigValue_StringValue:
		return t.StringValue
	case *hookv1.ConfigValue_IntValue:
		return t.IntValue
	case *hookv1.ConfigValue_FloatValue:
		return t.FloatValue
	case *hookv1.ConfigValue_BoolValue:
		return t.BoolValue
	}
	return nil
}

func isLeader(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	leader, err := c.hook.IsLeader(c.ctx)
	if err != nil {
		return fmt.Errorf("leadership status unknown: %w", err)
	}
	c.print(leader)
	return nil
}

func leaderGet(c *call) error {
	settings := c.hook.LeaderSettings()
	if len(c.args) == 0 || c.args[0] == "-" {
		c.print(settings)
		return nil
	}
	if v, ok := settings[c.args[0]]; ok {
		c.print(v)
	} else {
		c.print(nil)
	}
	return c.none(1)
}

func leaderSet(c *call) error {
	set, err := keyValues(c.args)
	if err != nil {
		return err
	}
	return c.hook.SetLeaderSettings(c.ctx, set)
}

func statusGetFlags(f *flags) {
	f.format("smart")
	f.flag("print status for all units of this application if this unit is the leader", "application", "service")
	f.flag("print all status data", "include-data")
}

func statusGet(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	data := c.flags.on("include-data")
	if !c.flags.on("application") {
		if s := c.hook.UnitStatus(); data {
			c.print(statusMap(s))
		} else {
			c.print(s.GetCurrent())
		}
		return nil
	}
	app, units, err := c.hook.AppStatus(c.ctx)
	if err != nil {
		return err
	}
	if !data {
		c.print(app.GetCurrent())
		return nil
	}
	m := statusMap(app)
	of := map[string]any{}
	for name, s := range units {
		of[name] = statusMap(s)
	}
	m["units"] = of
	c.print(map[string]any{"application-status": m})
	return nil
}

func statusMap(s *hookv1.Status) map[string]any {
	data := map[string]any{}
	for k, v := range s.GetData() {
		data[k] = v
	}
	return map[string]any{"status": s.GetCurrent(), "message": s.GetMessage(), "status-data": data}
}

func statusSetFlags(f *flags) {
	f.flag("set this status for the application to which the unit belongs if the unit is the leader", "application", "service")
}

func statusSet(c *call) error {
	if len(c.args) == 0 {
		return usage("invalid args, require <status> [message]")
	}
	if err := c.none(2); err != nil {
		return err
	}
	message := ""
	if len(c.args) == 2 {
		message = c.args[1]
	}
	var err error
	if c.flags.on("application") {
		err = c.hook.SetAppStatus(c.ctx, c.args[0], message)
	} else {
		err = c.hook.SetUnitStatus(c.args[0], message)
	}
	if errs.Is(err, errs.Invalid) {
		return usageError{err}
	}
	return err
}

func versionSet(c *call) error {
	if len(c.args) == 0 {
		return usage("no version specified")
	}
	if err := c.none(1); err != nil {
		return err
	}
	c.hook.SetWorkloadVersion(c.args[0])
	return nil
}

func logFlags(f *flags) {
	f.flag("log at debug level", "debug")
	f.str("INFO", "Send log message at the given level", "log-level", "l")
}

func jujuLog(c *call) error {
	if len(c.args) == 0 {
		return usage("no message specified")
	}
	level := c.flags.text("log-level")
	if c.flags.on("debug") {
		level = "DEBUG"
	}
	prefix := ""
	if id := c.hook.Event().GetRelationId(); id != 0 {
		prefix = fmt.Sprintf("%s:%d: ", c.hook.Event().GetEndpoint(), id)
	}
	c.hook.Log(level, prefix+strings.Join(c.args, " "))
	return nil
}

func rebootFlags(f *flags) { f.flag("reboot immediately, killing the invoking process", "now") }

func jujuReboot(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	return c.hook.Reboot(c.flags.on("now"))
}

func unitGet(c *call) error {
	if len(c.args) != 1 {
		return usage("no setting specified")
	}
	unit := c.hook.View().GetUnit()
	switch c.args[0] {
	case "private-address":
		c.print(unit.GetPrivateAddress())
	case "public-address":
		c.print(unit.GetPublicAddress())
	default:
		return usage("unknown setting %q", c.args[0])
	}
	return nil
}

func goalState(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	if f := c.flags.text("format"); f != "yaml" && f != "json" {
		return usage("invalid value %q for option --format: unknown format %q", f, f)
	}
	g, err := c.hook.GoalState(c.ctx)
	if err != nil {
		return err
	}
	relations := map[string]any{}
	for endpoint, r := range g.GetRelations() {
		relations[endpoint] = goalUnits(r.GetMembers())
	}
	c.print(map[string]any{"units": goalUnits(g.GetUnits()), "relations": relations})
	return nil
}

func goalUnits(m map[string]*hookv1.GoalStatus) map[string]any {
	out := map[string]any{}
	for name, s := range m {
		out[name] = map[string]any{"status": s.GetStatus(), "since": s.GetSince()}
	}
	return out
}

// keyValues reads "key=value" arguments.
func keyValues(args []string) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range args {
		k, v, found := strings.Cut(a, "=")
		if !found || k == "" {
			return nil, usage("expected \"key=value\", got %q", a)
		}
		out[k] = v
	}
	return out, nil
}

func endpointsFlag(f *flags) {
	f.str("", "a comma-delimited list of application endpoints to target with this operation", "endpoints")
	f.format("smart")
}

func (c *call) port() (*hookv1.PortRange, error) {
	if len(c.args) == 0 {
		return nil, usage("no port or range specified")
	}
	if err := c.none(1); err != nil {
		return nil, err
	}
	p, err := hook.ParsePort(c.args[0])
	if err != nil {
		return nil, usageError{err}
	}
	if list := c.flags.text("endpoints"); list != "" && list != "*" {
		p.Endpoints = strings.Split(list, ",")
	}
	return p, nil
}

func openPort(c *call) error {
	p, err := c.port()
	if err != nil {
		return err
	}
	return c.hook.OpenPort(p)
}

func closePort(c *call) error {
	p, err := c.port()
	if err != nil {
		return err
	}
	return c.hook.ClosePort(p)
}

func openedFlags(f *flags) {
	f.flag("display the list of target application endpoints for each port range", "endpoints")
	f.format("smart")
}

func openedPorts(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	list := []string{}
	for _, p := range c.hook.OpenedPorts() {
		text := hook.FormatPort(p)
		if c.flags.on("endpoints") {
			names := "*"
			if len(p.GetEndpoints()) > 0 {
				names = strings.Join(p.GetEndpoints(), ", ")
			}
			text += " (" + names + ")"
		}
		list = append(list, text)
	}
	c.print(list)
	return nil
}
