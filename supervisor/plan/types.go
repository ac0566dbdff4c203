package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Override says how an entry of a layer meets the one of the same name below it.
type Override string

// The two ways to combine an entry.
const (
	Merge   Override = "merge"
	Replace Override = "replace"
)

// Action is what happens when a service exits or a check fails.
type Action string

// Actions, as written in layers. Not every one is allowed everywhere.
const (
	Restart         Action = "restart"
	Shutdown        Action = "shutdown"
	SuccessShutdown Action = "success-shutdown"
	FailureShutdown Action = "failure-shutdown"
	Ignore          Action = "ignore"
)

// Start-up values of services and checks.
const (
	Enabled  = "enabled"
	Disabled = "disabled"
)

// Levels of checks.
const (
	Alive = "alive"
	Ready = "ready"
)

// Defaults of the keys that layers may leave out.
const (
	DefaultBackoffDelay  = 500 * time.Millisecond
	DefaultBackoffFactor = 2.0
	DefaultBackoffLimit  = 30 * time.Second
	DefaultKillDelay     = 5 * time.Second
	DefaultCheckPeriod   = 10 * time.Second
	DefaultCheckTimeout  = 3 * time.Second
	DefaultThreshold     = 3
)

// Duration is an optional duration; the zero value means "not given".
type Duration struct {
	Value time.Duration
	Set   bool
}

// Or returns the duration, or def when none was given.
func (d Duration) Or(def time.Duration) time.Duration {
	if d.Set {
		return d.Value
	}
	return def
}

// IsZero makes an absent duration vanish from YAML.
func (d Duration) IsZero() bool { return !d.Set }

// MarshalYAML writes Go's duration syntax.
func (d Duration) MarshalYAML() (any, error) { return d.Value.String(), nil }

// UnmarshalYAML reads a scalar in Go's duration syntax, such as "1m30s".
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a duration must be a single value such as \"4s\"", n.Line)
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: invalid duration %q (write it as in \"1m30s\")", n.Line, n.Value)
	}
	*d = Duration{Value: v, Set: true}
	return nil
}

// Account names who runs a command; ids and names may be given together and must then agree.
type Account struct {
	UserID  *int   `yaml:"user-id,omitempty"`
	User    string `yaml:"user,omitempty"`
	GroupID *int   `yaml:"group-id,omitempty"`
	Group   string `yaml:"group,omitempty"`
}

// IsZero reports whether nothing is said about user or group.
func (a Account) IsZero() bool { return a == Account{} }

func (a *Account) merge(o Account) {
	pick(&a.UserID, o.UserID)
	pick(&a.User, o.User)
	pick(&a.GroupID, o.GroupID)
	pick(&a.Group, o.Group)
}

// Service is one service of a layer or of the plan.
type Service struct {
	Name        string            `yaml:"-"`
	Summary     string            `yaml:"summary,omitempty"`
	Description string            `yaml:"description,omitempty"`
	Startup     string            `yaml:"startup,omitempty"`
	Override    Override          `yaml:"override,omitempty"`
	Command     string            `yaml:"command,omitempty"`
	After       []string          `yaml:"after,omitempty"`
	Before      []string          `yaml:"before,omitempty"`
	Requires    []string          `yaml:"requires,omitempty"`
	Environment map[string]string `yaml:"environment,omitempty"`
	Account     `yaml:",inline"`
	WorkingDir  string `yaml:"working-dir,omitempty"`
	Workload    string `yaml:"workload,omitempty"`

	OnSuccess      Action            `yaml:"on-success,omitempty"`
	OnFailure      Action            `yaml:"on-failure,omitempty"`
	OnCheckFailure map[string]Action `yaml:"on-check-failure,omitempty"`
	BackoffDelay   Duration          `yaml:"backoff-delay,omitempty"`
	BackoffFactor  *float64          `yaml:"backoff-factor,omitempty"`
	BackoffLimit   Duration          `yaml:"backoff-limit,omitempty"`
	KillDelay      Duration          `yaml:"kill-delay,omitempty"`

	Extras `yaml:",inline"`
}

func (s *Service) clone() *Service {
	c := *s
	c.After, c.Before, c.Requires = slices.Clone(s.After), slices.Clone(s.Before), slices.Clone(s.Requires)
	c.Environment, c.OnCheckFailure = maps.Clone(s.Environment), maps.Clone(s.OnCheckFailure)
	c.Secrets = slices.Clone(s.Secrets)
	return &c
}

// merge lays o over s. How s itself meets what is below it stays: a layer that replaces goes on to replace when something is merged into it.
func (s *Service) merge(o *Service) {
	pick(&s.Summary, o.Summary)
	pick(&s.Description, o.Description)
	pick(&s.Startup, o.Startup)
	pick(&s.Command, o.Command)
	s.After = append(s.After, o.After...)
	s.Before = append(s.Before, o.Before...)
	s.Requires = append(s.Requires, o.Requires...)
	mergeMap(&s.Environment, o.Environment)
	s.Account.merge(o.Account)
	pick(&s.WorkingDir, o.WorkingDir)
	pick(&s.Workload, o.Workload)
	pick(&s.OnSuccess, o.OnSuccess)
	pick(&s.OnFailure, o.OnFailure)
	mergeMap(&s.OnCheckFailure, o.OnCheckFailure)
	pick(&s.BackoffDelay, o.BackoffDelay)
	pick(&s.BackoffFactor, o.BackoffFactor)
	pick(&s.BackoffLimit, o.BackoffLimit)
	pick(&s.KillDelay, o.KillDelay)
	s.Extras.merge(o.Extras)
}

