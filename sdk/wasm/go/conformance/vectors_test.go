package conformance_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/wasm/go/conformance"
)

// TestGuestVectors holds the library natively against vectors/guest.json; runtimes/wasm does the same with the module.
func TestGuestVectors(t *testing.T) {
	text, err := os.ReadFile("../../vectors/guest.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name  string
		Input json.RawMessage
		Calls []struct {
			Function        string
			Request, Answer json.RawMessage
		}
		Output    any
		Error     string
		Unhandled bool
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			calls := v.Calls
			output, err := conformance.Charm().Dispatch(v.Input, func(function string, request []byte) []byte {
				if len(calls) == 0 {
					t.Fatalf("%s was called too many", function)
				}
				want := calls[0]
				calls = calls[1:]
				if function != want.Function || !reflect.DeepEqual(value(t, request), value(t, want.Request)) {
					t.Errorf("call %s %s, want %s %s", function, request, want.Function, want.Request)
				}
				if string(want.Answer) == "null" {
					return nil
				}
				return want.Answer
			})
			if len(calls) > 0 {
				t.Errorf("not called: %v", calls)
			}
			got := ""
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), "\n")
			}
			if got != v.Error || (output == nil) != (v.Unhandled || v.Error != "") {
				t.Fatalf("output %s, error %q; want error %q", output, got, v.Error)
			}
			if output != nil && !reflect.DeepEqual(value(t, output), v.Output) {
				t.Errorf("output %s, want %v", output, v.Output)
			}
		})
	}
}

func value(t *testing.T, text []byte) any {
	t.Helper()
	if len(text) == 0 {
		return map[string]any{}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
