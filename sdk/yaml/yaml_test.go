package yaml_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

type endpoint struct {
	Interface string `yaml:"interface" short:"true"`
	Limit     int    `yaml:"limit"`
}

type doc struct {
	Name     string              `yaml:"name"`
	Count    *int                `yaml:"count"`
	Ratio    float64             `yaml:"ratio"`
	On       bool                `yaml:"on"`
	Wait     time.Duration       `yaml:"wait"`
	To       []string            `yaml:"to" short:"true"`
	Requires map[string]endpoint `yaml:"requires"`
	List     []endpoint          `yaml:"list"`
	Free     any                 `yaml:"free"`
	Size     uint8               `yaml:"size"`
	hidden   int                 //nolint:unused // shows that unexported fields are no keys
}

type open struct {
	Known string         `yaml:"known"`
	Rest  map[string]any `yaml:",inline"`
}

func TestDecode(t *testing.T) {
	var got doc
	err := yaml.Decode("d.yaml", []byte(`
name: 1.10
count: 0
ratio: 2
on: yes
wait: 10s
to: a
requires:
  db: postgresql
  web: {interface: http, limit: 2}
  none:
list: [x, {interface: y}]
free: {1: 2020-01-02, yes: [true, 1.5, null]}
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	want := doc{Name: "1.10", Count: &zero, Ratio: 2, On: true, Wait: 10 * time.Second, To: []string{"a"},
		Requires: map[string]endpoint{"db": {Interface: "postgresql"}, "web": {"http", 2}, "none": {}},
		List:     []endpoint{{Interface: "x"}, {Interface: "y"}},
		Free:     map[string]any{"1": "2020-01-02", "yes": []any{true, 1.5, nil}}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(doc{})); d != "" {
		t.Error(d)
	}
}

func TestAliasesAndMerge(t *testing.T) {
	var got map[string]endpoint
	err := yaml.Decode("d", []byte("a: &a {interface: i, limit: 1}\nb: *a\nc: {<<: *a, limit: 2}\nd: {<<: [{limit: 3}, *a]}\n"), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]endpoint{"a": {"i", 1}, "b": {"i", 1}, "c": {"i", 2}, "d": {"i", 3}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestInlineMapTakesTheRest(t *testing.T) {
	var got open
	if err := yaml.Decode("d", []byte("known: k\nother: {a: 1}\n"), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(open{"k", map[string]any{"other": map[string]any{"a": 1}}}, got); d != "" {
		t.Error(d)
	}
}

const allKeys = "name, count, ratio, on, wait, to, requires, list, free, size"

func TestDecodeErrors(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"unknown":        {"nam: x", `line 1: unknown key "nam"; allowed: ` + allKeys},
		"unknown nested": {"requires:\n  db:\n    iface: x", `line 3: unknown key "iface" in requires.db; allowed: interface, limit`},
		"unknown in list": {"list:\n- interface: x\n- {lim: 2}",
			`line 3: unknown key "lim" in list[1]; allowed: interface, limit`},
		"duplicate":        {"name: a\nname: b", "line 2: key name is given twice, first on line 1"},
		"duplicate nested": {"requires: {a: x, a: y}", "line 1: key requires.a is given twice, first on line 1"},
		"documents":        {"name: a\n---\nname: b", `line 3: has 2 documents; one is allowed, remove the "---" between them`},
		"list for text":    {"name: [a]", "line 1: key name must be text, got a list"},
		"text for number":  {"count: many", `line 1: key count must be a whole number, got text "many"`},
		"fraction":         {"count: 1.5", "line 1: key count must be a whole number, got 1.5"},
		"overflow":         {"size: 256", "line 1: key size must be a whole number that is not negative, got 256"},
		"infinite":         {"ratio: .inf", "line 1: key ratio must be a finite number, got .inf"},
		"infinite free":    {"free: [.nan]", "line 1: key free[0] must be a finite number, got .nan"},
		"bool":             {"on: maybe", `line 1: key on must be true or false, got text "maybe"`},
		"duration":         {"wait: 10", `line 1: key wait must be a duration such as "10s", got 10`},
		"scalar document":  {"hello", `line 1: the document must be a mapping, got text "hello"`},
		"scalar for map":   {"requires: x", `line 1: key requires must be a mapping, got text "x"`},
		"scalar for list":  {"list: x", `line 1: key list must be a list, got text "x"`},
		"short form type":  {"requires: {a: [x]}", "line 1: key requires.a must be a mapping, got a list"},
		"mapping as key":   {"free: {[a]: 1}", "line 1: a list or mapping cannot be a key; allowed: text"},
		"tag":              {"free: !!binary aGk=", `line 1: key free must be text, a number, true, false, a list or a mapping, got "aGk=" with tag !!binary`},
		"syntax":           {"name: a\n b: c", "line 2: not valid YAML: mapping values are not allowed in this context"},
		"tab":              {"name:\n\t- a", "line 2: not valid YAML: found character that cannot start any token"},
		"bad alias":        {"name: *x", "not valid YAML: unknown anchor 'x' referenced"},
		"self alias":       {"free: &a [*a]", `line 1: alias "a" contains itself`},
		"bad merge":        {"free: {<<: 1}", `line 1: "<<" merges mappings only`},
		"deep":             {"free: " + strings.Repeat("[", 70) + strings.Repeat("]", 70), "line 1: is nested more than 64 levels deep"},
		"bomb":             {bomb(), "line 1: has more than 100000 values once its aliases are expanded"},
		"large":            {strings.Repeat("#", yaml.MaxBytes+1), "has 4194305 bytes; at most 4194304 are allowed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := doc{Name: "before"}
			err := yaml.Decode("d.yaml", []byte(tt.in), &got)
			if err == nil {
				t.Fatal("no error")
			}
			if want := "cannot read d.yaml: " + tt.want; err.Error() != want {
				t.Errorf("\n got %s\nwant %s", err, want)
			}
			if !errs.Is(err, errs.Invalid) || len(yaml.Problems(err)) == 0 {
				t.Errorf("class %v, problems %v", errs.Class(err), yaml.Problems(err))
			}
			if got.Name != "before" {
				t.Error("the target is changed")
			}
		})
	}
}

func bomb() string {
	var b strings.Builder
	b.WriteString("l0: &l0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 10), ", "))
	}
	return strings.Replace(b.String(), "l8:", "free:", 1)
}

func TestAllProblemsAreReported(t *testing.T) {
	err := yaml.Decode("d.yaml", []byte("x: 1\ncount: a\ny: 2\n"), &doc{})
	want := `cannot read d.yaml: line 1: unknown key "x"; allowed: ` + allKeys + `
cannot read d.yaml: line 2: key count must be a whole number, got text "a"
cannot read d.yaml: line 3: unknown key "y"; allowed: ` + allKeys
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestDecodeLenient(t *testing.T) {
	var got doc
	unknown, err := yaml.DecodeLenient("d", []byte("name: a\nx: 1\nrequires: {db: {interface: i, y: 2}}\n"), &got)
	if err != nil {
		t.Fatal(err)
	}
	if len(unknown) != 2 || unknown[0].Key != "x" || unknown[1].Key != "requires.db.y" || unknown[1].Line != 3 {
		t.Errorf("unknown = %+v", unknown)
	}
	if got.Name != "a" || got.Requires["db"].Interface != "i" {
		t.Errorf("got %+v", got)
	}
	if _, err := yaml.DecodeLenient("d", []byte("count: a"), &got); err == nil {
		t.Error("a wrong type is accepted")
	}
}

func TestEmpty(t *testing.T) {
	for _, in := range []string{"", "# nothing\n", "null\n", "---\n", "~"} {
		got := doc{Name: "before"}
		if err := yaml.Decode("d", []byte(in), &got); err != nil || got.Name != "before" {
			t.Errorf("%q: %v, %+v", in, err, got)
		}
	}
}

func TestDocument(t *testing.T) {
	docs, err := yaml.All("b.yaml", []byte("a:\n  b:\n    c: 1\n---\nz:\ny: 2\n"))
	if err != nil || len(docs) != 2 {
		t.Fatal(docs, err)
	}
	first, second := docs[0], docs[1]
	if !first.Has("a", "b", "c") || first.Has("a", "c") || !second.Has("z") || second.Has("a") {
		t.Error("Has is wrong")
	}
	if got := first.Line("a", "b", "c"); got != 3 {
		t.Errorf("Line = %d", got)
	}
	if got := first.Line("a", "b", "none"); got != 2 {
		t.Errorf("Line of a missing key = %d, want its parent's", got)
	}
	if d := cmp.Diff([]string{"z", "y"}, second.Keys()); d != "" {
		t.Error(d)
	}
	var got map[string]int
	if err := first.Sub("a", "b").Decode(&got); err != nil || got["c"] != 1 {
		t.Error(got, err)
	}
	if !first.Sub("x").Empty() || first.File() != "b.yaml" {
		t.Error("Sub of a missing key is not empty")
	}
}

func TestEncode(t *testing.T) {
	got, err := yaml.EncodeAll(map[string]any{"b": []string{"x"}, "a": 1}, map[string]any{"c": nil})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a: 1\nb:\n  - x\n---\nc: null\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: a\nrequires: {db: x}\nfree: {a: [1, .inf]}\n"))
	f.Add([]byte("a: &a {b: 1}\nfree: {<<: *a}\n--- \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first doc
		if yaml.Decode("f", data, &first) != nil {
			return
		}
		out, err := yaml.Encode(first.Free)
		if err != nil {
			t.Fatalf("cannot encode what was decoded: %v", err)
		}
		var again any
		if err := yaml.Decode("f", out, &again); err != nil {
			t.Fatalf("cannot decode what was encoded: %v\n%s", err, out)
		}
	})
}
