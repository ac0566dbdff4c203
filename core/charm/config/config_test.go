package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/charm/config"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

var options = config.Options{
	"name": {Type: config.String, Default: "x"},
	"port": {Type: config.Int, Default: int64(80)},
	"rate": {Type: config.Float},
	"on":   {Type: config.Boolean, Default: false},
	"key":  {Type: config.Secret},
}

const secret = "secret:d0j9r6nmp25c76hcqc2g"

func TestRead(t *testing.T) {
	doc, err := yaml.One("config.yaml", []byte(`options:
  untyped: {description: d}
  empty: {type: string, default: ""}
  unset: {type: int, default: }
  none:
  text: {type: int, default: "5"}
  whole: {type: float, default: 2}
  key: {type: secret, default: ""}
`))
	if err != nil {
		t.Fatal(err)
	}
	var list diag.List
	got := config.Read(doc, &list)
	want := config.Options{"untyped": {Type: config.String, Description: "d"}, "empty": {Type: config.String, Default: ""},
		"unset": {Type: config.Int}, "none": {Type: config.String}, "text": {Type: config.Int, Default: int64(5)},
		"whole": {Type: config.Float, Default: 2.0}, "key": {Type: config.Secret, Default: ""}}
	if d := cmp.Diff(want, got); d != "" || len(list) > 0 {
		t.Error(d, list)
	}
	if d := cmp.Diff(config.Values{"empty": "", "text": int64(5), "whole": 2.0, "key": ""}, got.Defaults()); d != "" {
		t.Error(d)
	}
}

