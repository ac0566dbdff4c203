package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads one layer. Unknown keys, null entries and a missing or wrong
// "override" are errors that name the layer and the key.
func Parse(order int, label string, data []byte) (*Layer, error) {
	layer := &Layer{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(layer); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot parse layer %q: %s", label, explain(err))
	}
	layer.Order, layer.Label = order, label
	name(layer)
	if err := checkLayer(layer); err != nil {
		return nil, err
	}
	return layer, nil
}

// explain rewrites the decoder's mention of Go types into the user's words.
func explain(err error) string {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	lines := make([]string, len(te.Errors))
	for i, l := range te.Errors {
		if before, typ, ok := strings.Cut(l, " not found in type plan."); ok {
			l = strings.Replace(before, "field ", "unknown key \"", 1) + "\" in " + strings.ToLower(typ)
		}
		lines[i] = l
	}
	return strings.Join(lines, "; ")
}

func name(l *Layer) {
	for n, s := range l.Services {
		if s != nil {
			s.Name = n
		}
	}
	for n, c := range l.Checks {
		if c != nil {
			c.Name = n
		}
	}
	for n, t := range l.LogTargets {
		if t != nil {
			t.Name = n
		}
	}
	for n, w := range l.Workloads {
		if w != nil {
			w.Name = n
		}
	}
}

func checkLayer(l *Layer) error {
	for _, err := range []error{
		checkSection(l.Label, "service", l.Services, serviceOverride),
		checkSection(l.Label, "check", l.Checks, checkOverride),
		checkSection(l.Label, "log target", l.LogTargets, targetOverride),
		checkSection(l.Label, "workload", l.Workloads, workloadOverride),
	} {
		if err != nil {
			return err
		}
	}
	for _, n := range sorted(l.Services) {
		if err := checkServiceName(n); err != nil {
			return fmt.Errorf("layer %q: %w", l.Label, err)
		}
	}
	return nil
}

func checkSection[T comparable](label, kind string, section map[string]T, override func(T) Override) error {
	var null T
	for _, n := range sorted(section) {
		e := section[n]
		if e == null {
			return fmt.Errorf("layer %q: %s %q must not be null", label, kind, n)
		}
		switch o := override(e); o {
		case Merge, Replace:
		case "":
			return fmt.Errorf("layer %q must define \"override\" for %s %q", label, kind, n)
		default:
			return fmt.Errorf("layer %q has invalid \"override\" value for %s %q (allowed: merge, replace)", label, kind, n)
		}
	}
	return nil
}

func checkServiceName(n string) error {
	switch {
	case n == "":
		return errors.New("a service name must not be empty")
	case n == "pebble":
		return errors.New("service name \"pebble\" is reserved")
	case strings.HasPrefix(n, "-"):
		return fmt.Errorf("service name %q must not begin with \"-\"", n)
	}
	return nil
}

// Combine merges layers, lowest first, and validates the result. The layers
// are not changed and share nothing with the plan.
func Combine(layers ...*Layer) (*Plan, error) {
	p := &Plan{
		Services:   map[string]*Service{},
		Checks:     map[string]*Check{},
		LogTargets: map[string]*LogTarget{},
		Workloads:  map[string]*Workload{},
	}
	for _, l := range layers {
		combineInto(p.Services, l.Services, serviceOverride)
		combineInto(p.Checks, l.Checks, checkOverride)
		combineInto(p.LogTargets, l.LogTargets, targetOverride)
		combineInto(p.Workloads, l.Workloads, workloadOverride)
		if l.Pairing != nil {
			pairing := *l.Pairing
			p.Pairing = &pairing
		}
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// combineLayers merges src onto dst by the override rules, for a layer added
// with "combine" under a label that exists.
func combineLayers(dst, src *Layer) *Layer {
	out := &Layer{
		Order: dst.Order, Label: dst.Label, Summary: src.Summary, Description: src.Description, Pairing: dst.Pairing,
		Services: maps.Clone(dst.Services), Checks: maps.Clone(dst.Checks),
		LogTargets: maps.Clone(dst.LogTargets), Workloads: maps.Clone(dst.Workloads),
	}
	fill(&out.Services)
	fill(&out.Checks)
	fill(&out.LogTargets)
	fill(&out.Workloads)
	combineInto(out.Services, src.Services, serviceOverride)
	combineInto(out.Checks, src.Checks, checkOverride)
	combineInto(out.LogTargets, src.LogTargets, targetOverride)
	combineInto(out.Workloads, src.Workloads, workloadOverride)
	if src.Pairing != nil {
		out.Pairing = src.Pairing
	}
	return out
}

func fill[V any](m *map[string]V) {
	if *m == nil {
		*m = map[string]V{}
	}
}

// YAML renders the plan as GET /v1/plan shows it: defaults are not filled in, secrets are hidden.
func (p *Plan) YAML() (string, error) {
	b, err := yaml.Marshal(p.redacted())
	if err != nil {
		return "", fmt.Errorf("cannot write plan: %w", err)
	}
	return string(b), nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
