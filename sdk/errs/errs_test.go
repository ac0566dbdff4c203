package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
)

func TestClass(t *testing.T) {
	notFound := errs.E(errs.NotFound, "cannot find unit %q", "a/0")
	tests := []struct {
		name string
		err  error
		want errs.Kind
	}{
		{"nil", nil, ""},
		{"plain", io.EOF, errs.Internal},
		{"classified", notFound, errs.NotFound},
		{"wrapped by fmt", fmt.Errorf("cannot show: %w", notFound), errs.NotFound},
		{"outermost wins", errs.E(errs.Invalid, "cannot deploy: %w", notFound), errs.Invalid},
		{"first of joined", errors.Join(io.EOF, notFound, errs.E(errs.Denied, "no")), errs.NotFound},
		{"canceled", fmt.Errorf("cannot wait: %w", context.Canceled), errs.Canceled},
		{"deadline", fmt.Errorf("cannot wait: %w", context.DeadlineExceeded), errs.Canceled},
		{"class before context", errs.E(errs.Unavailable, "cannot dial: %w", context.DeadlineExceeded), errs.Unavailable},
		{"with", errs.With(errs.Exhausted, io.EOF), errs.Exhausted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := errs.Class(tt.err); got != tt.want {
				t.Errorf("Class = %v, want %v", got, tt.want)
			}
			for _, k := range errs.Kinds() {
				if got, want := errs.Is(tt.err, k), tt.err != nil && k == tt.want; got != want {
					t.Errorf("Is(%v) = %v, want %v", k, got, want)
				}
			}
		})
	}
}

func TestTextAndWrapping(t *testing.T) {
	err := errs.E(errs.Invalid, "cannot read %s: %w", "x", io.EOF)
	if got, want := err.Error(), "cannot read x: EOF"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if !errors.Is(err, io.EOF) {
		t.Error("the wrapped error is lost")
	}
	if errs.With(errs.Invalid, nil) != nil {
		t.Error("With(kind, nil) is not nil")
	}
	if errs.Is(nil, "") {
		t.Error("a nil error has a class")
	}
}

func TestWireNames(t *testing.T) {
	reason := regexp.MustCompile(`^[A-Z][A-Z_]+[A-Z]$`)
	seen := map[string]bool{}
	for _, k := range errs.Kinds() {
		if !reason.MatchString(k.String()) || seen[k.String()] {
			t.Errorf("%q is not a unique ErrorInfo reason", k)
		}
		seen[k.String()] = true
		if got, ok := errs.Parse(k.String()); got != k || !ok {
			t.Errorf("Parse(%q) = %v, %v", k, got, ok)
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d classes, want 10", len(seen))
	}
	if got, ok := errs.Parse("NEWER"); got != errs.Internal || ok {
		t.Errorf("Parse of an unknown name = %v, %v", got, ok)
	}
	if got := errs.Kind("").String(); got != "OK" {
		t.Errorf("zero Kind = %q", got)
	}
}
