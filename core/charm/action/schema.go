package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// schemaURL names the schema inside the compiler; nothing is fetched from it.
const schemaURL = "charm:action"

// sealed refuses to load anything, so that a schema cannot reach files or hosts.
type sealed struct{}

func (sealed) Load(url string) (any, error) {
	return nil, fmt.Errorf("schema refers to %s; references are not supported", url)
}

// problem is one thing wrong with a schema or with parameters.
type problem struct {
	path []string // keys from the top
	text string
}

// compile returns the schema ready for checks, or what is wrong with it; the
// paths of problems are those of actions.yaml, where "properties" is "params".
func compile(schema map[string]any) (*jsonschema.Schema, []problem) {
	plain, err := asJSON(schema)
	if err != nil {
		return nil, []problem{{text: err.Error()}}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(sealed{})
	if err := c.AddResource(schemaURL, plain); err != nil {
		return nil, []problem{{text: err.Error()}}
	}
	compiled, err := c.Compile(schemaURL)
	if err == nil {
		return compiled, nil
	}
	var invalid *jsonschema.SchemaValidationError
	var detail *jsonschema.ValidationError
	if !errors.As(err, &invalid) || !errors.As(invalid.Err, &detail) {
		return nil, []problem{{text: err.Error()}}
	}
	var problems []problem
	for _, p := range leaves(detail, nil) {
		if len(p.path) > 0 && p.path[0] == "properties" {
			p.path[0] = "params"
		}
		p.text = fmt.Sprintf("%s: %s", strings.Join(p.path, "."), p.text)
		problems = append(problems, p)
	}
	return nil, problems
}

// asJSON brings a value into the form the schema library reads, with exact numbers.
func asJSON(value any) (any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("has no JSON form: %w", err)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

// Validate checks parameters against the schema, after InsertDefaults. The
// error, of class errs.Invalid, has a line for each wrong parameter with its
// path and what is allowed.
func (a Action) Validate(params map[string]any) error {
	compiled := a.compiled
	if compiled == nil { // not from Read, but from a store
		var problems []problem
		if compiled, problems = compile(a.Schema); len(problems) > 0 {
			return errs.E(errs.Invalid, "cannot run action %q: it has no valid schema: %s", a.Name, problems[0].text)
		}
	}
	if params == nil {
		params = map[string]any{}
	}
	plain, err := asJSON(params)
	if err != nil {
		return errs.E(errs.Invalid, "cannot run action %q: the parameters have no JSON form: %w", a.Name, err)
	}
	err = compiled.Validate(plain)
	var detail *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &detail):
		return errs.E(errs.Invalid, "cannot run action %q: %w", a.Name, err)
	}
	var problems []error
	for _, p := range leaves(detail, a.Schema) {
		what := "the parameters"
		if len(p.path) > 0 {
			what = fmt.Sprintf("parameter %q", strings.Join(p.path, "."))
		}
		if !strings.HasPrefix(p.text, "is ") { // the library's texts are no sentences
			what += ":"
		}
		what += " "
		problems = append(problems, fmt.Errorf("cannot run action %q: %s%s", a.Name, what, p.text))
	}
	return errs.With(errs.Invalid, errors.Join(problems...))
}

// leaves flattens the library's tree of causes into single problems, ordered
// by path. schema, when given, is where the allowed names are looked up.
func leaves(e *jsonschema.ValidationError, schema map[string]any) []problem {
	var out []problem
	var visit func(e *jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			visit(cause)
		}
		if len(e.Causes) > 0 {
			return
		}
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, name := range k.Missing {
				out = append(out, problem{append(slices.Clone(e.InstanceLocation), name), "is required and was not given"})
			}
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				out = append(out, problem{append(slices.Clone(e.InstanceLocation), name),
					"is unknown; allowed: " + allowed(schema, e.InstanceLocation)})
			}
		default:
			out = append(out, problem{slices.Clone(e.InstanceLocation), text(e)})
		}
	}
	visit(e)
	slices.SortStableFunc(out, func(a, b problem) int { return slices.Compare(a.path, b.path) })
	return out
}

func text(e *jsonschema.ValidationError) string {
	// The library's own sentence, without the schema's address in front of it.
	if unit := e.BasicOutput(); unit.Error != nil {
		return unit.Error.String()
	}
	s := e.Error()
	if i := strings.LastIndex(s, "': "); i >= 0 {
		return s[i+len("': "):]
	}
	return s
}

// allowed lists the declared parameters of the object at path.
func allowed(schema map[string]any, path []string) string {
	for _, key := range path {
		properties, _ := schema["properties"].(map[string]any)
		schema, _ = properties[key].(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 {
		return "(none)"
	}
	return strings.Join(slices.Sorted(maps.Keys(properties)), ", ")
}

// InsertDefaults returns params with the schema's defaults in the place of
// absent parameters, at every depth. An absent object is made only when there
// is a default inside it. params itself is not changed.
func (a Action) InsertDefaults(params map[string]any) map[string]any {
	return withDefaults(a.Schema, params)
}

func withDefaults(schema, params map[string]any) map[string]any {
	out := maps.Clone(params)
	if out == nil {
		out = map[string]any{}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, raw := range properties {
		property, _ := raw.(map[string]any)
		value, given := out[name]
		if def, ok := property["default"]; ok && !given {
			value, given = clone(def), true
			out[name] = value
		}
		if _, ok := property["properties"]; !ok {
			continue
		}
		object, isObject := value.(map[string]any)
		if given && !isObject {
			continue // of the wrong type; Validate says so
		}
		if filled := withDefaults(property, object); given || len(filled) > 0 {
			out[name] = filled
		}
	}
	return out
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return value
}
