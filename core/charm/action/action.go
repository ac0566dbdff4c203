// Package action holds the actions a charm declares in actions.yaml: their
// parameters' schema, defaults and checks. Everything is pure.
package action

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Action is one action of a charm.
type Action struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Parallel allows tasks of this action to run on several units at once.
	Parallel bool `json:"parallel,omitempty"`
	// ExecutionGroup names the group of actions that never run at once.
	ExecutionGroup string `json:"execution-group,omitempty"`
	// Schema is the JSON Schema (draft 4) of the parameters: an object whose
	// properties are the declared params. Further parameters are allowed unless
	// the charm sets additionalProperties to false, as in 3.6.
	Schema map[string]any `json:"schema"`

	compiled *jsonschema.Schema
}

// Actions is every action of a charm, by name.
type Actions map[string]Action

// Run by the agent itself, so that a charm cannot take their place.
const reservedPrefix = "juju"

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

const nameRule = "lower-case letters and digits with \"-\" between them"

// declared is one entry of actions.yaml. All further keys are schema.
type declared struct {
	Title          string         `yaml:"title"`
	Description    string         `yaml:"description"`
	Parallel       bool           `yaml:"parallel"`
	ExecutionGroup string         `yaml:"execution-group"`
	Params         map[string]any `yaml:"params"`
	Required       []string       `yaml:"required"`
	Rest           map[string]any `yaml:",inline"`
}

// Read checks actions.yaml, or the actions section of charmcraft.yaml, and
// returns its actions, never nil.
func Read(doc *yaml.Document, list *diag.List) Actions {
	found := map[string]declared{}
	unknown, err := doc.DecodeLenient(&found)
	list.AddYAML(doc.File(), unknown, err)
	actions := Actions{}
	if err != nil {
		return actions
	}
	report := diag.Reporter{List: list, Doc: doc}
	for _, name := range doc.Keys() {
		if a, ok := read(report, name, found[name]); ok {
			actions[name] = a
		}
	}
	return actions
}

func read(report diag.Reporter, name string, d declared) (Action, bool) {
	path := []string{name}
	switch {
	case !namePattern.MatchString(name):
		report.Errorf(path, "action name %q is not valid; allowed: %s", name, nameRule)
	case strings.HasPrefix(name, reservedPrefix):
		report.Errorf(path, "action name %q is reserved; allowed: names that do not start with %q", name, reservedPrefix)
	}
	a := Action{Name: name, Title: d.Title, Description: d.Description, Parallel: d.Parallel,
		ExecutionGroup: d.ExecutionGroup, Schema: schemaOf(d)}
	for _, keyPath := range forbidden(d.Params, []string{name, "params"}) {
		report.Errorf(keyPath, "action %q uses %q in its parameters, which is not supported; write the schema out in place",
			name, keyPath[len(keyPath)-1])
		return a, false
	}
	for _, keyPath := range forbidden(d.Rest, path) {
		report.Errorf(keyPath, "action %q uses %q, which is not supported; write the schema out in place",
			name, keyPath[len(keyPath)-1])
		return a, false
	}
	compiled, problems := compile(a.Schema)
	for _, p := range problems {
		report.Errorf(append(slices.Clone(path), p.path...), "action %q has no valid schema: %s", name, p.text)
	}
	a.compiled = compiled
	return a, len(problems) == 0
}

func schemaOf(d declared) map[string]any {
	schema := maps.Clone(d.Rest)
	if schema == nil {
		schema = map[string]any{}
	}
	schema["type"] = "object"
	if d.Title != "" {
		schema["title"] = d.Title
	}
	if d.Description != "" {
		schema["description"] = d.Description
	}
	if len(d.Required) > 0 {
		schema["required"] = d.Required
	}
	properties := map[string]any{}
	for name, param := range d.Params {
		if param == nil {
			param = map[string]any{}
		}
		properties[name] = param
	}
	schema["properties"] = properties
	return schema
}

// forbidden returns the path of the first key, in order, that would make the
// schema depend on something outside the charm.
func forbidden(value any, path []string) [][]string {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			child := append(slices.Clone(path), key)
			if key == "$ref" || key == "$schema" {
				return [][]string{child}
			}
			if found := forbidden(v[key], child); found != nil {
				return found
			}
		}
	case []any:
		for _, item := range v {
			if found := forbidden(item, path); found != nil {
				return [][]string{append(slices.Clone(path), found[0][len(found[0])-1])}
			}
		}
	}
	return nil
}
