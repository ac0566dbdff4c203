package wasm_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// TestOutside: a charm reaches the origin that was granted and no other, and a machine that is not its own not at all. In a
// rehearsal it reads, and what it would send is told.
func TestOutside(t *testing.T) {
	for _, file := range []string{"charm.js", "charm.py"} {
		t.Run(file, func(t *testing.T) { reaches(t, file) })
	}
}

func reaches(t *testing.T, file string) {
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(s.Close)
	r := newRuntime(t)
	source := jsHead + `
const said = (f) => { try { return String(f()); } catch (e) { return e.class; } };
charm.on("config-changed", (ctx) => {
	ctx.setState("allowed", said(() => ctx.http("GET", "` + s.URL + `/a").body));
	ctx.setState("written", said(() => ctx.http("POST", "` + s.URL + `/b", { body: "x" }).status));
	ctx.setState("other", said(() => ctx.http("GET", "http://127.0.0.1:1/").body));
	ctx.setState("package", said(() => ctx.package("nginx").ensure().installed));
	ctx.setState("service", said(() => ctx.service("nginx").status().active));
	ctx.setState("kube", said(() => ctx.kube("GET", "/api/v1/namespaces/m/pods").status));
});
`
	if file == "charm.py" {
		source = pyHead + `
def said(f):
    try:
        return str(f())
    except Exception as err:
        return err.kind

@charm.on("config-changed")
def f(ctx):
    ctx.set_state("allowed", said(lambda: ctx.http("GET", "` + s.URL + `/a")["body"]))
    ctx.set_state("written", said(lambda: ctx.http("POST", "` + s.URL + `/b", body="x")["status"]))
    ctx.set_state("other", said(lambda: ctx.http("GET", "http://127.0.0.1:1/")["body"]))
    ctx.set_state("package", said(lambda: ctx.package("ensure", "nginx")["installed"]))
    ctx.set_state("service", said(lambda: ctx.service("status", "nginx")["active"]))
    ctx.set_state("kube", said(lambda: ctx.kube("GET", "/api/v1/namespaces/m/pods")["status"]))
`
	}
	resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: written(t, file, source),
		Grants: []string{"charm/http@1", "charm/package@1", "charm/kube@1", "http=" + s.URL, "package=nginx"}})
	if err != nil || resp.GetHandle() == "" {
		t.Fatal(resp, err)
	}
	want := map[string]string{"allowed": "hello", "written": "200", "other": "DENIED", "package": "UNSUPPORTED", "service": "DENIED", "kube": "DENIED"}
	check := func(done *charmruntimev1.Done) {
		t.Helper()
		for k, v := range want {
			if got := done.GetChangeset().GetStateSet()[k]; got != v {
				t.Errorf("%s: %q, want %q: %v", k, got, v, done)
			}
		}
	}
	check(dispatch(t, r, start(resp.GetHandle(), "config-changed", nil), nil))
	dry := start(resp.GetHandle(), "config-changed", nil)
	dry.Mode = charmruntimev1.Mode_MODE_DRY_RUN
	done := dispatch(t, r, dry, nil)
	check(done)
	if e := done.GetEffects(); len(e) != 1 || e[0].GetSummary() != "POST "+s.URL+"/b" || e[0].GetDetail() != "x" {
		t.Errorf("effects %v", e)
	}
	if got := strings.Join(seen, ", "); got != "GET /a, POST /b, GET /a" {
		t.Errorf("the server saw %s", got)
	}
}

// TestImportThatNeedsTrust: a module that imports what it was not granted is refused before it runs, with what to do.
func TestImportThatNeedsTrust(t *testing.T) {
	dir := packed(t, guestModule{imports: [][2]string{{"charm/http@1", "request"}}}.build())
	resp, err := newRuntime(t).Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir, Grants: []string{"charm/log@1", "package=nginx"}})
	if err != nil || resp.GetHandle() != "" || len(resp.GetDiagnostics()) != 1 {
		t.Fatal(resp, err)
	}
	d := resp.GetDiagnostics()[0]
	if d.GetMessage() != "imports charm/http@1.request, and charm/http@1 was not granted" ||
		!strings.HasPrefix(d.GetHint(), "granted are: charm/log@1; ") || !strings.HasSuffix(d.GetHint(), "bangle trust") {
		t.Errorf("%v", d)
	}
}
