// Package outside does what charms ask of the world beyond the model: HTTP requests, the Kubernetes API, packages and
// services of a machine. What was not granted is refused before anything leaves this process.
package outside

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

const maxBody = 16 << 20 // of a request, and of an answer

// Config is what the outside is made of. Its zero value with grants is the real one.
type Config struct {
	Grants grant.Set
	// Timeout ends a request that gives no time of its own, and is the most that one may give; 0 = 5 min.
	Timeout time.Duration
	// Machine says that the unit has a machine of its own whose packages and services it may change.
	Machine bool
	// Commands runs programs of the machine; nil = the real ones.
	Commands Commands
	// Resolve finds the addresses of a name; nil = the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Getenv and Account say where the cluster is: its variables, and the directory of the pod's service account; nil and ""
	// = those of this process.
	Getenv  func(string) string
	Account string
}

// Outside is an abi.Outside. It is safe for concurrent use.
type Outside struct{ cfg Config }

// New makes one.
func New(cfg Config) *Outside {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Minute
	}
	if cfg.Resolve == nil {
		cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	if cfg.Account == "" {
		cfg.Account = "/var/run/secrets/kubernetes.io/serviceaccount"
	}
	if cfg.Commands == nil {
		cfg.Commands = programs{}
	}
	return &Outside{cfg}
}

// Allowed says why a request would be refused before anything is done.
func (o *Outside) Allowed(in any) error {
	var err error
	switch in := in.(type) {
	case *abi.HTTPRequest:
		_, err = o.httpRequest(in)
	case *abi.KubeRequest:
		_, err = o.kubeRequest(in)
	case *abi.PackageRequest:
		err = o.mayPackage(in.Name)
	case *abi.ServiceRequest:
		_, err = o.mayService(in.Name)
	default:
		err = errs.E(errs.Internal, "cannot judge a %T", in)
	}
	return err
}

func (o *Outside) within(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	limit := o.cfg.Timeout
	if ms > 0 && ms < limit.Milliseconds() {
		limit = time.Duration(ms) * time.Millisecond
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not answer within %s", limit))
}

// failed gives an error that has no class one, and the reason for which the time was over.
func failed(ctx context.Context, what string, err error) error {
	for _, kind := range []errs.Kind{errs.Denied, errs.Exhausted, errs.Invalid} {
		if errs.Is(err, kind) {
			return errs.E(kind, "cannot %s: %w", what, err)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return errs.E(errs.Unavailable, "cannot %s: %w", what, err)
}
