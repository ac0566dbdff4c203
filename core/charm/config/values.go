package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

var secretURI = regexp.MustCompile(`^secret:(//[0-9a-f-]{36}/)?[0-9a-zA-Z][0-9a-zA-Z-]*$`)

// wanted says what a value of the type looks like.
func (t Type) wanted() string {
	switch t {
	case String:
		return "text"
	case Int:
		return "a whole number"
	case Float:
		return "a number"
	case Boolean:
		return "true or false"
	}
	return `a secret URI such as "secret:d0j9r6nmp25c76hcqc2g"`
}

// normalise brings a value into the Go type of the option. The problem reads
// as the end of a sentence that starts with what the value is of.
func (o Option) normalise(value any) (out any, problem string) {
	var ok bool
	switch o.Type {
	case String:
		out, ok = value.(string)
	case Secret:
		var text string
		text, ok = value.(string)
		ok = ok && (text == "" || secretURI.MatchString(text))
		out = text
	case Int:
		out, ok = asInt(value)
	case Float:
		out, ok = asFloat(value)
	case Boolean:
		out, ok = asBool(value)
	}
	if ok {
		return out, ""
	}
	problem = fmt.Sprintf("must be %s (type %s), got %s", o.Type.wanted(), o.Type, describe(value))
	if o.Type == String {
		problem += "; put quotes around it"
	}
	return nil, problem
}

func asInt(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		// Numbers of JSON arrive as float64; beyond 2^53 they are not exact.
		return int64(v), v == math.Trunc(v) && math.Abs(v) <= 1<<53
	case json.Number:
		i, err := v.Int64()
		return i, err == nil
	case string:
		i, err := strconv.ParseInt(v, 10, 64)
		return i, err == nil
	}
	return 0, false
}

func asFloat(value any) (float64, bool) {
	var f float64
	switch v := value.(type) {
	case int:
		f = float64(v)
	case int64:
		f = float64(v)
	case uint64:
		f = float64(v)
	case float64:
		f = v
	case json.Number:
		return asFloat(v.String())
	case string:
		parsed, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return 0, false
		}
		f = parsed
	default:
		return 0, false
	}
	return f, !math.IsInf(f, 0) && !math.IsNaN(f)
}

func asBool(value any) (bool, bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		b, err := strconv.ParseBool(v)
		return b, err == nil
	}
	return false, false
}

func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		if runes := []rune(v); len(runes) > 40 {
			v = string(runes[:40]) + "…"
		}
		return "text " + strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprint(value)
}

// check returns the normalised value of one option or what is wrong with it.
func (o Options) check(key string, value any) (any, string) {
	option, ok := o[key]
	if !ok {
		return nil, fmt.Sprintf("unknown option %q; allowed: %s", key, diag.Names(o))
	}
	if value == nil {
		return nil, ""
	}
	out, problem := option.normalise(value)
	if problem != "" {
		return nil, fmt.Sprintf("option %q %s", key, problem)
	}
	return out, ""
}

// Parse returns the value of option key given as text, as on a command line.
// Errors have class errs.Invalid.
func (o Options) Parse(key, text string) (any, error) {
	value, problem := o.check(key, text)
	if problem != "" {
		return nil, errs.E(errs.Invalid, "cannot set config: %s", problem)
	}
	return value, nil
}

// ParseAll is Parse for a whole change: all of it is accepted or all problems
// are in the error.
func (o Options) ParseAll(texts map[string]string) (Values, error) {
	values := make(map[string]any, len(texts))
	for key, text := range texts {
		values[key] = text
	}
	return o.Validate(values)
}

// Validate checks a whole change and returns it with the Go types of Values.
// Nothing is accepted when anything is wrong; the error, of class
// errs.Invalid, has a line for each problem. A nil value resets an option.
func (o Options) Validate(change map[string]any) (Values, error) {
	values := Values{}
	var problems []error
	for _, key := range sortedKeys(change) {
		value, problem := o.check(key, change[key])
		if problem != "" {
			problems = append(problems, fmt.Errorf("cannot set config: %s", problem))
			continue
		}
		values[key] = value
	}
	if len(problems) > 0 {
		return nil, errs.With(errs.Invalid, errors.Join(problems...))
	}
	return values, nil
}

// ParseYAML reads the settings of application app from a file of the form
// "app: {option: value}", or as `config --format yaml` prints it: "settings:
// {option: {value: …}}". Values may be given as text and are then parsed.
func (o Options) ParseYAML(file, app string, data []byte) (Values, error) {
	doc, err := yaml.One(file, data)
	if err != nil {
		return nil, err
	}
	path := []string{app}
	if !doc.Has(app) && doc.Has("settings") {
		path = []string{"settings"}
	}
	if !doc.Has(path...) {
		return nil, errs.E(errs.Invalid, "cannot read %s: it has no settings for application %q; allowed: a key %q with a mapping of options; found: %s",
			file, app, app, orNone(doc.Keys()))
	}
	var change map[string]any
	if err := doc.Sub(path...).Decode(&change); err != nil {
		return nil, err
	}
	var list diag.List
	report := diag.Reporter{List: &list, Doc: doc}
	values := Values{}
	for _, key := range doc.Keys(path...) {
		value := change[key]
		if printed, ok := value.(map[string]any); ok && path[0] == "settings" {
			value = printed["value"]
		}
		normal, problem := o.check(key, value)
		if problem != "" {
			report.Errorf(append(slices.Clone(path), key), "%s", problem)
		}
		values[key] = normal
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	return values, nil
}

func orNone(keys []string) string {
	if len(keys) == 0 {
		return "(none)"
	}
	return strings.Join(keys, ", ")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
