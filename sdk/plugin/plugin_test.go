package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
)

func TestEveryClassSurvivesTheWire(t *testing.T) {
	for _, kind := range errs.Kinds() {
		sent := errs.E(kind, "cannot do it: %s", kind)
		got := plugin.FromStatus(plugin.ToStatus(sent))
		if errs.Class(got) != kind || got.Error() != sent.Error() {
			t.Errorf("%s came back as %s: %v", kind, errs.Class(got), got)
		}
		if status.Code(plugin.ToStatus(sent)) == codes.Unknown {
			t.Errorf("%s has no code for peers that know no reasons", kind)
		}
	}
}

func TestStatusOfOthers(t *testing.T) {
	for code, want := range map[codes.Code]errs.Kind{
		codes.Unimplemented: errs.Unsupported, codes.Unavailable: errs.Unavailable, codes.ResourceExhausted: errs.Exhausted,
		codes.DeadlineExceeded: errs.Canceled, codes.Unauthenticated: errs.Denied, codes.DataLoss: errs.Internal,
	} {
		if got := errs.Class(plugin.FromStatus(status.Error(code, "x"))); got != want {
			t.Errorf("%s is of class %s, want %s", code, got, want)
		}
	}
	if err := plugin.FromStatus(status.Error(codes.DeadlineExceeded, "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no deadline", err)
	}
	if !errors.Is(plugin.FromStatus(io.EOF), io.EOF) || plugin.FromStatus(nil) != nil || plugin.ToStatus(nil) != nil {
		t.Error("nil or the end of a stream is changed")
	}
	foreign := status.Error(codes.DataLoss, "x")
	if got := plugin.ToStatus(foreign); status.Code(got) != codes.DataLoss {
		t.Errorf("a status of somebody else became %v", got)
	}
}

func TestRelay(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"m","unit":"web/0","n":3}`: `level=WARN msg=m n=3 unit=web/0`,
		`plain text`:                `level=INFO msg="plain text"`,
		`{"level":3,"msg":"m"}`:     `level=INFO msg="{\"level\":3,\"msg\":\"m\"}"`,
		`{"@message":1}`:            `level=INFO msg="{\"@message\":1}"`,
		`panic: runtime error`:      `level=ERROR msg="panic: runtime error"`,
		`{broken`:                   `level=INFO msg={broken`,
		`{"level":"DEBUG","msg":1}`: `level=INFO`,
	} {
		var out bytes.Buffer
		plugin.Relay(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), line)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\nbecame %swant %s", line, out.String(), want)
		}
	}
}

func TestWaits(t *testing.T) {
	for value, want := range map[string]bool{"runtime-x": true, "a,runtime-x": true, "runtime-xy": false, "": false} {
		if plugin.Waits(value, "runtime-x") != want {
			t.Errorf("Waits(%q) is not %v", value, want)
		}
	}
}
