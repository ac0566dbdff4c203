package wasm

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// guestVector is one of sdk/wasm/vectors/guest.json.
type guestVector struct {
	Name      string
	Input     json.RawMessage
	Calls     []scriptedCall
	Output    any
	Error     string
	Unhandled bool
}

type scriptedCall struct {
	Function        string
	Request, Answer json.RawMessage
}

// scriptedCalls answers calls in their order.
type scriptedCalls struct {
	t     testing.TB
	calls []scriptedCall
}

func (s *scriptedCalls) Call(_ context.Context, f abi.Function, request []byte) []byte {
	if len(s.calls) == 0 {
		s.t.Errorf("%s was called too many", f)
		return nil
	}
	want := s.calls[0]
	s.calls = s.calls[1:]
	if f.String() != want.Function || !reflect.DeepEqual(decoded(s.t, request), decoded(s.t, want.Request)) {
		s.t.Errorf("call %s %s, want %s %s", f, request, want.Function, want.Request)
	}
	if string(want.Answer) == "null" {
		return nil
	}
	return want.Answer
}

// run runs the vector's event, the calls being answered as it says.
func (v guestVector) run(t testing.TB, c *charm) ([]byte, *failure) {
	i, hand, err := c.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &scriptedCalls{t: t, calls: v.Calls}
	run := newRun(s, nil, 10*time.Second, live(t))
	ctx, end := run.begin(t.Context(), i)
	output, bad := i.event(ctx, run, v.Input)
	end()
	bad.explain(run.tail)
	c.recycle(t.Context(), i, hand, bad != nil && bad.broken)
	if len(s.calls) > 0 {
		t.Errorf("not called: %v", s.calls)
	}
	return output, bad
}

func (v guestVector) check(t *testing.T, c *charm) {
	output, bad := v.run(t, c)
	message := ""
	if bad != nil {
		message = bad.message
	}
	if message != v.Error || (output == nil) != (v.Unhandled || v.Error != "") {
		t.Fatalf("output %s, error %q; want error %q", output, message, v.Error)
	}
	if output != nil && !reflect.DeepEqual(decoded(t, output), v.Output) {
		t.Errorf("output %s, want %v", output, v.Output)
	}
}

func decoded(t testing.TB, text []byte) any {
	if len(text) == 0 {
		return map[string]any{}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	return v
}

// live is a world for events that ask it for nothing but the time.
func live(t testing.TB) *world.World {
	t.Helper()
	w, err := world.New(world.Live, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