func TestNullOptions(t *testing.T) {
	for _, in := range []string{"", "options:", "{}"} {
		doc, err := yaml.One("c", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		var list diag.List
		if got := config.Read(doc, &list); got == nil || len(got) > 0 || len(list) > 0 {
			t.Errorf("%q: %v %v", in, got, list)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		key, text string
		want      any
		problem   string
	}{
		{"name", "", "", ""},
		{"name", "5", "5", ""},
		{"port", "443", int64(443), ""},
		{"port", "-1", int64(-1), ""},
		{"rate", "1e3", 1000.0, ""},
		{"on", "true", true, ""},
		{"on", "False", false, ""},
		{"key", secret, secret, ""},
		{"key", "secret://8419cd78-4993-4c3a-928e-c646226beeee/d0j9r6nmp25c76hcqc2g", "secret://8419cd78-4993-4c3a-928e-c646226beeee/d0j9r6nmp25c76hcqc2g", ""},
		{"port", "http", nil, `cannot set config: option "port" must be a whole number (type int), got text "http"`},
		{"port", "", nil, `cannot set config: option "port" must be a whole number (type int), got text ""`},
		{"rate", "Inf", nil, `cannot set config: option "rate" must be a number (type float), got text "Inf"`},
		{"on", "yes", nil, `cannot set config: option "on" must be true or false (type boolean), got text "yes"`},
		{"key", "hunter2", nil, `cannot set config: option "key" must be a secret URI such as "secret:d0j9r6nmp25c76hcqc2g" (type secret), got text "hunter2"`},
		{"prot", "1", nil, `cannot set config: unknown option "prot"; allowed: key, name, on, port, rate`},
	}
	for _, tt := range tests {
		got, err := options.Parse(tt.key, tt.text)
		switch {
		case tt.problem != "" && (err == nil || err.Error() != tt.problem || !errs.Is(err, errs.Invalid)):
			t.Errorf("%s=%s: error %v, want %s", tt.key, tt.text, err, tt.problem)
		case tt.problem == "" && (err != nil || got != tt.want):
			t.Errorf("%s=%s: %v %v, want %v", tt.key, tt.text, got, err, tt.want)
		}
	}
}

func TestValidate(t *testing.T) {
	got, err := options.Validate(map[string]any{"port": 80.0, "rate": json.Number("1.5"), "on": "true", "name": nil})
	if d := cmp.Diff(config.Values{"port": int64(80), "rate": 1.5, "on": true, "name": nil}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	got, err = options.Validate(map[string]any{"port": 1.5, "zzz": 1, "name": 7, "on": []any{}, "rate": 1})
	want := `cannot set config: option "name" must be text (type string), got 7; put quotes around it
cannot set config: option "on" must be true or false (type boolean), got a list
cannot set config: option "port" must be a whole number (type int), got 1.5
cannot set config: unknown option "zzz"; allowed: key, name, on, port, rate`
	if err == nil || err.Error() != want || got != nil || !errs.Is(err, errs.Invalid) {
		t.Errorf("%v\n got %v\nwant %v", got, err, want)
	}
	if _, err := (config.Options{}).ParseAll(map[string]string{"a": "1"}); err == nil || !strings.HasSuffix(err.Error(), "allowed: (none)") {
		t.Errorf("got %v", err)
	}
}

func TestOptionsThroughJSON(t *testing.T) {
	want := config.Options{"port": {Type: config.Int, Default: int64(1<<62 + 1)}, "rate": {Type: config.Float, Default: 2.0},
		"name": {Type: config.String, Default: ""}, "on": {Type: config.Boolean, Default: true, Description: "d"}, "none": {Type: config.Secret}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got config.Options
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := json.Unmarshal([]byte(`{"a": {"type": "int", "default": "x"}}`), &got); err == nil {
		t.Error("a default of the wrong type is accepted")
	}
}

func TestResolve(t *testing.T) {
	got := options.Resolve(config.Values{"port": int64(1), "name": nil, "gone": "x", "rate": 2.0})
	if d := cmp.Diff(config.Values{"port": int64(1), "name": "x", "on": false, "rate": 2.0}, got); d != "" {
		t.Error(d)
	}
}

func TestParseYAML(t *testing.T) {
	want := config.Values{"port": int64(443), "name": "n", "rate": nil}
	for _, in := range []string{
		"web: {port: '443', name: n, rate: }\nother: {x: 1}\n",
		"application: web\nsettings:\n  port: {value: 443, type: int}\n  name: {value: n}\n  rate: {}\n",
	} {
		got, err := options.ParseYAML("f.yaml", "web", []byte(in))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(d, err)
		}
	}
	tests := map[string]string{
		"web: {prot: 1, port: x}": "cannot read f.yaml: line 1: unknown option \"prot\"; allowed: key, name, on, port, rate\n" +
			"cannot read f.yaml: line 1: option \"port\" must be a whole number (type int), got text \"x\"",
		"port: 1":  `cannot read f.yaml: it has no settings for application "web"; allowed: a key "web" with a mapping of options; found: port`,
		"":         `cannot read f.yaml: it has no settings for application "web"; allowed: a key "web" with a mapping of options; found: (none)`,
		"web: [x]": "cannot read f.yaml: line 1: the document must be a mapping, got a list",
		"web: {":   "cannot read f.yaml: line 1: not valid YAML: did not find expected node content",
	}
	for in, want := range tests {
		got, err := options.ParseYAML("f.yaml", "web", []byte(in))
		if err == nil || err.Error() != want || got != nil || !errs.Is(err, errs.Invalid) {
			t.Errorf("%q:\n got %v\nwant %v", in, err, want)
		}
	}
}

func TestValidateIsStable(t *testing.T) {
	value := rapid.SampledFrom([]any{nil, "", "x", "5", "true", secret, 5, int64(5), 5.0, 5.5, true, json.Number("7"), []any{1}})
	rapid.Check(t, func(t *rapid.T) {
		change := rapid.MapOf(rapid.SampledFrom([]string{"name", "port", "rate", "on", "key", "zzz"}), value).Draw(t, "change")
		first, err := options.Validate(change)
		if err != nil {
			if first != nil {
				t.Fatal("an error and values")
			}
			return
		}
		data, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var stored map[string]any
		if err := json.Unmarshal(data, &stored); err != nil {
			t.Fatal(err)
		}
		second, err := options.Validate(stored)
		if d := cmp.Diff(first, second); d != "" || err != nil {
			t.Fatal("after a way through JSON: ", d, err)
		}
	})
}

func FuzzParseYAML(f *testing.F) {
	f.Add([]byte("web: {port: 1, name: x}\n"))
	f.Add([]byte("settings: {port: {value: 1}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := options.ParseYAML("f", "web", data)
		if err != nil {
			return
		}
		if _, err := options.Validate(values); err != nil {
			t.Errorf("what was read does not validate: %v", err)
		}
	})
}
