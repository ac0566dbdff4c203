// Package errs gives every error that crosses a package, process or network
// boundary a class, so that callers decide by class and people read the text.
//
// Texts follow one form: "cannot <verb> <object>: <why>; <what to do>". The
// class is never part of the text.
package errs

import (
	"context"
	"errors"
	"fmt"
)

// Kind is the class of an error. Its value is the stable name used on the wire
// (google.rpc.ErrorInfo.reason), so a released value never changes.
type Kind string

// The classes. A caller can act on each of them without reading the text.
const (
	// NotFound: the named object does not exist.
	NotFound Kind = "NOT_FOUND"
	// AlreadyExists: an object of that name exists already.
	AlreadyExists Kind = "ALREADY_EXISTS"
	// Conflict: a precondition failed because somebody else changed the
	// object; read again and retry.
	Conflict Kind = "CONFLICT"
	// Invalid: the input is wrong and stays wrong, do not retry.
	Invalid Kind = "INVALID"
	// Unsupported: the other side does not have this ability.
	Unsupported Kind = "UNSUPPORTED"
	// Unavailable: the other side cannot be reached or is not ready now;
	// retry with backoff. Whether the work was done is unknown.
	Unavailable Kind = "UNAVAILABLE"
	// Denied: the caller is known but may not do this, or is not known.
	Denied Kind = "DENIED"
	// Exhausted: a limit on size, number or rate was met.
	Exhausted Kind = "EXHAUSTED"
	// Canceled: the caller's context ended, by cancellation or deadline.
	Canceled Kind = "CANCELED"
	// Internal: a broken invariant or an error nobody classified.
	Internal Kind = "INTERNAL"
)

// Kinds returns every class, in a fixed order.
func Kinds() []Kind {
	return []Kind{NotFound, AlreadyExists, Conflict, Invalid, Unsupported,
		Unavailable, Denied, Exhausted, Canceled, Internal}
}

// String returns the wire name of the class; the zero Kind is "OK".
func (k Kind) String() string {
	if k == "" {
		return "OK"
	}
	return string(k)
}

// Parse returns the class with the given wire name. A name of a newer peer
// that is not known here is Internal and ok is false.
func Parse(name string) (kind Kind, ok bool) {
	for _, k := range Kinds() {
		if string(k) == name {
			return k, true
		}
	}
	return Internal, false
}

// classed is an error with a class. It adds nothing to the text.
type classed struct {
	kind Kind
	err  error
}

func (e *classed) Error() string { return e.err.Error() }
func (e *classed) Unwrap() error { return e.err }

// E returns an error of class kind with a text built as by fmt.Errorf; %w
// wraps. The given class hides the classes of the wrapped errors.
func E(kind Kind, format string, args ...any) error {
	return &classed{kind: kind, err: fmt.Errorf(format, args...)}
}

// With returns err with class kind and unchanged text; nil stays nil.
func With(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &classed{kind: kind, err: err}
}

// Class returns the class of err: that of the outermost classified error in
// its tree (the first one of joined errors). The zero Kind means err is nil;
// an ended context is Canceled; everything else is Internal.
func Class(err error) Kind {
	if err == nil {
		return ""
	}
	if c, ok := errors.AsType[*classed](err); ok {
		return c.kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Canceled
	}
	return Internal
}

// Is reports whether err has class kind. It is false for a nil error.
func Is(err error, kind Kind) bool {
	return err != nil && Class(err) == kind
}
