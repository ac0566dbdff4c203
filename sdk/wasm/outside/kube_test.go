package outside_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

// inCluster is the outside of a unit in namespace web whose API server is h.
func inCluster(t *testing.T, h http.HandlerFunc, grants grant.Set) *outside.Outside {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, data := range map[string]string{"token": "the-token\n", "namespace": "web", "ca.crt": string(ca)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return outside.New(outside.Config{Grants: grants, Account: dir, Getenv: func(name string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}[name]
	}})
}

// TestKube: what a rule allows is asked as the pod's service account; everything else is refused before anything is sent.
func TestKube(t *testing.T) {
	var asked []string
	o := inCluster(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body))
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/web-1") {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, `{"kind":"Pod"}`)
	}, granted(t, `kubernetes={"apiGroups":[""],"resources":["pods","pods/log","pods/exec","services/proxy"],"verbs":["get","list"]}`,
		`kubernetes={"apiGroups":["apps"],"resources":["deployments"],"verbs":["patch"],"resourceNames":["web"]}`,
		`kubernetes={"apiGroups":[""],"resources":["namespaces"],"verbs":["get"],"resourceNames":["web"]}`))
	for _, in := range []abi.KubeRequest{
		{Path: "/api/v1/namespaces/web/pods", Query: "labelSelector=a%3Db&watch=false"},
		{Path: "/api/v1/namespaces/web/pods/web-0/log"},
		{Method: "PATCH", Path: "/apis/apps/v1/namespaces/web/deployments/web", Body: `{"spec":{}}`},
		{Path: "/api/v1/namespaces/web"},
	} {
		if got, err := o.Kube(t.Context(), &in); err != nil || got.Status != 200 || got.Body != `{"kind":"Pod"}` {
			t.Errorf("%+v: %+v %v", in, got, err)
		}
	}
	want := []string{"GET /api/v1/namespaces/web/pods?labelSelector=a%3Db&watch=false Bearer the-token  ", "GET /api/v1/namespaces/web/pods/web-0/log Bearer the-token  ",
		`PATCH /apis/apps/v1/namespaces/web/deployments/web Bearer the-token application/merge-patch+json {"spec":{}}`, "GET /api/v1/namespaces/web Bearer the-token  "}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %q", asked)
	}
	if got, err := o.Kube(t.Context(), &abi.KubeRequest{Path: "/api/v1/namespaces/web/pods/web-1"}); err != nil || got.Status != http.StatusFound {
		t.Errorf("a redirect is an answer: %+v %v", got, err)
	}
	asked = nil
	for _, c := range []struct {
		in   abi.KubeRequest
		want errs.Kind
	}{
		{abi.KubeRequest{Path: "/api/v1/namespaces/other/pods"}, errs.Denied},
		{abi.KubeRequest{Path: "/api/v1/pods"}, errs.Denied},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/secrets/s"}, errs.Denied},
		{abi.KubeRequest{Method: "DELETE", Path: "/api/v1/namespaces/web/pods/web-0"}, errs.Denied},
		{abi.KubeRequest{Method: "DELETE", Path: "/api/v1/namespaces/web/pods"}, errs.Denied},
		{abi.KubeRequest{Method: "PATCH", Path: "/apis/apps/v1/namespaces/web/deployments/db"}, errs.Denied},
		{abi.KubeRequest{Method: "PATCH", Path: "/apis/apps/v1/namespaces/web/deployments/web/scale"}, errs.Denied},
		{abi.KubeRequest{Path: "/apis/apps/v1/namespaces/web/pods"}, errs.Denied},
		{abi.KubeRequest{Path: "/api/v1/namespaces/other"}, errs.Denied},
		{abi.KubeRequest{Path: "/api/v1/namespaces"}, errs.Denied},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/../other/pods"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods/%2e%2e%2fsecrets"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web//pods"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods/"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods?x=1"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods/a#b"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/watch/namespaces/web/pods"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods/web-0/exec"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/services/a/proxy/admin"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/services/a/proxy"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods", Query: "watch=true"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods", Query: "watch=false&watch=1"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods", Query: "a=b\r\nX: y"}, errs.Invalid},
		{abi.KubeRequest{Path: "/version"}, errs.Invalid},
		{abi.KubeRequest{Path: "//evil.example/api/v1/pods"}, errs.Invalid},
		{abi.KubeRequest{Path: "https://evil.example/api/v1/pods"}, errs.Invalid},
		{abi.KubeRequest{Method: "get", Path: "/api/v1/namespaces/web/pods"}, errs.Invalid},
		{abi.KubeRequest{Method: "CONNECT", Path: "/api/v1/namespaces/web/pods"}, errs.Invalid},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/pods", ContentType: "a\r\nb"}, errs.Invalid},
	} {
		if _, err := o.Kube(t.Context(), &c.in); errs.Class(err) != c.want {
			t.Errorf("%+v: %v, want class %s", c.in, err, c.want)
		}
		if err := o.Allowed(&c.in); errs.Class(err) != c.want {
			t.Errorf("%+v is allowed otherwise than it is done: %v", c.in, err)
		}
	}
	if len(asked) > 0 {
		t.Errorf("refused, and sent: %q", asked)
	}
}

