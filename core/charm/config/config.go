// Package config holds the options a charm declares in config.yaml and the
// rules for values given to them. Everything is pure.
package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Type is the type of an option, as written in config.yaml.
type Type string

// The types, with the Go type of their values in Values.
const (
	String  Type = "string"  // string
	Int     Type = "int"     // int64
	Float   Type = "float"   // float64, finite
	Boolean Type = "boolean" // bool
	Secret  Type = "secret"  // string, a "secret:" URI
)

const allowedTypes = "string, int, float, boolean, secret"

// Option is one option of a charm.
type Option struct {
	Type        Type   `yaml:"type" json:"type"`
	Description string `yaml:"description" json:"description,omitempty"`
	// Default is nil or a value of the Go type that Type names.
	Default any `yaml:"default" json:"default,omitempty"`
}

// Options is every option of a charm, by name.
type Options map[string]Option

// Values is values of options, by name. A nil value means "as if never set":
// the default holds.
type Values map[string]any

// UnmarshalJSON reads what json.Marshal wrote and gives the default back its
// Go type, which JSON alone does not keep.
func (o *Option) UnmarshalJSON(data []byte) error {
	type plain Option
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode((*plain)(o)); err != nil {
		return err
	}
	if o.Default == nil || o.Default == "" {
		return nil
	}
	value, problem := o.normalise(o.Default)
	if problem != "" {
		return errs.E(errs.Invalid, "cannot read option: default %s", problem)
	}
	o.Default = value
	return nil
}

// file is config.yaml.
type file struct {
	Options Options `yaml:"options"`
}

// Read checks config.yaml, or the config section of charmcraft.yaml, and
// returns its options, never nil. Keys that are not known are warnings, since
// existing charms carry them.
func Read(doc *yaml.Document, list *diag.List) Options {
	var f file
	unknown, err := doc.DecodeLenient(&f)
	list.AddYAML(doc.File(), unknown, err)
	options := Options{}
	if err != nil {
		return options
	}
	report := diag.Reporter{List: list, Doc: doc}
	for _, name := range doc.Keys("options") {
		options[name] = checkOption(report, name, f.Options[name])
	}
	return options
}

func checkOption(report diag.Reporter, name string, o Option) Option {
	path := []string{"options", name}
	if name == "" || strings.ContainsAny(name, " \t\n=") {
		report.Errorf(path, "option name %q is not valid; allowed: text without spaces and \"=\"", name)
	}
	if o.Type == "" {
		o.Type = String
	}
	if !slices.Contains([]Type{String, Int, Float, Boolean, Secret}, o.Type) {
		report.Errorf(append(path, "type"), "option %q has unknown type %q; allowed: %s", name, o.Type, allowedTypes)
		return o
	}
	if o.Default == nil || (o.Default == "" && (o.Type == String || o.Type == Secret)) {
		return o
	}
	value, problem := o.normalise(o.Default)
	if problem != "" {
		report.Errorf(append(path, "default"), "default of option %q %s", name, problem)
	}
	o.Default = value
	return o
}

// Defaults returns the default of every option that has one.
func (o Options) Defaults() Values {
	values := Values{}
	for name, option := range o {
		if option.Default != nil {
			values[name] = option.Default
		}
	}
	return values
}

// Resolve returns the defaults with the set values laid over them: what
// config-get shows. Options with neither are absent, a nil value counts as not set.
func (o Options) Resolve(set Values) Values {
	values := o.Defaults()
	for name, value := range set {
		if _, known := o[name]; known && value != nil {
			values[name] = value
		}
	}
	return values
}
