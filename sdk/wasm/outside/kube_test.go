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