// TestNoCluster: elsewhere than in a cluster a charm is told so.
func TestNoCluster(t *testing.T) {
	o := outside.New(outside.Config{Grants: granted(t, `kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["list"]}`), Getenv: func(string) string { return "" }})
	for path, want := range map[string]errs.Kind{"/api/v1/namespaces/web/pods": errs.Unsupported, "/api/v1/namespaces/web/secrets": errs.Denied} {
		if _, err := o.Kube(t.Context(), &abi.KubeRequest{Path: path}); errs.Class(err) != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// apiServer answers as a real one does (Kubernetes 1.36): statuses are objects too, and what can make an object that is not
// there does so.
type apiServer struct {
	objects map[string]string
	asked   []string
}

func (a *apiServer) status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`+"\n", message, reason, code)
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	_, there := a.objects[r.URL.Path]
	makes := r.Header.Get("Content-Type") == "application/apply-patch+yaml" || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/leases/")
	switch {
	case r.Header.Get("Authorization") != "Bearer the-token":
		a.status(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case strings.Contains(r.URL.Path, "/secrets"):
		a.status(w, http.StatusForbidden, "Forbidden", `secrets is forbidden: User "system:serviceaccount:web:web" cannot list resource "secrets" in API group "" in the namespace "web"`)
	case r.Method == http.MethodPost && a.objects[r.URL.Path+"/mine"] != "":
		a.status(w, http.StatusConflict, "AlreadyExists", `configmaps "mine" already exists`)
	case r.Method == http.MethodPost:
		a.objects[r.URL.Path+"/mine"] = string(body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	case !there && !makes:
		a.status(w, http.StatusNotFound, "NotFound", `configmaps "mine" not found`)
	case r.Method == http.MethodDelete:
		delete(a.objects, r.URL.Path)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}`)
	case r.Method != http.MethodGet:
		a.objects[r.URL.Path] = string(body)
		fallthrough
	default:
		_, _ = io.WriteString(w, a.objects[r.URL.Path])
	}
}

