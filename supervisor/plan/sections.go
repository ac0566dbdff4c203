package plan

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// LogTarget is a place service logs are forwarded to. It is validated and
// kept in the plan; forwarding itself is not part of this package.
type LogTarget struct {
	Name     string            `yaml:"-"`
	Override Override          `yaml:"override,omitempty"`
	Type     string            `yaml:"type,omitempty"`
	Location string            `yaml:"location,omitempty"`
	Services []string          `yaml:"services,omitempty"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

func (t *LogTarget) clone() *LogTarget {
	c := *t
	c.Services, c.Labels = slices.Clone(t.Services), maps.Clone(t.Labels)
	return &c
}

func (t *LogTarget) merge(o *LogTarget) {
	pick(&t.Type, o.Type)
	pick(&t.Location, o.Location)
	t.Services = append(t.Services, o.Services...)
	mergeMap(&t.Labels, o.Labels)
}

// Workload is an environment and account that several services share.
type Workload struct {
	Name        string            `yaml:"-"`
	Override    Override          `yaml:"override,omitempty"`
	Environment map[string]string `yaml:"environment,omitempty"`
	Secrets     []string          `yaml:"secrets,omitempty"` // as of a service
	Account     `yaml:",inline"`
}

func (w *Workload) clone() *Workload {
	c := *w
	c.Environment, c.Secrets = maps.Clone(w.Environment), slices.Clone(w.Secrets)
	return &c
}

func (w *Workload) merge(o *Workload) {
	mergeMap(&w.Environment, o.Environment)
	w.Secrets = append(w.Secrets, o.Secrets...)
	w.Account.merge(o.Account)
}

// Equal reports whether two definitions mean the same.
func (w *Workload) Equal(o *Workload) bool {
	a, errA := yaml.Marshal(w)
	b, errB := yaml.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}

// Pairing is the pairing section; unset means disabled.
type Pairing struct {
	Mode string `yaml:"mode,omitempty"`
}

// Layer is one configuration layer. Order decides its place among the others.
type Layer struct {
	Order       int                   `yaml:"-"`
	Label       string                `yaml:"-"`
	Summary     string                `yaml:"summary,omitempty"`
	Description string                `yaml:"description,omitempty"`
	Services    map[string]*Service   `yaml:"services,omitempty"`
	Checks      map[string]*Check     `yaml:"checks,omitempty"`
	LogTargets  map[string]*LogTarget `yaml:"log-targets,omitempty"`
	Workloads   map[string]*Workload  `yaml:"workloads,omitempty"`
	Pairing     *Pairing              `yaml:"pairing,omitempty"`
}

// Plan is the combination of all layers. Treat it as read-only.
type Plan struct {
	Services   map[string]*Service   `yaml:"services,omitempty"`
	Checks     map[string]*Check     `yaml:"checks,omitempty"`
	LogTargets map[string]*LogTarget `yaml:"log-targets,omitempty"`
	Workloads  map[string]*Workload  `yaml:"workloads,omitempty"`
	Pairing    *Pairing              `yaml:"pairing,omitempty"`
}

// entry is what every section's element can do; it lets one function combine them all.
type entry[T any] interface {
	clone() T
	merge(T)
}

func combineInto[T entry[T]](dst map[string]T, src map[string]T, override func(T) Override) {
	for name, e := range src {
		if old, ok := dst[name]; ok && override(e) == Merge {
			merged := old.clone()
			merged.merge(e)
			dst[name] = merged
			continue
		}
		dst[name] = e.clone()
	}
}

func serviceOverride(s *Service) Override   { return s.Override }
func checkOverride(c *Check) Override       { return c.Override }
func targetOverride(t *LogTarget) Override  { return t.Override }
func workloadOverride(w *Workload) Override { return w.Override }
