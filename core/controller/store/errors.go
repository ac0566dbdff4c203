package store

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// classify gives an error of etcd a class and a text that says what to do; nil stays nil.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	known := rpctypes.Error(err)
	switch {
	case errors.Is(known, rpctypes.ErrCompacted):
		return errs.With(errs.Conflict, &CompactedError{})
	case errors.Is(known, rpctypes.ErrTooManyOps), errors.Is(known, rpctypes.ErrRequestTooLarge):
		return errs.E(errs.Exhausted, "cannot %s: %w; write less in one step", doing, known)
	case errors.Is(known, rpctypes.ErrNoSpace):
		return errs.E(errs.Exhausted, "cannot %s: its quota of space is used up; compact and defragment it, then disarm the alarm: %w", doing, known)
	case errors.Is(known, rpctypes.ErrLeaseNotFound), errors.Is(known, rpctypes.ErrLeaseExist):
		return errs.E(errs.NotFound, "cannot %s: %w", doing, known)
	case errors.Is(known, rpctypes.ErrDuplicateKey):
		return errs.E(errs.Invalid, "cannot %s: %w", doing, known)
	}
	return errs.E(classOf(known), "cannot %s: %w", doing, known)
}

// classOf goes by the context and the code of gRPC.
func classOf(err error) errs.Kind {
	if class := errs.Class(err); class == errs.Canceled {
		return class
	}
	code := status.Code(err)
	if own, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		code = own.Code()
	}
	switch code {
	case codes.Canceled, codes.DeadlineExceeded:
		return errs.Canceled
	case codes.ResourceExhausted:
		return errs.Exhausted
	case codes.InvalidArgument, codes.OutOfRange:
		return errs.Invalid
	case codes.PermissionDenied, codes.Unauthenticated:
		return errs.Denied
	}
	return errs.Unavailable
}

// notFound says whether a lease is over.
func notFound(err error) bool { return errs.Is(err, errs.NotFound) }
