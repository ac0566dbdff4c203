package world

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// layers is a supervisor's plan as it was and as it would be: section → name → fields.
type layers struct{ was, is section }

type section map[string]map[string]map[string]any

// read reads a plan; what cannot be read is an empty one.
func read(text string) layers {
	s := section{}
	maps.Copy(s, parse(text))
	return layers{was: s, is: s}
}

func parse(text string) section {
	var raw map[string]any
	if _, err := yaml.DecodeLenient("plan", []byte(text), &raw); err != nil {
		return section{}
	}
	s := section{}
	for name, value := range raw {
		entries, ok := value.(map[string]any)
		if !ok {
			continue // summary, description
		}
		s[name] = map[string]map[string]any{}
		for entry, fields := range entries {
			if f, ok := fields.(map[string]any); ok {
				s[name][entry] = f
			}
		}
	}
	return s
}

// with lays a layer over the plan: an entry replaces the one before or is merged into it, as it says itself.
func (l layers) with(text string) layers {
	is := section{}
	for name, entries := range l.is {
		is[name] = maps.Clone(entries)
	}
	for name, entries := range parse(text) {
		if is[name] == nil {
			is[name] = map[string]map[string]any{}
		}
		for entry, fields := range entries {
			how := fields["override"]
			fields = maps.Clone(fields)
			delete(fields, "override")
			if before := is[name][entry]; how == "merge" && before != nil {
				fields = merged(before, fields)
			}
			fields["override"] = "replace"
			if how == "merge" {
				fields["override"] = "merge"
			}
			is[name][entry] = fields
		}
	}
	return layers{was: l.was, is: is}
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	for key, value := range b {
		switch v := value.(type) {
		case map[string]any:
			if before, ok := out[key].(map[string]any); ok {
				value = merged(before, v)
			}
		case []any:
			if before, ok := out[key].([]any); ok {
				value = append(slices.Clone(before), v...)
			}
		}
		out[key] = value
	}
	return out
}

// text is the plan as YAML.
func (l layers) text() string {
	if len(l.is) == 0 {
		return "{}\n"
	}
	text, err := yaml.Encode(map[string]map[string]map[string]any(l.is))
	if err != nil {
		return "{}\n" // what was read as YAML can be written as YAML
	}
	return string(text)
}

// services are the plan's, not started.
func (l layers) services() []service {
	var list []service
	for _, name := range slices.Sorted(maps.Keys(l.is["services"])) {
		startup, _ := l.is["services"][name]["startup"].(string)
		if startup == "" {
			startup = "disabled"
		}
		list = append(list, service{Name: name, Startup: startup, Current: "inactive"})
	}
	return list
}

// changed are the services that are no longer as they were, but for how they are laid over others.
func (l layers) changed() []string {
	var list []string
	plain := func(fields map[string]any) map[string]any {
		fields = maps.Clone(fields)
		delete(fields, "override")
		return fields
	}
	for name, fields := range l.is["services"] {
		if before, ok := l.was["services"][name]; !ok || !reflect.DeepEqual(plain(before), plain(fields)) {
			list = append(list, name)
		}
	}
	return list
}

// settled is the plan after its services follow it.
func (l layers) settled() layers { return layers{was: l.is, is: l.is} }

// diff shows which lines differ, those that are gone with a minus, new ones with a plus, and the others where they help to
// find one's way: the lines above with less indentation.
func diff(before, after string) string {
	a, b := lines(before), lines(after)
	common := longest(a, b)
	var out, parents []string
	i, j := 0, 0
	show := func(sign, line string) {
		depth := indentation(line)
		for n, p := range parents {
			if p != "" && indentation(p) < depth {
				out = append(out, "  "+p)
			}
			parents[n] = ""
		}
		out = append(out, sign+" "+line)
	}
	for _, line := range append(common, "") {
		end := func(list []string, at int) bool { return at < len(list) && (list[at] != line || line == "") }
		for ; end(a, i); i++ {
			show("-", a[i])
		}
		for ; end(b, j); j++ {
			show("+", b[j])
		}
		parents = slices.DeleteFunc(parents, func(p string) bool { return p != "" && indentation(p) >= indentation(line) })
		parents = append(parents, line)
		i, j = i+1, j+1
	}
	return strings.Join(out, "\n")
}

func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return strings.TrimSpace(l) == "" || l == "{}" })
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// longest is the longest common subsequence; of plans that are too long for that, nothing is common.
func longest(a, b []string) []string {
	if len(a)*len(b) > 1<<20 {
		return nil
	}
	n := make([][]int, len(a)+1)
	for i := range n {
		n[i] = make([]int, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			n[i][j] = max(n[i+1][j], n[i][j+1])
			if line == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			out, i, j = append(out, a[i]), i+1, j+1
		case n[i+1][j] >= n[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}
