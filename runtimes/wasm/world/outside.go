package world

import (
	"context"
	"net/http"
	"strings"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// outside is abi.Outside in the event's mode.
type outside struct {
	w    *World
	real abi.Outside
}

// Outside is how the event meets what lies beyond the model and its containers.
func (w *World) Outside(real abi.Outside) abi.Outside {
	if w.mode == Live {
		return real
	}
	return outside{w, real}
}

// Allowed is what it really is.
func (o outside) Allowed(in any) error { return o.real.Allowed(in) }

// beyond asks for one thing. In a rehearsal what is not allowed is refused as it would be, what reads is read, and what
// changes something is answered with done; a replay that has no answer cannot read, and changes nothing either.
func beyond[In, Out any](ctx context.Context, o outside, v Verb[In, Out], in *In, done *Out) (*Out, error) {
	return rehearsed(ctx, o, v, in, func(context.Context, *charmruntimev1.Effect) (*Out, error) { return done, nil })
}

// rehearsed is beyond with an answer that is found when it is needed.
func rehearsed[In, Out any](ctx context.Context, o outside, v Verb[In, Out], in *In, done func(context.Context, *charmruntimev1.Effect) (*Out, error)) (*Out, error) {
	if o.w.mode == DryRun {
		if err := o.real.Allowed(in); err != nil {
			return nil, err
		}
	}
	do := v.Do
	v.Pretend = func(ctx context.Context, in *In, e *charmruntimev1.Effect) (*Out, error) {
		switch {
		case e != nil:
			return done(ctx, e)
		case o.w.mode == Replay:
			return nil, o.w.unknown(v.Operation, written(in))
		}
		return do(ctx, in)
	}
	return Ask(ctx, o.w, v, in)
}

// HTTP makes a request; GET and HEAD read, everything else changes something.
func (o outside) HTTP(ctx context.Context, in *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	return beyond(ctx, o, Verb[abi.HTTPRequest, abi.HTTPResponse]{Operation: "http.request", Do: o.real.HTTP, Effect: sent}, in,
		&abi.HTTPResponse{Status: http.StatusOK})
}

func sent(in *abi.HTTPRequest) *charmruntimev1.Effect {
	if in.Method == "" || in.Method == http.MethodGet || in.Method == http.MethodHead {
		return nil
	}
	return &charmruntimev1.Effect{Kind: "http", Target: in.URL, Summary: in.Method + " " + in.URL, Detail: string(in.Bytes())}
}

// Package does one thing with a package.
func (o outside) Package(ctx context.Context, action string, in *abi.PackageRequest) (*abi.PackageState, error) {
	return beyond(ctx, o, Verb[abi.PackageRequest, abi.PackageState]{Operation: "package." + action,
		Do: func(ctx context.Context, in *abi.PackageRequest) (*abi.PackageState, error) {
			return o.real.Package(ctx, action, in)
		},
		Effect: func(in *abi.PackageRequest) *charmruntimev1.Effect {
			if abi.PackageActions()[action] {
				return nil
			}
			verb := strings.Replace(action, "ensure", "install", 1)
			return &charmruntimev1.Effect{Kind: "package", Target: in.Name, Summary: verb + " " + in.Name}
		}}, in, &abi.PackageState{Installed: action == "ensure", Changed: true})
}

// Service does one thing with a service of the machine.
func (o outside) Service(ctx context.Context, action string, in *abi.ServiceRequest) (*abi.ServiceState, error) {
	state := map[string]abi.ServiceState{"start": {Active: "active"}, "restart": {Active: "active"}, "reload": {Active: "active"},
		"stop": {Active: "inactive"}, "enable": {Enabled: "enabled"}, "disable": {Enabled: "disabled"}}[action]
	return beyond(ctx, o, Verb[abi.ServiceRequest, abi.ServiceState]{Operation: "service." + action,
		Do: func(ctx context.Context, in *abi.ServiceRequest) (*abi.ServiceState, error) {
			return o.real.Service(ctx, action, in)
		},
		Effect: func(in *abi.ServiceRequest) *charmruntimev1.Effect {
			if abi.ServiceActions()[action] {
				return nil
			}
			return &charmruntimev1.Effect{Kind: "unit-service", Target: in.Name, Summary: action + " " + in.Name}
		}}, in, &state)
}