// Equal reports whether two definitions would run the same way.
func (s *Service) Equal(o *Service) bool {
	a, errA := yaml.Marshal(s)
	b, errB := yaml.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}

// Factor returns the backoff factor, default 2.
func (s *Service) Factor() float64 {
	if s.BackoffFactor == nil {
		return DefaultBackoffFactor
	}
	return *s.BackoffFactor
}

// Check is one health check of a layer or of the plan.
type Check struct {
	Name      string     `yaml:"-"`
	Override  Override   `yaml:"override,omitempty"`
	Level     string     `yaml:"level,omitempty"`
	Startup   string     `yaml:"startup,omitempty"`
	Period    Duration   `yaml:"period,omitempty"`
	Timeout   Duration   `yaml:"timeout,omitempty"`
	Threshold int        `yaml:"threshold,omitempty"`
	HTTP      *HTTPCheck `yaml:"http,omitempty"`
	TCP       *TCPCheck  `yaml:"tcp,omitempty"`
	Exec      *ExecCheck `yaml:"exec,omitempty"`
}

// HTTPCheck passes when a GET answers 2xx.
type HTTPCheck struct {
	URL     string            `yaml:"url,omitempty"`
	Headers map[string]string `yaml:"headers,omitempty"`
}

// TCPCheck passes when the port accepts a connection.
type TCPCheck struct {
	Port int    `yaml:"port,omitempty"`
	Host string `yaml:"host,omitempty"`
}

// ExecCheck passes when the command exits 0.
type ExecCheck struct {
	Command        string            `yaml:"command,omitempty"`
	ServiceContext string            `yaml:"service-context,omitempty"`
	Environment    map[string]string `yaml:"environment,omitempty"`
	Account        `yaml:",inline"`
	WorkingDir     string `yaml:"working-dir,omitempty"`
}

// IsZero keeps a check in YAML that says nothing of users: without it the
// embedded account's own IsZero would speak for the whole check.
func (e *ExecCheck) IsZero() bool { return e == nil }

// EffectivePeriod returns the period, default 10 s.
func (c *Check) EffectivePeriod() time.Duration { return c.Period.Or(DefaultCheckPeriod) }

// EffectiveTimeout returns the timeout, default 3 s and never longer than the period.
func (c *Check) EffectiveTimeout() time.Duration {
	return min(c.Timeout.Or(DefaultCheckTimeout), c.EffectivePeriod())
}

// EffectiveThreshold returns the number of failures that make the check down, default 3.
func (c *Check) EffectiveThreshold() int {
	if c.Threshold == 0 {
		return DefaultThreshold
	}
	return c.Threshold
}

// EffectiveStartup returns "enabled" or "disabled", default enabled.
func (c *Check) EffectiveStartup() string {
	if c.Startup == "" {
		return Enabled
	}
	return c.Startup
}

// Equal reports whether two definitions check the same thing the same way.
func (c *Check) Equal(o *Check) bool {
	a, errA := yaml.Marshal(c)
	b, errB := yaml.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}

func (c *Check) clone() *Check {
	d := *c
	if c.HTTP != nil {
		h := *c.HTTP
		h.Headers = maps.Clone(h.Headers)
		d.HTTP = &h
	}
	if c.TCP != nil {
		t := *c.TCP
		d.TCP = &t
	}
	if c.Exec != nil {
		e := *c.Exec
		e.Environment = maps.Clone(e.Environment)
		d.Exec = &e
	}
	return &d
}

func (c *Check) merge(o *Check) {
	pick(&c.Level, o.Level)
	pick(&c.Startup, o.Startup)
	pick(&c.Period, o.Period)
	pick(&c.Timeout, o.Timeout)
	pick(&c.Threshold, o.Threshold)
	o = o.clone()
	if c.HTTP == nil {
		c.HTTP = o.HTTP
	} else if o.HTTP != nil {
		pick(&c.HTTP.URL, o.HTTP.URL)
		mergeMap(&c.HTTP.Headers, o.HTTP.Headers)
	}
	if c.TCP == nil {
		c.TCP = o.TCP
	} else if o.TCP != nil {
		pick(&c.TCP.Port, o.TCP.Port)
		pick(&c.TCP.Host, o.TCP.Host)
	}
	if c.Exec == nil {
		c.Exec = o.Exec
	} else if o.Exec != nil {
		c.Exec.merge(o.Exec)
	}
}

func (e *ExecCheck) merge(o *ExecCheck) {
	pick(&e.Command, o.Command)
	pick(&e.ServiceContext, o.ServiceContext)
	mergeMap(&e.Environment, o.Environment)
	e.Account.merge(o.Account)
	pick(&e.WorkingDir, o.WorkingDir)
}

func pick[T comparable](dst *T, v T) {
	var zero T
	if v != zero {
		*dst = v
	}
}

func mergeMap[V any](dst *map[string]V, src map[string]V) {
	if len(src) == 0 {
		return
	}
	if *dst == nil {
		*dst = make(map[string]V, len(src))
	}
	maps.Copy(*dst, src)
}
