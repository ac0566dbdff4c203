package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func (p *Plan) validate() error {
	for _, n := range sorted(p.Services) {
		if err := p.validateService(p.Services[n]); err != nil {
			return err
		}
	}
	for _, n := range sorted(p.Checks) {
		if err := p.validateCheck(p.Checks[n]); err != nil {
			return err
		}
	}
	for _, n := range sorted(p.LogTargets) {
		if err := p.validateTarget(p.LogTargets[n]); err != nil {
			return err
		}
	}
	if p.Pairing != nil && !slices.Contains([]string{"", "disabled", "single", "multiple"}, p.Pairing.Mode) {
		return fmt.Errorf("pairing mode %q is invalid (allowed: disabled, single, multiple)", p.Pairing.Mode)
	}
	if _, err := p.StartOrder(sorted(p.Services)); err != nil {
		return err
	}
	return nil
}

func (p *Plan) validateService(s *Service) error {
	if s.Command == "" {
		return fmt.Errorf("plan must define \"command\" for service %q", s.Name)
	}
	if _, _, err := SplitCommand(s.Command); err != nil {
		return fmt.Errorf("plan service %q command invalid: %w", s.Name, err)
	}
	allowed := []Action{"", Restart, Shutdown, FailureShutdown, Ignore}
	if !slices.Contains(allowed, s.OnSuccess) {
		return fmt.Errorf("plan service %q on-success action %q invalid (allowed: restart, shutdown, failure-shutdown, ignore)", s.Name, s.OnSuccess)
	}
	allowed = []Action{"", Restart, Shutdown, SuccessShutdown, Ignore}
	if !slices.Contains(allowed, s.OnFailure) {
		return fmt.Errorf("plan service %q on-failure action %q invalid (allowed: restart, shutdown, success-shutdown, ignore)", s.Name, s.OnFailure)
	}
	for _, c := range sorted(s.OnCheckFailure) {
		if a := s.OnCheckFailure[c]; a == "" || !slices.Contains(allowed, a) {
			return fmt.Errorf("plan service %q on-check-failure action %q for check %q invalid (allowed: restart, shutdown, success-shutdown, ignore)", s.Name, a, c)
		}
	}
	if s.Factor() < 1 {
		return fmt.Errorf("plan service %q backoff-factor must be 1.0 or more", s.Name)
	}
	if err := s.Extras.validate(s); err != nil {
		return fmt.Errorf("plan service %q %w", s.Name, err)
	}
	if s.Workload != "" {
		if p.Workloads[s.Workload] == nil {
			return fmt.Errorf("plan service %q: workload %q does not exist", s.Name, s.Workload)
		}
		if !s.Account.IsZero() {
			return fmt.Errorf("plan service %q must not set user or group keys beside workload %q", s.Name, s.Workload)
		}
	}
	return nil
}

func (p *Plan) validateCheck(c *Check) error {
	if !slices.Contains([]string{"", Alive, Ready}, c.Level) {
		return fmt.Errorf("plan check %q level %q invalid (allowed: alive, ready)", c.Name, c.Level)
	}
	if !slices.Contains([]string{"", Enabled, Disabled}, c.Startup) {
		return fmt.Errorf("plan check %q startup %q invalid (allowed: enabled, disabled)", c.Name, c.Startup)
	}
	if c.Period.Set && c.Period.Value <= 0 {
		return fmt.Errorf("plan check %q period must not be zero", c.Name)
	}
	if c.Timeout.Set && c.Timeout.Value <= 0 {
		return fmt.Errorf("plan check %q timeout must not be zero", c.Name)
	}
	if c.Threshold < 0 {
		return fmt.Errorf("plan check %q threshold must be 1 or more", c.Name)
	}
	kinds := 0
	for _, set := range []bool{c.HTTP != nil, c.TCP != nil, c.Exec != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("plan must specify one of \"http\", \"tcp\", or \"exec\" for check %q", c.Name)
	}
	return p.validateCheckKind(c)
}

func (p *Plan) validateCheckKind(c *Check) error {
	switch {
	case c.HTTP != nil && c.HTTP.URL == "":
		return fmt.Errorf("plan must set \"url\" for http check %q", c.Name)
	case c.TCP != nil && c.TCP.Port == 0:
		return fmt.Errorf("plan must set \"port\" for tcp check %q", c.Name)
	case c.Exec == nil:
		return nil
	case c.Exec.Command == "":
		return fmt.Errorf("plan must set \"command\" for exec check %q", c.Name)
	}
	if _, err := split(c.Exec.Command); err != nil {
		return fmt.Errorf("plan check %q command invalid: %w", c.Name, err)
	}
	if ctx := c.Exec.ServiceContext; ctx != "" && p.Services[ctx] == nil {
		return fmt.Errorf("plan check %q context service %q does not exist", c.Name, ctx)
	}
	return nil
}

func (p *Plan) validateTarget(t *LogTarget) error {
	switch t.Type {
	case "loki", "opentelemetry", "syslog":
	case "":
		return fmt.Errorf("plan must define \"type\" (loki, opentelemetry or syslog) for log target %q", t.Name)
	default:
		return fmt.Errorf("log target %q has unsupported type %q (allowed: loki, opentelemetry, syslog)", t.Name, t.Type)
	}
	if t.Location == "" {
		return fmt.Errorf("plan must define \"location\" for log target %q", t.Name)
	}
	for _, s := range t.Services {
		s = strings.TrimPrefix(s, "-")
		if s != "all" && p.Services[s] == nil {
			return fmt.Errorf("log target %q specifies unknown service %q", t.Name, s)
		}
	}
	for _, k := range sorted(t.Labels) {
		if strings.HasPrefix(k, "pebble_") {
			return fmt.Errorf("log target %q: label %q uses reserved prefix \"pebble_\"", t.Name, k)
		}
	}
	return nil
}

// CheckArgs validates a list of program words that did not come from a plan.
func CheckArgs(words []string) error {
	if len(words) == 0 || words[0] == "" {
		return errors.New("must specify a command")
	}
	return nil
}
