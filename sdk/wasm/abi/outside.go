package abi

import (
	"context"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Capabilities that act on what lies outside of the model and of the unit's containers.
const (
	HTTP    = "charm/http@1"
	Kube    = "charm/kube@1"
	Package = "charm/package@1"
	Service = "charm/service@1"
)

// Outside is what a charm reaches beyond the model and its containers, as far as it was granted. Errors of all are of class
// Invalid (the request), Denied (not granted), Unsupported (nothing of the kind is here), Unavailable, Exhausted or NotFound.
type Outside interface {
	// Allowed says why a request would be refused before anything is done; in is one of the requests below.
	Allowed(in any) error
	// HTTP makes one request; every status is an answer. Redirects of what reads are followed, to what is granted.
	HTTP(ctx context.Context, in *HTTPRequest) (*HTTPResponse, error)
	// Kube makes one request to the API of the cluster that the unit is in.
	Kube(ctx context.Context, in *KubeRequest) (*Response, error)
	// Package does one of ensure, remove, info.
	Package(ctx context.Context, action string, in *PackageRequest) (*PackageState, error)
	// Service does one of start, stop, restart, reload, enable, disable, status.
	Service(ctx context.Context, action string, in *ServiceRequest) (*ServiceState, error)
}

// HTTPRequest is a request to an origin that was granted.
type HTTPRequest struct {
	Method     string            `json:"method,omitempty"` // "" = GET
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       string            `json:"body,omitempty"`
	BodyBase64 []byte            `json:"body_base64,omitempty"`
	TimeoutMS  int64             `json:"timeout_ms,omitempty"` // 0 = the host's limit
}

// Bytes is the request's body, whichever way it was given.
func (r *HTTPRequest) Bytes() []byte {
	if len(r.BodyBase64) > 0 {
		return r.BodyBase64
	}
	return []byte(r.Body)
}

// HTTPResponse is its answer. Header names are as Go writes them, "Content-Type"; several values are joined with ", ".
type HTTPResponse struct {
	Status     int               `json:"status"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       string            `json:"body,omitempty"`
	BodyBase64 []byte            `json:"body_base64,omitempty"`
}

// KubeRequest is a request to the Kubernetes API.
type KubeRequest struct {
	Method      string `json:"method,omitempty"`       // "" = GET
	Path        string `json:"path"`                   // "/api/v1/namespaces/web/pods/web-0"
	Query       string `json:"query,omitempty"`        // without the question mark
	Body        string `json:"body,omitempty"`         // JSON
	ContentType string `json:"content_type,omitempty"` // "" = application/json, of PATCH application/merge-patch+json
	TimeoutMS   int64  `json:"timeout_ms,omitempty"`   // 0 = the host's limit
}

// PackageRequest names a package of the unit's machine.
type PackageRequest struct {
	Name string `json:"name"`
}

// PackageState is what there is of it, afterwards.
type PackageState struct {
	Installed bool   `json:"installed"`
	Version   string `json:"version,omitempty"`
	Changed   bool   `json:"changed,omitempty"` // by this call
}

// ServiceRequest names a service of the unit's machine, a systemd unit; without a suffix it is a .service.
type ServiceRequest struct {
	Name string `json:"name"`
}

// ServiceState is how it is, afterwards, in systemd's words.
type ServiceState struct {
	Active  string `json:"active"`            // active, inactive, failed, activating …
	Enabled string `json:"enabled,omitempty"` // enabled, disabled, static, masked …
}

// PackageActions are the functions of charm/package@1, and whether they only look.
func PackageActions() map[string]bool {
	return map[string]bool{"ensure": false, "remove": false, "info": true}
}

// ServiceActions are the functions of charm/service@1, and whether they only look.
func ServiceActions() map[string]bool {
	return map[string]bool{"start": false, "stop": false, "restart": false, "reload": false, "enable": false, "disable": false, "status": true}
}

// Reach gives the calls what lies outside; without it such calls are answered with an error.
func (c *Calls) Reach(o Outside) *Calls {
	c.outside = o
	return c
}

func reach[In, Out any](do func(Outside, context.Context, *In) (*Out, error)) handler {
	return func(ctx context.Context, c *Calls, request []byte) (any, error) {
		in := new(In)
		if err := read(request, in); err != nil {
			return nil, err
		}
		if c.outside == nil {
			return nil, errs.E(errs.Unsupported, "cannot reach what lies outside of the model: this event runs without it")
		}
		out, err := do(c.outside, ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// addOutside adds the functions that reach outside.
func addOutside(to map[Function]handler) {
	to[Function{HTTP, "request"}] = reach(Outside.HTTP)
	to[Function{Kube, "request"}] = reach(Outside.Kube)
	for action := range PackageActions() {
		to[Function{Package, action}] = reach(func(o Outside, ctx context.Context, in *PackageRequest) (*PackageState, error) {
			return o.Package(ctx, action, in)
		})
	}
	for action := range ServiceActions() {
		to[Function{Service, action}] = reach(func(o Outside, ctx context.Context, in *ServiceRequest) (*ServiceState, error) {
			return o.Service(ctx, action, in)
		})
	}
}
