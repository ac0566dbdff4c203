package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// kubeSegment is what a path of the API may have between slashes; dots alone mean other paths.
var kubeSegment = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$`)

// cluster is where the API is, and who asks.
type cluster struct {
	host, token, namespace string
	roots                  *x509.CertPool
}

// cluster reads the pod's service account; the token is a new one now and then.
func (o *Outside) cluster() (*cluster, error) {
	host, port := o.cfg.Getenv("KUBERNETES_SERVICE_HOST"), o.cfg.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errs.E(errs.Unsupported, "cannot ask Kubernetes: this unit is not in a cluster")
	}
	c := &cluster{host: net.JoinHostPort(host, port), roots: x509.NewCertPool()}
	var files [3][]byte
	for n, name := range []string{"token", "namespace", "ca.crt"} {
		data, err := os.ReadFile(filepath.Join(o.cfg.Account, name))
		if err != nil {
			return nil, errs.E(errs.Unsupported, "cannot ask Kubernetes: this unit's pod has no service account: %w", err)
		}
		files[n] = data
	}
	c.token, c.namespace = strings.TrimSpace(string(files[0])), strings.TrimSpace(string(files[1]))
	if !c.roots.AppendCertsFromPEM(files[2]) {
		return nil, errs.E(errs.Unavailable, "cannot ask Kubernetes: %s holds no certificate", filepath.Join(o.cfg.Account, "ca.crt"))
	}
	return c, nil
}

// kubeRequest holds a request against its form and the rules that were granted.
func (o *Outside) kubeRequest(in *abi.KubeRequest) (*cluster, error) {
	access, err := kubeAccess(in)
	if err != nil {
		return nil, err
	}
	if len(in.Body) > maxBody {
		return nil, errs.E(errs.Exhausted, "cannot ask Kubernetes for %s: the body has %d bytes, allowed are %d", in.Path, len(in.Body), maxBody)
	}
	c, missing := o.cluster()
	access.Own = access.Namespace != "" && (missing != nil || access.Namespace == c.namespace)
	if err := o.cfg.Grants.Kubernetes(access); err != nil {
		return nil, err
	}
	if makes(in, access) {
		access.Verb = "create"
		if err := o.cfg.Grants.Kubernetes(access); err != nil {
			return nil, errs.E(errs.Denied, "%w; the request makes the object when there is none", err)
		}
	}
	return c, missing
}

// makes says whether a request that changes an object makes it when there is none: an apply does, and an update of those kinds
// of which servers (1.36) ask for the right to create then.
func makes(in *abi.KubeRequest, a grant.Access) bool {
	switch {
	case strings.Contains(a.Resource, "/"):
		return false
	case a.Verb == "patch":
		return in.ContentType == applyPatch
	case a.Verb != "update":
		return false
	}
	switch a.Group {
	case "":
		return slices.Contains([]string{"endpoints", "events", "limitranges", "services"}, a.Resource)
	case "coordination.k8s.io":
		return a.Resource == "leases"
	case "events.k8s.io":
		return a.Resource == "events"
	case "node.k8s.io":
		return a.Resource == "runtimeclasses"
	}
	return a.Group == "rbac.authorization.k8s.io"
}

// applyPatch is the content type of a server-side apply.
const applyPatch = "application/apply-patch+yaml"

// kubeAccess is what a request asks for as rules see it.
func kubeAccess(in *abi.KubeRequest) (grant.Access, error) {
	wrong := func(format string, args ...any) (grant.Access, error) {
		return grant.Access{}, errs.E(errs.Invalid, "cannot ask Kubernetes for %q: "+format, append([]any{in.Path}, args...)...)
	}
	if !slices.Contains([]string{"", "application/json", "application/json-patch+json", "application/merge-patch+json",
		"application/strategic-merge-patch+json", applyPatch}, in.ContentType) {
		return wrong("content type %q is not one of JSON or its patches", in.ContentType)
	}
	values, err := url.ParseQuery(in.Query)
	if err != nil || strings.ContainsAny(in.Query, "#\r\n \x00") {
		return wrong("its query cannot be read")
	}
	for _, stream := range []string{"watch", "follow"} {
		if v := values[stream]; len(v) > 0 && (len(v) > 1 || v[0] != "false" && v[0] != "0") {
			return wrong("%s does not end, and a call is one question and one answer; ask again in a later event", stream)
		}
	}
	parts := strings.Split(in.Path, "/")
	var a grant.Access
	switch {
	case len(parts) > 3 && parts[0] == "" && parts[1] == "api" && parts[2] == "v1":
		parts = parts[3:]
	case len(parts) > 4 && parts[0] == "" && parts[1] == "apis" && kubeSegment.MatchString(parts[2]) && kubeSegment.MatchString(parts[3]):
		a.Group, parts = parts[2], parts[4:]
	default:
		return wrong("want /api/v1/… or /apis/GROUP/VERSION/…")
	}
	for _, p := range parts {
		if !kubeSegment.MatchString(p) {
			return wrong("%q cannot be a part of it", p)
		}
	}
	if len(parts) > 2 && parts[0] == "namespaces" && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
		a.Namespace, parts = parts[1], parts[2:]
	}
	a.Resource = parts[0]
	if len(parts) > 1 {
		a.Name = parts[1]
	}
	if len(parts) > 2 {
		a.Resource += "/" + parts[2]
	}
	if len(parts) > 3 || parts[0] == "watch" || parts[0] == "proxy" || len(parts) == 3 && slices.Contains([]string{"exec", "attach", "portforward", "proxy"}, parts[2]) {
		return wrong("streams and proxies cannot be asked for")
	}
	if a.Verb = kubeVerb(in.Method, a.Name); a.Verb == "" {
		return wrong("method %q; allowed: GET, POST, PUT, PATCH, DELETE", in.Method)
	}
	return a, nil
}

// kubeVerb is a method in the words of rules, "" when there is none.
func kubeVerb(method, name string) string {
	switch method {
	case "", "GET":
		if name == "" {
			return "list"
		}
		return "get"
	case "POST":
		return "create"
	case "PUT":
		return "update"
	case "PATCH":
		return "patch"
	case "DELETE":
		if name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	return ""
}

// Kube makes one request to the API server, as the unit's service account.
func (o *Outside) Kube(ctx context.Context, in *abi.KubeRequest) (*abi.Response, error) {
	c, err := o.kubeRequest(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := o.within(ctx, in.TimeoutMS)
	defer cancel()
	method, kind := in.Method, in.ContentType
	if method == "" {
		method = http.MethodGet
	}
	if kind == "" && method == http.MethodPatch {
		kind = "application/merge-patch+json"
	} else if kind == "" {
		kind = "application/json"
	}
	where := url.URL{Scheme: "https", Host: c.host, Path: in.Path, RawQuery: in.Query}
	req, err := http.NewRequestWithContext(ctx, method, where.String(), strings.NewReader(in.Body))
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot ask Kubernetes for %s: %w", in.Path, err)
	}
	req.Header.Set("Accept", "application/json, */*")
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", "bangle-charm")
	if in.Body != "" {
		req.Header.Set("Content-Type", kind)
	}
	var d net.Dialer
	resp, err := client(d.DialContext, &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}).Do(req)
	if err != nil {
		return nil, failed(ctx, "ask Kubernetes for "+in.Path, err)
	}
	defer resp.Body.Close()
	return answered(ctx, in.Path, resp.StatusCode, resp.Body)
}

func answered(ctx context.Context, path string, status int, body io.Reader) (*abi.Response, error) {
	data, err := limited(body)
	if err != nil {
		return nil, failed(ctx, "ask Kubernetes for "+path, err)
	}
	if utf8.Valid(data) {
		return &abi.Response{Status: status, Body: string(data)}, nil
	}
	return &abi.Response{Status: status, BodyBase64: data}, nil
}
