package action_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/charm/action"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

const source = `
backup:
  title: Back up
  description: Make a backup.
  parallel: true
  execution-group: slow
  params:
    level: {type: integer, default: 3, minimum: 1, maximum: 9}
    mode: {type: string, enum: [full, delta]}
    any:
    target:
      type: object
      properties:
        path: {type: string, default: /srv}
        inner: {type: object, properties: {deep: {type: array, default: [a, b]}}}
        plain: {type: object, properties: {x: {type: string}}}
      additionalProperties: false
  required: [mode]
  minProperties: 1
closed:
  params: {a: {type: string}}
  additionalProperties: false
bare:
`

func read(t testing.TB) action.Actions {
	t.Helper()
	doc, err := yaml.One("actions.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var list diag.List
	actions := action.Read(doc, &list)
	if len(list) > 0 {
		t.Fatal(list)
	}
	return actions
}

func TestRead(t *testing.T) {
	actions := read(t)
	if len(actions) != 3 {
		t.Fatalf("got %v", actions)
	}
	got := actions["backup"]
	got.Schema = map[string]any{"minProperties": got.Schema["minProperties"], "required": got.Schema["required"], "type": got.Schema["type"]}
	want := action.Action{Name: "backup", Title: "Back up", Description: "Make a backup.", Parallel: true, ExecutionGroup: "slow",
		Schema: map[string]any{"minProperties": 1, "required": []string{"mode"}, "type": "object"}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(action.Action{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"type": "object", "properties": map[string]any{}}, actions["bare"].Schema); d != "" {
		t.Error(d)
	}
}

func TestValidate(t *testing.T) {
	actions := read(t)
	tests := []struct {
		action, params, want string
	}{
		{"backup", `{"mode": "full", "level": 3, "extra": 1}`, ""},
		{"backup", `{"mode": "full", "any": [1]}`, ""},
		{"bare", `{}`, ""},
		{"bare", `null`, ""},
		{"bare", `{"x": {"y": 1}}`, ""},
		{"backup", `{"level": 3}`, `cannot run action "backup": parameter "mode" is required and was not given`},
		{"backup", `{"mode": "all"}`, `cannot run action "backup": parameter "mode": value must be one of 'full', 'delta'`},
		{"backup", `{"mode": "full", "level": "3"}`, `cannot run action "backup": parameter "level": got string, want integer`},
		{"backup", `{"mode": "full", "level": 1.5}`, `cannot run action "backup": parameter "level": got number, want integer`},
		{"backup", `{"mode": "full", "level": 10, "target": {"path": 1, "pth": "x"}}`,
			`cannot run action "backup": parameter "level": maximum: got 10, want 9
cannot run action "backup": parameter "target.path": got number, want string
cannot run action "backup": parameter "target.pth" is unknown; allowed: inner, path, plain`},
		{"closed", `{"b": 1}`, `cannot run action "closed": parameter "b" is unknown; allowed: a`},
	}
	for _, tt := range tests {
		var params map[string]any
		if err := json.Unmarshal([]byte(tt.params), &params); err != nil {
			t.Fatal(err)
		}
		got := actions[tt.action].Validate(params)
		if tt.want == "" && got != nil || tt.want != "" && (got == nil || got.Error() != tt.want || !errs.Is(got, errs.Invalid)) {
			t.Errorf("%s %s:\n got %v\nwant %s", tt.action, tt.params, got, tt.want)
		}
	}
}

func TestInsertDefaults(t *testing.T) {
	backup := read(t)["backup"]
	all := `{"level": 3, "target": {"path": "/srv", "inner": {"deep": ["a", "b"]}}}`
	tests := [][2]string{
		{`null`, all},
		{`{}`, all},
		{`{"level": 5, "mode": "full", "own": 1}`, `{"level": 5, "mode": "full", "own": 1, "target": {"path": "/srv", "inner": {"deep": ["a", "b"]}}}`},
		{`{"level": null, "target": {"path": "/x", "inner": {"deep": []}}}`, `{"level": null, "target": {"path": "/x", "inner": {"deep": []}}}`},
		{`{"target": "wrong"}`, `{"level": 3, "target": "wrong"}`},
	}
	for _, tt := range tests {
		var params, before map[string]any
		if err := json.Unmarshal([]byte(tt[0]), &params); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(tt[0]), &before); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(backup.InsertDefaults(params))
		if err != nil {
			t.Fatal(err)
		}
		var gotValue, want any
		if err := json.Unmarshal(got, &gotValue); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(tt[1]), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, gotValue); d != "" {
			t.Errorf("%s: %s", tt[0], d)
		}
		if d := cmp.Diff(before, params); d != "" {
			t.Errorf("%s is changed: %s", tt[0], d)
		}
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	backup := read(t)["backup"]
	deep := func(params map[string]any) []any {
		return params["target"].(map[string]any)["inner"].(map[string]any)["deep"].([]any)
	}
	deep(backup.InsertDefaults(nil))[0] = "changed"
	if got := deep(backup.InsertDefaults(nil))[0]; got != "a" {
		t.Errorf("a caller changed the default to %v", got)
	}
}

func TestAStoredActionValidatesToo(t *testing.T) {
	data, err := json.Marshal(read(t))
	if err != nil {
		t.Fatal(err)
	}
	var stored action.Actions
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	for name, a := range read(t) {
		for _, params := range []map[string]any{nil, {"mode": "full"}, {"level": "x"}, {"b": 1}} {
			fresh, old := a.Validate(params), stored[name].Validate(params)
			if (fresh == nil) != (old == nil) || fresh != nil && fresh.Error() != old.Error() {
				t.Errorf("%s %v: %v, stored %v", name, params, fresh, old)
			}
		}
		if d := cmp.Diff(len(a.InsertDefaults(nil)), len(stored[name].InsertDefaults(nil))); d != "" {
			t.Error(name, d)
		}
	}
}

func TestInsertDefaultsTwiceChangesNothing(t *testing.T) {
	backup := read(t)["backup"]
	value := rapid.SampledFrom([]any{nil, 1, "x", map[string]any{}, map[string]any{"path": "p"}, map[string]any{"inner": map[string]any{}}, []any{}})
	rapid.Check(t, func(t *rapid.T) {
		params := rapid.MapOf(rapid.SampledFrom([]string{"level", "mode", "target", "own"}), value).Draw(t, "params")
		once := backup.InsertDefaults(params)
		if d := cmp.Diff(once, backup.InsertDefaults(once)); d != "" {
			t.Fatal(d)
		}
		for name := range params {
			if _, ok := once[name]; !ok {
				t.Fatalf("%s is lost", name)
			}
		}
	})
}
