package wasm

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
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

// script answers calls in their order.
type script struct {
	t     *testing.T
	calls []scriptedCall
}

func (s *script) Call(_ context.Context, f abi.Function, request []byte) []byte {
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

// TestGuestVectors holds the Go guest library, compiled to WASM, against the vectors; the input is theirs byte by byte.
func TestGuestVectors(t *testing.T) {
	text, err := os.ReadFile("../../sdk/wasm/vectors/guest.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []guestVector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, File), "./testdata/obey")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, found, err := r.open(t.Context(), &charmruntimev1.LoadRequest{Digest: "obey", Dir: dir})
	if err != nil || found != nil {
		t.Fatal(found, err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) { v.check(t, c) })
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func (v guestVector) check(t *testing.T, c *charm) {
	i, err := c.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, calls: v.Calls}
	run := newRun(s, nil, 10*time.Second)
	ctx, end := run.begin(t.Context(), i)
	output, bad := i.event(ctx, run, v.Input)
	end()
	c.recycle(t.Context(), i, bad != nil && bad.broken)
	message := ""
	if bad != nil {
		message = bad.message
	}
	if len(s.calls) > 0 {
		t.Errorf("not called: %v", s.calls)
	}
	if message != v.Error || (output == nil) != (v.Unhandled || v.Error != "") {
		t.Fatalf("output %s, error %q; want error %q", output, message, v.Error)
	}
	if output != nil && !reflect.DeepEqual(decoded(t, output), v.Output) {
		t.Errorf("output %s, want %v", output, v.Output)
	}
}

func decoded(t *testing.T, text []byte) any {
	if len(text) == 0 {
		return map[string]any{}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	return v
}
