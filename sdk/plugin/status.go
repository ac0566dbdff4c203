package plugin

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// domain marks our reasons among those of others.
const domain = "bangle.dev"

// codeOf maps a class to the gRPC code that other languages see.
func codeOf(kind errs.Kind) codes.Code {
	switch kind {
	case errs.NotFound:
		return codes.NotFound
	case errs.AlreadyExists:
		return codes.AlreadyExists
	case errs.Conflict:
		return codes.Aborted
	case errs.Invalid:
		return codes.InvalidArgument
	case errs.Unsupported:
		return codes.Unimplemented
	case errs.Unavailable:
		return codes.Unavailable
	case errs.Denied:
		return codes.PermissionDenied
	case errs.Exhausted:
		return codes.ResourceExhausted
	case errs.Canceled:
		return codes.Canceled
	}
	return codes.Internal
}

// classOf maps the code of a peer that sent no reason of ours.
func classOf(code codes.Code) errs.Kind {
	switch code {
	case codes.NotFound:
		return errs.NotFound
	case codes.AlreadyExists:
		return errs.AlreadyExists
	case codes.Aborted, codes.FailedPrecondition:
		return errs.Conflict
	case codes.InvalidArgument, codes.OutOfRange:
		return errs.Invalid
	case codes.Unimplemented:
		return errs.Unsupported
	case codes.Unavailable:
		return errs.Unavailable
	case codes.PermissionDenied, codes.Unauthenticated:
		return errs.Denied
	case codes.ResourceExhausted:
		return errs.Exhausted
	case codes.Canceled, codes.DeadlineExceeded:
		return errs.Canceled
	}
	return errs.Internal
}

// ToStatus makes an error fit for the wire: its class as the status code and
// as google.rpc.ErrorInfo.reason, its text as the message. Nil stays nil; an
// error that carries a gRPC status and no class of ours goes as it is.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	kind := errs.Class(err)
	if _, is := status.FromError(err); is && kind == errs.Internal {
		return err
	}
	code := codeOf(kind)
	if errors.Is(err, context.DeadlineExceeded) {
		code = codes.DeadlineExceeded
	}
	st := status.New(code, err.Error())
	if with, detailErr := st.WithDetails(&errdetails.ErrorInfo{Reason: string(kind), Domain: domain}); detailErr == nil {
		st = with
	}
	return st.Err()
}

// FromStatus is the inverse of ToStatus: the text is the peer's, the class is
// the reason's or, from a peer that knows none, the code's. An ended context
// can be found with errors.Is. Nil, io.EOF and errors without a status pass.
func FromStatus(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	st, is := status.FromError(err)
	if !is {
		return err
	}
	kind := classOf(st.Code())
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			kind, _ = errs.Parse(info.GetReason())
		}
	}
	remote := &remoteError{text: st.Message(), status: st}
	switch st.Code() {
	case codes.Unimplemented:
		// What gRPC itself says about a server names neither the cause nor a remedy.
		if strings.HasPrefix(remote.text, "unknown service ") || strings.HasPrefix(remote.text, "unknown method ") {
			remote.text = "cannot use plugin: " + remote.text + ": it is of another kind, or was built from an older contract"
		}
	case codes.Canceled:
		remote.cause = context.Canceled
	case codes.DeadlineExceeded:
		remote.cause = context.DeadlineExceeded
	}
	return errs.With(kind, remote)
}

// remoteError is the text of a peer.
type remoteError struct {
	text   string
	cause  error
	status *status.Status
}

// Error returns the peer's text.
func (e *remoteError) Error() string { return e.text }

// Unwrap gives the context's error that the code stands for.
func (e *remoteError) Unwrap() error { return e.cause }

// GRPCStatus keeps the status for go-plugin, which looks at the codes of its
// own services.
func (e *remoteError) GRPCStatus() *status.Status { return e.status }
