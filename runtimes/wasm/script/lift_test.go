package script

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// through lifts a JSON text as it is on its way into the guest, reads it as the guest's library does, writes it as the
// library does and lowers it again.
func through(t *testing.T, data []byte) (any, int) {
	t.Helper()
	w := &words{seed: func() []byte { return []byte("7") }}
	lifted, prefix := w.lift(data)
	var value any
	if err := json.Unmarshal(lifted, &value); err != nil {
		t.Fatalf("lifted %q: %v", lifted, err)
	}
	var replace func(any, func(string) string) any
	replace = func(v any, change func(string) string) any {
		switch x := v.(type) {
		case string:
			return change(x)
		case []any:
			for n := range x {
				x[n] = replace(x[n], change)
			}
		case map[string]any:
			for k := range x {
				x[k] = replace(x[k], change)
			}
		}
		return v
	}
	value = replace(value, func(s string) string {
		if prefix == "" || !strings.HasPrefix(s, prefix) {
			return s
		}
		text, ok := w.text(s)
		if !ok {
			t.Fatalf("nothing is known of %q", s)
		}
		return string(text)
	})
	value = replace(value, func(s string) string {
		if len(s) > longText {
			return w.keep([]byte(s))
		}
		return s
	})
	written, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(w.lower(written), &again); err != nil {
		t.Fatalf("lowered: %v", err)
	}
	return again, len(w.texts)
}

func FuzzLift(f *testing.F) {
	long := strings.Repeat("x", longText+1)
	for _, text := range []string{`{}`, `"short"`, `"` + long + `"`, `{"` + long + `" : "` + long + `", "b": ["` + long + `\"\\", "text-1-2-0", "\u2028é"]}`,
		`{"a":"` + strings.Repeat(`\"`, longText) + `","b":{"c":[1,"` + strings.Repeat(`ü`, longText) + `"]}}`, `[` + strings.Repeat(`"a",`, longText) + `"b"]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want any
		if json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		if got, _ := through(t, []byte(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%.200q came back as %.200v", text, got)
		}
	})
}

// TestLongTextsAreLifted: the members that are long and no names, and nothing in a text without them.
func TestLongTextsAreLifted(t *testing.T) {
	long := strings.Repeat("x", longText+1)
	if _, n := through(t, []byte(`{"`+long+`":"`+long+`","short":["s","`+long+`"]}`)); n != 4 {
		t.Errorf("%d texts, want 2 on the way in and 2 on the way out", n)
	}
	w := &words{seed: func() []byte { return []byte("7") }}
	if got, prefix := w.lift([]byte(`["` + strings.Repeat(`a","`, longText) + `"]`)); prefix != "" || len(w.texts) > 0 || got[0] != '[' {
		t.Errorf("prefix %q, %d texts", prefix, len(w.texts))
	}
	for _, word := range []string{"", "text-1-2-0", w.prefix, w.prefix + "-1", w.prefix + "9"} {
		if text, ok := w.text(word); ok {
			t.Errorf("%q stands for %q", word, text)
		}
	}
}

func TestWhere(t *testing.T) {
	for stack, want := range map[string]string{
		"    at f (charm.js:3:5)\n    at charm.js:9:1\n": "charm.js:3",
		"    at charm.js:4\n":                            "charm.js:4",
		"    at eval (bangle:9:1)\n":                     "",
		"":                                               "",
	} {
		if got := jsWhere(stack, "charm.js"); got != want {
			t.Errorf("%q: %q, want %q", stack, got, want)
		}
	}
	for exception, want := range map[string]string{
		"SyntaxError\x04Traceback (most recent call last):\n  File \"bangle.py\", line 9, in x\n  File \"charm.py\", line 3\nSyntaxError: invalid syntax\n": "SyntaxError: invalid syntax (charm.py:3)",
		"CharmError\x04Traceback (most recent call last):\n  File \"bangle.py\", line 9, in x\nCharmError: it says so\n":                                    "it says so",
		"MemoryError\x04": "MemoryError",
		"":                "the charm failed and did not say why",
	} {
		if got := mpFailed(exception, "charm.py").Message; got != want {
			t.Errorf("%q: %q, want %q", exception, got, want)
		}
	}
}

// TestEngines: what lies here is what engines.json says, and anything else is refused.
func TestEngines(t *testing.T) {
	pinned, err := Lock()
	if err != nil || len(pinned) != len(Engines()) {
		t.Fatalf("%v: %v", pinned, err)
	}
	for _, e := range Engines() {
		if !e.Here() {
			t.Skipf("there is no engine for %s: `go tool task engines` fetches it from npm", e.Language)
		}
		if module, err := e.module(); err != nil || string(module[:4]) != "\x00asm" {
			t.Errorf("%s: %v", e.File, err)
		}
	}
}

// TestNoEngine: a build without an engine says how to come by one.
func TestNoEngine(t *testing.T) {
	e := Engine{Language: "Cobol", File: "charm.cob", Name: "cobol"}
	if _, err := e.module(); e.Here() || err == nil || !strings.Contains(err.Error(), "this program was built without the engine for Cobol; install npm") {
		t.Error(err)
	}
}