// TestKubeAnswers: what a real server answers comes to the charm as it is, statuses of failure too.
func TestKubeAnswers(t *testing.T) {
	a := &apiServer{objects: map[string]string{}}
	o := inCluster(t, a.ServeHTTP, granted(t, `kubernetes={"apiGroups":[""],"resources":["configmaps","secrets"],"verbs":["get","list","create","patch","update","delete"]}`))
	const all, one = "/api/v1/namespaces/web/configmaps", "/api/v1/namespaces/web/configmaps/mine"
	for n, c := range []struct {
		in     abi.KubeRequest
		status int
		want   string
	}{
		{abi.KubeRequest{Path: one}, 404, `"reason":"NotFound"`},
		{abi.KubeRequest{Method: "PATCH", Path: one, Body: `{"data":{}}`}, 404, `"reason":"NotFound"`},
		{abi.KubeRequest{Method: "POST", Path: all, Body: `{"data":{"a":"1"}}`}, 201, `{"data":{"a":"1"}}`},
		{abi.KubeRequest{Method: "POST", Path: all, Body: `{"data":{"a":"1"}}`}, 409, `"reason":"AlreadyExists"`},
		{abi.KubeRequest{Path: one}, 200, `{"data":{"a":"1"}}`},
		{abi.KubeRequest{Method: "PATCH", Path: one, Body: `{"data":{"a":"2"}}`}, 200, `{"data":{"a":"2"}}`},
		{abi.KubeRequest{Path: "/api/v1/namespaces/web/secrets"}, 403, `"reason":"Forbidden"`},
		{abi.KubeRequest{Method: "DELETE", Path: one}, 200, `"status":"Success"`},
		{abi.KubeRequest{Method: "DELETE", Path: one}, 404, `"code":404`},
	} {
		if got, err := o.Kube(t.Context(), &c.in); err != nil || got.Status != c.status || !strings.Contains(got.Body, c.want) {
			t.Errorf("%d %+v: %+v %v", n, c.in, got, err)
		}
	}
}

// TestWhatMakesNeedsCreate: an apply makes the object that is not there, and so does an update of some kinds; a real server
// wants the right to create for that, and so do rules.
func TestWhatMakesNeedsCreate(t *testing.T) {
	const lease, config = "/apis/coordination.k8s.io/v1/namespaces/web/leases/mine", "/api/v1/namespaces/web/configmaps/mine"
	ask := func(o *outside.Outside, in abi.KubeRequest) error {
		allowed := o.Allowed(&in)
		if _, err := o.Kube(t.Context(), &in); errs.Class(err) != errs.Class(allowed) {
			t.Errorf("%+v is allowed otherwise than it is done: %v, %v", in, allowed, err)
		}
		return allowed
	}
	apply := abi.KubeRequest{Method: "PATCH", Path: config, ContentType: "application/apply-patch+yaml", Query: "fieldManager=web", Body: "{}"}
	patch := abi.KubeRequest{Method: "PATCH", Path: config, Body: "{}"}
	update, put := abi.KubeRequest{Method: "PUT", Path: lease, Body: "{}"}, abi.KubeRequest{Method: "PUT", Path: config, Body: "{}"}
	status := abi.KubeRequest{Method: "PATCH", Path: config + "/status", ContentType: "application/apply-patch+yaml", Body: "{}"}
	rule := func(verbs, names string) string {
		return `kubernetes={"apiGroups":["","coordination.k8s.io"],"resources":["configmaps","configmaps/status","leases"],"verbs":[` + verbs + `]` + names + `}`
	}
	for _, c := range []struct {
		rule                               string
		apply, patch, update, put, refused bool
	}{
		{rule(`"patch","update"`, ""), false, true, false, true, true},
		{rule(`"patch","update","create"`, ""), true, true, true, true, false},
		{rule(`"patch","update","create"`, `,"resourceNames":["mine"]`), true, true, true, true, false},
		{rule(`"patch","update","create"`, `,"resourceNames":["other"]`), false, false, false, false, true},
	} {
		a := &apiServer{objects: map[string]string{}}
		o := inCluster(t, a.ServeHTTP, granted(t, c.rule))
		for _, one := range []struct {
			in   abi.KubeRequest
			want bool
		}{{apply, c.apply}, {patch, c.patch}, {update, c.update}, {put, c.put}, {status, c.patch}} {
			if err := ask(o, one.in); (err == nil) != one.want || err != nil && !errs.Is(err, errs.Denied) {
				t.Errorf("%s: %s %s %s: %v", c.rule, one.in.Method, one.in.ContentType, one.in.Path, err)
			}
		}
		if c.refused && len(a.objects) > 0 && a.objects[lease]+a.objects[config] != "" {
			t.Errorf("%s: made %v", c.rule, a.objects)
		}
	}
}
