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
	objects := objectsOf(in)
	if o.w.mode != DryRun || objects == "" || o.w.changed[objects] {
		return done, nil
	}
	try := *in
	if query, err := url.ParseQuery(in.Query); err == nil && !query.Has(dryRun) {
		try.Query = strings.TrimPrefix(in.Query+"&"+dryRun+"=All", "&")
	}
	got, err := o.real.Kube(ctx, &try)
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

// objectsOf names the objects among which a request changes something: those of one kind in one namespace. It is "" for groups
// that may be served by somebody else than the API server.
func objectsOf(in *abi.KubeRequest) string {
	parts, group := strings.Split(in.Path, "/"), "" // "", "api", "v1", …, or "", "apis", group, version, …
	if len(parts) > 4 && parts[1] == "apis" {
		group, parts = parts[2], parts[1:]
	}
	if len(parts) < 4 || strings.Contains(group, ".") && (!strings.HasSuffix(group, ".k8s.io") || strings.HasSuffix(group, "metrics.k8s.io")) {
		return ""
	}
	parts = parts[3:]
	if len(parts) > 2 && parts[0] == "namespaces" {
		return group + "/" + strings.Join(parts[:3], "/")
	}
	return group + "/" + parts[0]
}
