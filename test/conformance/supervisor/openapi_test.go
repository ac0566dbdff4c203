package supervisor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/supervisortest"
)

// document is supervisor/openapi.yaml, compiled.
type document struct {
	root    map[string]any
	schemas map[string]*jsonschema.Schema // by JSON pointer
	mu      sync.Mutex
	wrong   []string
	seen    map[string]bool // "GET /v1/x 200"
}

const documentURL = "supervisor.json"

func readDocument(t testing.TB) *document {
	t.Helper()
	data, err := os.ReadFile("../../../supervisor/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := &document{schemas: map[string]*jsonschema.Schema{}, seen: map[string]bool{}}
	if err := yaml.Unmarshal(data, &d.root); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	text, err := json.Marshal(d.root)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource(documentURL, plain); err != nil {
		t.Fatal(err)
	}
	for pointer := range pointers(d.root, "") {
		s, err := c.Compile(documentURL + "#" + pointer)
		if err != nil {
			t.Fatalf("schema %s: %v", pointer, err)
		}
		d.schemas[pointer] = s
	}
	return d
}

// pointers finds every place that holds a schema.
func pointers(node any, at string) map[string]bool {
	out := map[string]bool{}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	add := func(more map[string]bool) {
		for p := range more {
			out[p] = true
		}
	}
	switch v := node.(type) {
	case map[string]any:
		for key, child := range v {
			p := at + "/" + escape.Replace(key)
			if key == "schema" || at == "/components/schemas" {
				out[p] = true
				continue
			}
			add(pointers(child, p))
		}
	case []any:
		for i, child := range v {
			add(pointers(child, at+"/"+strconv.Itoa(i)))
		}
	}
	return out
}

// child walks down maps and follows a $ref to a response.
func (d *document) child(pointer string, keys ...string) (map[string]any, string) {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	var node any = d.root
	for _, k := range strings.Split(pointer, "/")[1:] {
		m, _ := node.(map[string]any)
		node = m[unescape.Replace(k)]
	}
	for _, k := range keys {
		m, _ := node.(map[string]any)
		node, pointer = m[k], pointer+"/"+escape.Replace(k)
	}
	out, _ := node.(map[string]any)
	if ref, ok := out["$ref"].(string); ok {
		return d.child(strings.TrimPrefix(ref, "#"))
	}
	return out, pointer
}

// template finds the path of the document that a path is one of, "" for none; one without variables comes first.
func (d *document) template(path string) string {
	paths, _ := d.root["paths"].(map[string]any)
	if paths[path] != nil {
		return path
	}
	for name := range paths {
		a, b := strings.Split(name, "/"), strings.Split(path, "/")
		fits := len(a) == len(b)
		for i := 0; fits && i < len(a); i++ {
			fits = a[i] == b[i] || strings.HasPrefix(a[i], "{")
		}
		if fits {
			return name
		}
	}
	return ""
}

func (d *document) fail(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

func (d *document) validate(what, pointer string, data []byte) {
	s := d.schemas[pointer]
	if s == nil {
		d.fail("%s: the document has no schema at %s", what, pointer)
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		d.fail("%s: %v\n%.300s", what, err, data)
	}
}

// wrap checks every request and answer that passes.
func (d *document) wrap(next http.RoundTripper) http.RoundTripper {
	return tripper(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
			_ = r.Body.Close()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		resp, err := next.RoundTrip(r)
		if err == nil {
			d.check(r, body, resp)
		}
		return resp, err
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (d *document) check(r *http.Request, body []byte, resp *http.Response) {
	name := d.template(r.URL.Path)
	op, at := d.child("/paths", name, strings.ToLower(r.Method))
	what := fmt.Sprintf("%s %s %d", r.Method, name, resp.StatusCode)
	if op == nil {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
			d.fail("%s %s answered %d and is not in the document", r.Method, r.URL.Path, resp.StatusCode)
		}
		d.content(what, "/components/schemas/Error", resp)
		return
	}
	d.mu.Lock()
	d.seen[what] = true
	d.mu.Unlock()
	d.query(what, at, r, resp.StatusCode)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if resp.StatusCode < 400 && len(body) > 0 && kind != "multipart/form-data" {
		d.validate(what+" request", at+"/requestBody/content/application~1json/schema", firstValue(body))
	}
	answer, p := d.child(at, "responses", strconv.Itoa(resp.StatusCode))
	if answer == nil {
		d.fail("%s: the document does not list this status", what)
		return
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	kind, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media, _ := d.child(p, "content", kind); media == nil {
		d.fail("%s: the document does not list Content-Type %q", what, kind)
		return
	}
	switch {
	case kind == "application/json":
		d.content(what, p+"/content/application~1json/schema", resp)
	case kind == "application/x-ndjson" && r.URL.Query().Get("follow") != "true":
		for line := range bytes.SplitSeq(bytes.TrimSpace(d.body(what, resp)), []byte("\n")) {
			if len(line) > 0 {
				d.validate(what+" line", p+"/content/application~1x-ndjson/schema", line)
			}
		}
	}
}

// firstValue is what a decoder reads: whatever follows is ignored.
func firstValue(body []byte) []byte {
	var v json.RawMessage
	if json.NewDecoder(bytes.NewReader(body)).Decode(&v) != nil {
		return body
	}
	return v
}

// body reads a body and puts it back.
func (d *document) body(what string, resp *http.Response) []byte {
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(data))
	if err != nil && resp.Request.Context().Err() == nil {
		d.fail("%s: %v", what, err)
	}
	return data
}

func (d *document) content(what, pointer string, resp *http.Response) {
	d.validate(what, pointer, d.body(what, resp))
}

// query checks that a request that succeeded has used parameters that are there, with values that are allowed.
func (d *document) query(what, at string, r *http.Request, status int) {
	if status >= 400 {
		return
	}
	op, _ := d.child(at)
	list, _ := op["parameters"].([]any)
	known := map[string]int{}
	for i, p := range list {
		m, _ := p.(map[string]any)
		if name, _ := m["name"].(string); m["in"] == "query" {
			known[name] = i
		}
	}
	for name, values := range r.URL.Query() {
		i, ok := known[name]
		if !ok {
			d.fail("%s: the document has no parameter %q", what, name)
			continue
		}
		m, _ := list[i].(map[string]any)["schema"].(map[string]any)
		value, _ := json.Marshal(values[0])
		switch m["type"] {
		case "array":
			value, _ = json.Marshal(values)
		case "integer":
			value = []byte(values[0])
		}
		d.validate(what+" parameter "+name, at+"/parameters/"+strconv.Itoa(i)+"/schema", value)
	}
}

// report fails the test with what was wrong.
func (d *document) report(t *testing.T) {
	t.Helper()
	slices.Sort(d.wrong)
	for _, w := range slices.Compact(d.wrong) {
		t.Error(w)
	}
}

// unseen are the documented answers that never came.
func (d *document) unseen() []string {
	var out []string
	paths, _ := d.root["paths"].(map[string]any)
	for name, item := range paths {
		methods, _ := item.(map[string]any)
		for method, op := range methods {
			m, _ := op.(map[string]any)
			answers, _ := m["responses"].(map[string]any)
			for status := range answers {
				if what := strings.ToUpper(method) + " " + name + " " + status; !d.seen[what] {
					out = append(out, what)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// whole fails the test for what the document lists and nobody has seen.
func (d *document) whole(t *testing.T) {
	t.Helper()
	unseen := slices.DeleteFunc(d.unseen(), func(what string) bool {
		return what == "GET /v1/files 403" || os.Getuid() != 0 && (strings.HasSuffix(what, " 401") || strings.HasSuffix(what, " 403"))
	})
	if len(unseen) > 0 {
		t.Errorf("the document lists answers that never came:\n%s", strings.Join(unseen, "\n"))
	}
}

// TestDocumentSeesFaults shows that the checks above can fail.
func TestDocumentSeesFaults(t *testing.T) {
	to := supervise(t)
	for _, f := range []fault{
		{"a field that is not documented", "services/list", nil, replaced(`"startup"`, `"extra":1,"startup"`), nil},
		{"a field that is missing", "changes/one", nil, replaced(`"kind":"start"`, `"sort":"start"`), nil},
		{"a status that is not documented", "changes/wait-times-out", nil, status(504, 408), nil},
		{"a value that is not documented", "services/list", nil, replaced(`"current":"inactive"`, `"current":"asleep"`), nil},
		{"a kind of error that is not documented", "files/list-refusals", nil, replaced("not-found", "gone"), nil},
		{"a time that is none", "changes/one", nil, replaced(`"spawn-time":"2`, `"spawn-time":"x`), nil},
		{"another content type", "logs/fields", nil, header("Content-Type", "text/plain"), nil},
	} {
		d := readDocument(t)
		_ = supervisortest.Try(t.Context(), supervisortest.Config{Socket: proxy(t, to, f), Dir: place(t), Wrap: d.wrap}, f.seenBy)
		if len(d.wrong) == 0 {
			t.Errorf("%s is not seen", f.name)
		}
	}
}

// TestClientKeepsToTheDocument sends a request of every kind that the client knows.
func TestClientKeepsToTheDocument(t *testing.T) {
	d := readDocument(t)
	dir := place(t)
	c, err := client.New(client.Config{Socket: proxy(t, supervise(t), fault{watch: d.wrap})})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	layer := "services: {a: {override: replace, command: sleep 1000, startup: enabled}}\nchecks: {c: {override: replace, startup: disabled, exec: {command: 'true'}}}"
	uid, id := uint32(4242), ""
	change := func(got string, err error) error { id = got; return err }
	wait := func(got string, err error) error {
		if err == nil {
			_, err = c.WaitChange(ctx, got)
		}
		return change(got, err)
	}
	for i, err := range []error{
		only(c.SystemInfo(ctx)), c.AddLayer(ctx, "l", layer, client.AddOptions{Combine: true, Inner: true}), only(c.Plan(ctx)),
		wait(c.Replan(ctx)), wait(c.Autostart(ctx)), wait(c.Restart(ctx, "a")), c.Signal(ctx, "SIGWINCH", "a"), only(c.Services(ctx, "a", "b")),
		wait(c.Start(ctx, "a")), only(c.Changes(ctx, "all", "a")), only(c.Change(ctx, id)),
		c.Logs(ctx, client.LogOptions{Services: []string{"a"}, N: 3}, func(client.LogEntry) error { return nil }),
		only(c.Checks(ctx, "alive", "c")), only(c.StartChecks(ctx, "c")), only2(c.RefreshCheck(ctx, "c")), only(c.StopChecks(ctx, "c")), only(c.Health(ctx, "ready", "c")),
		only(c.Notify(ctx, "example.com/x", client.NotifyOptions{Data: map[string]string{"k": "v"}, RepeatAfter: 1})), only(c.Notice(ctx, "1")),
		only(c.Notices(ctx, client.NoticeFilter{Types: []string{"custom"}, Keys: []string{"example.com/x"}, Timeout: 1, AllUsers: true})),
		only(c.Notices(ctx, client.NoticeFilter{UserID: &uid, After: time.Now()})),
		c.MakeDir(ctx, dir+"/d", true, client.Owner{Permissions: "750"}), c.Push(ctx, dir+"/d/f", strings.NewReader("x"), true, client.Owner{}),
		only(c.ListFiles(ctx, dir, "*", true)), c.Pull(ctx, dir+"/d/f", io.Discard), c.Remove(ctx, dir+"/d", true),
		c.AddIdentities(ctx, map[string]*client.Identity{"bob": {Access: "read", Local: &client.LocalIdentity{UserID: &uid}}}), only(c.Identities(ctx)),
		c.UpdateIdentities(ctx, map[string]*client.Identity{"bob": {Access: "admin", Local: &client.LocalIdentity{UserID: &uid}}}),
		c.ReplaceIdentities(ctx, map[string]*client.Identity{"bob": nil, "eve": {Access: "read", Local: &client.LocalIdentity{UserID: &uid}}}),
		c.RemoveIdentities(ctx, "eve"), change(c.Stop(ctx, "a")), ran(ctx, c),
	} {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	d.report(t)
	for _, what := range []string{"POST /v1/exec 202", "GET /v1/tasks/{task}/websocket/{id} 101", "POST /v1/files 200", "POST /v1/identities 200"} {
		if !d.seen[what] {
			t.Errorf("the client has not got %s", what)
		}
	}
}

func only[T any](_ T, err error) error { return err }

func only2[A, B any](_ A, _ B, err error) error { return err }

func ran(ctx context.Context, c *client.Client) error {
	p, err := c.Exec(ctx, client.ExecOptions{Command: []string{"cat"}, Stdin: strings.NewReader("x"), Stdout: io.Discard, Stderr: io.Discard, Timeout: time.Minute})
	if err != nil {
		return err
	}
	return p.Wait(ctx)
}
