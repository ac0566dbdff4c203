package world

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// Kube makes a request to the Kubernetes API; GET reads.
func (o outside) Kube(ctx context.Context, in *abi.KubeRequest) (*abi.Response, error) {
	return rehearsed(ctx, o, Verb[abi.KubeRequest, abi.Response]{Operation: "kube.request", Do: o.real.Kube, Effect: asked}, in,
		func(ctx context.Context, e *charmruntimev1.Effect) (*abi.Response, error) {
			return o.tryKube(ctx, in, e)
		})
}

func asked(in *abi.KubeRequest) *charmruntimev1.Effect {
	if in.Method == "" || in.Method == http.MethodGet {
		return nil
	}
	return &charmruntimev1.Effect{Kind: "kube", Target: in.Path, Summary: in.Method + " " + in.Path, Detail: in.Body}
}

// tryKube has a change tried by the API server itself, which judges and answers it and keeps nothing (dryRun=All): its refusals
// are part of what would happen. A change of what this event changed before is answered as done, since the server does
// not know of that one, and so is what only a server beside the API server may answer, which need not know of dry runs.
func (o outside) tryKube(ctx context.Context, in *abi.KubeRequest, e *charmruntimev1.Effect) (*abi.Response, error) {
	done := &abi.Response{Status: http.StatusOK, Body: in.Body}
	if in.Method == http.MethodPost {
		done.Status = http.StatusCreated
	}
	objects, try := objectsOf(in), trial(in)
	if o.w.mode != DryRun || objects == "" || try == nil || o.w.changed[objects] {
		return done, nil
	}
	got, err := o.real.Kube(ctx, try)
	if err != nil {
		return nil, err
	}
	if got.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(got.Body), "dry run") {
		o.w.change(objects)
		return done, nil // somebody whom the server must ask cannot do without
	}
	if got.Status >= http.StatusBadRequest {
		e.Summary += fmt.Sprintf(" (the API server would refuse it: %d %s)", got.Status, http.StatusText(got.Status))
		return got, nil
	}
	o.w.change(objects)
	return got, nil
}

// change notes what a rehearsal would have changed.
func (w *World) change(objects string) {
	if w.changed == nil {
		w.changed = map[string]bool{}
	}
	w.changed[objects] = true
}

// dryRun is the parameter of a request that is to change nothing.
const dryRun = "dryRun"

// trial is the request as the server is to try it; nil where it cannot be told for certain that the server does no more than
// that: it does not read the parameters of a DELETE that has a body.
func trial(in *abi.KubeRequest) *abi.KubeRequest {
	query, err := url.ParseQuery(in.Query)
	if err != nil || in.Method == http.MethodDelete && in.Body != "" {
		return nil
	}
	try := *in
	switch own := query[dryRun]; {
	case len(own) == 0:
		try.Query = strings.TrimPrefix(in.Query+"&"+dryRun+"=All", "&")
	case len(own) > 1 || own[0] != "All":
		return nil
	}
	return &try
}

// objectsOf names the objects among which a request changes something: those of one kind in one namespace. It is "" for groups
// that may be served by somebody else than the API server, and for what is asked of an object rather than changed in it.
func objectsOf(in *abi.KubeRequest) string {
	parts, group := strings.Split(in.Path, "/"), "" // "", "api", "v1", …, or "", "apis", group, version, …
	if len(parts) > 4 && parts[1] == "apis" {
		group, parts = parts[2], parts[1:]
	}
	if len(parts) < 4 || strings.Contains(group, ".") && (!strings.HasSuffix(group, ".k8s.io") || strings.HasSuffix(group, "metrics.k8s.io")) {
		return ""
	}
	parts, namespace := parts[3:], ""
	if len(parts) > 2 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		namespace, parts = parts[1], parts[2:]
	}
	if len(parts) > 2 && parts[2] != "status" && parts[2] != "scale" {
		return ""
	}
	return group + "/" + namespace + "/" + parts[0]
}
