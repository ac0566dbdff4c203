package charmtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
	"github.com/bangle-dev/bangle/sdk/wasm/go/charmtest"
)

// echo answers with what it was asked.
type echo struct{ asked []string }

func (e *echo) note(format string, args ...any) {
	e.asked = append(e.asked, fmt.Sprintf(format, args...))
}

func (*echo) Allowed(any) error { return nil }

func (e *echo) HTTP(_ context.Context, in *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	e.note("http %s %s %v %q %d", in.Method, in.URL, in.Headers, in.Bytes(), in.TimeoutMS)
	return &abi.HTTPResponse{Status: 201, Headers: map[string]string{"A": "b"}, BodyBase64: []byte{0xff}}, nil
}

func (e *echo) Kube(_ context.Context, in *abi.KubeRequest) (*abi.Response, error) {
	e.note("kube %+v", *in)
	return &abi.Response{Status: 200, Body: "{}"}, nil
}

func (e *echo) Package(_ context.Context, action string, in *abi.PackageRequest) (*abi.PackageState, error) {
	e.note("package %s %s", action, in.Name)
	return &abi.PackageState{Installed: true, Version: "1", Changed: true}, nil
}

func (e *echo) Service(_ context.Context, action string, in *abi.ServiceRequest) (*abi.ServiceState, error) {
	e.note("service %s %s", action, in.Name)
	return &abi.ServiceState{Active: "active", Enabled: "enabled"}, nil
}

// TestOutside: every function of the library asks what it says, and reads what is answered.
func TestOutside(t *testing.T) {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		h, err := ctx.HTTP(charm.HTTPRequest{Method: "PUT", URL: "https://a/", Headers: map[string]string{"X": "y"}, Body: "\xfe", Timeout: 2e9})
		if err != nil || h.Status != 201 || h.Headers["A"] != "b" || h.Body != "\xff" {
			return fmt.Errorf("http: %+v %w", h, err)
		}
		status, body, err := ctx.Kube(charm.KubeRequest{Method: "PATCH", Path: "/p", Query: "a=b", Body: "{}", ContentType: "c"})
		if err != nil || status != 200 || body != "{}" {
			return fmt.Errorf("kube: %d %s %w", status, body, err)
		}
		for _, do := range []func(string) (charm.PackageState, error){ctx.EnsurePackage, ctx.RemovePackage, ctx.Package} {
			if p, err := do("nginx"); err != nil || p != (charm.PackageState{Installed: true, Version: "1", Changed: true}) {
				return fmt.Errorf("package: %+v %w", p, err)
			}
		}
		m := ctx.MachineService("nginx")
		for _, do := range []func() (charm.ServiceState, error){m.Start, m.Stop, m.Restart, m.Reload, m.Enable, m.Disable, m.Status} {
			if s, err := do(); err != nil || s != (charm.ServiceState{Active: "active", Enabled: "enabled"}) {
				return fmt.Errorf("service: %+v %w", s, err)
			}
		}
		return nil
	})
	h, e := charmtest.New(t, c), &echo{}
	h.Outside = e
	h.OK(charmtest.Hook(charm.ConfigChanged))
	want := `http PUT https://a/ map[X:y] "\xfe" 2000
kube {Method:PATCH Path:/p Query:a=b Body:{} ContentType:c TimeoutMS:0}
package ensure nginx
package remove nginx
package info nginx
service start nginx
service stop nginx
service restart nginx
service reload nginx
service enable nginx
service disable nginx
service status nginx`
	if got := strings.Join(e.asked, "\n"); got != want {
		t.Errorf("asked %s", got)
	}
}

// TestNoOutside: without one a charm is told so, with a class that it can handle.
func TestNoOutside(t *testing.T) {
	c := charm.New()
	c.On(charm.ConfigChanged, func(ctx *charm.Context) error {
		_, err := ctx.EnsurePackage("nginx")
		said, ok := errors.AsType[*charm.Error](err)
		if !ok || said.Class != errs.Unsupported.String() {
			return fmt.Errorf("answered %w", err)
		}
		return nil
	})
	charmtest.New(t, c).OK(charmtest.Hook(charm.ConfigChanged))
}
