package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// plain is a value as encoding/json would give it, by way of everything that a Value can do.
func plain(v wire.Value) any {
	switch {
	case len(v) == 0 || string(v) == "null":
		return nil
	case v[0] == '{':
		out := map[string]any{}
		for k, member := range v.Members() {
			out[k] = plain(member)
		}
		return out
	case v[0] == '[':
		out := []any{}
		for e := range v.Elements() {
			out = append(out, plain(e))
		}
		return out
	case v[0] == '"':
		return v.String()
	case string(v) == "true" || string(v) == "false":
		return v.Bool()
	}
	return v.Float()
}

// same compares with encoding/json: what one reads the other reads, and it says the same.
func same(t interface{ Fatalf(string, ...any) }, text []byte) {
	var want any
	wantErr := json.Unmarshal(text, &want)
	v, err := wire.Parse(text)
	if err == nil && wantErr != nil && strings.Contains(wantErr.Error(), "cannot unmarshal number") {
		return // a number that is too large for Go
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, encoding/json says %v", text, err, wantErr)
	}
	if err != nil {
		return
	}
	if got := plain(v); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %#v, encoding/json says %#v", text, got, want)
	}
}

func TestLikeEncodingJSON(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, ` { "a" : [ 1 , -0.5e+3 , true , null , "x\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00" ] , "b" : { } } `,
		`"\\"`, `"\\\""`, `{"a\"b":1}`, `[[[]],{"x":{"y":[]}}]`, `01`, `1.`, `-`, `{"a":}`, `{"a":1,}`, `[1,]`, `"\x"`, `"\ud800"`, `"\ud83d\u0041"`, "\"\n\"", `tru`, `{} x`, ``, `{"a" 1}`, `"\u12"`} {
		same(t, []byte(text))
	}
}

func TestRandomValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			v[rapid.String().Draw(t, "key")] = rapid.OneOf(rapid.Just[any]([]any{"a\\", map[string]any{"}": "]"}}), rapid.Map(rapid.String(), func(s string) any { return s }),
				rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f })).Draw(t, "value")
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		same(t, text)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":["\u00fc",1.5e3]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if v, err := wire.Parse(text); err == nil {
			plain(v)
		}
		_, _, _ = wire.Sections(text) // whatever it is given it ends, and does not panic
	})
}

func TestWriterStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var w wire.Writer
		w.Open('{')
		w.Text("empty", "")
		w.Name("s")
		w.String(s)
		w.Int("n", -5)
		w.Bool("yes", true)
		w.Bool("no", false)
		w.Strings("list", []string{s, "x"})
		w.Map("map", map[string]string{"b": s, "a": ""})
		w.Close('}')
		var got map[string]any
		if err := json.Unmarshal(w.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, w.Bytes())
		}
		reference, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(reference, &want); err != nil {
			t.Fatal(err)
		}
		if got["s"] != want || got["n"] != -5.0 || got["yes"] != true || len(got) != 5 {
			t.Fatalf("%q came back as %v", s, got)
		}
	})
}

func TestSections(t *testing.T) {
	event, view, err := wire.Sections([]byte(`{"other":[1,{"view":2}], "event" : {"id":"1"} ,"view":{ "unit":{"name":"a}\"/0"},"ports":["80/tcp"], "n":5 }}`))
	if err != nil || event.Get("id").String() != "1" || view["unit"].Get("name").String() != `a}"/0` || view["ports"].Strings()[0] != "80/tcp" || view["n"].Int() != 5 {
		t.Errorf("event %s, view %s, %v", event, view, err)
	}
	for _, text := range []string{``, `[]`, `{`, `{"event":`, `{"view":{"a":1`, `{"view":{x`, `{x}`} {
		if _, _, err := wire.Sections([]byte(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
