package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/api"
	"github.com/bangle-dev/bangle/supervisor/files"
	"github.com/bangle-dev/bangle/supervisor/identity"
	"github.com/bangle-dev/bangle/supervisor/notice"
)

const boundary = "0123456789abcdef0123456789abcdef"

// server serves files below dir alone.
func server(t testing.TB, dir string) http.Handler {
	t.Helper()
	tree, err := files.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return api.New(api.Config{
		Files: tree, Log: slog.New(slog.DiscardHandler), Identities: identity.New(identity.Config{}), Notices: notice.New(notice.Config{}),
	})
}

func send(h http.Handler, method, url, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "multipart/form-data")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, api.As(r, uint32(os.Getuid())))
	return w
}

func form(metadata string, parts ...string) string {
	var b strings.Builder
	b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n" + metadata)
	for i := 0; i+1 < len(parts); i += 2 {
		b.WriteString("\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"files\"; filename=\"" + parts[i] + "\"\r\n\r\n" + parts[i+1])
	}
	return b.String() + "\r\n--" + boundary + "--\r\n"
}

func TestWritingFiles(t *testing.T) {
	const kind = "multipart/form-data; boundary=" + boundary
	for _, tt := range []struct {
		name, kind, body string
		status           int
		says             string
	}{
		{"good", kind, form(`{"action":"write","files":[{"path":"/a"}]}`, "/a", "x"), 200, `"result":[{"path":"/a"}]`},
		{"quotes and a path", kind, form(`{"action":"write","files":[{"path":"/d/\"q\"","make-dirs":true}]}`, `/d/\"q\"`, "x"), 200, `[{"path":"/d/\"q\""}]`},
		{"no content", kind, form(`{"action":"write","files":[{"path":"/a"},{"path":"/b"}]}`, "/b", "x"), 200, `{"path":"/a","error":{"message":"no file content","kind":"generic-file-error"}},{"path":"/b"}`},
		{"no parent", kind, form(`{"action":"write","files":[{"path":"/none/a"}]}`, "/none/a", "x"), 200, `"kind":"not-found"`},
		{"relative", kind, form(`{"action":"write","files":[{"path":"a"}]}`, "a", "x"), 200, `"kind":"generic-file-error"`},
		{"bad mode", kind, form(`{"action":"write","files":[{"path":"/a","permissions":"9"}]}`, "/a", "x"), 200, "three octal digits"},
		{"group alone", kind, form(`{"action":"write","files":[{"path":"/a","group-id":1}]}`, "/a", "x"), 200, "must specify user"},
		{"id out of range", kind, form(`{"action":"write","files":[{"path":"/a","user-id":-1,"group-id":1}]}`, "/a", "x"), 200, "invalid id"},
		{"unexpected file", kind, form(`{"action":"write","files":[{"path":"/a"}]}`, "/b", "x"), 400, "no metadata for path"},
		{"other action", kind, form(`{"action":"read","files":[{"path":"/a"}]}`), 400, `must be \"write\"`},
		{"no files", kind, form(`{"action":"write","files":[]}`), 400, "one or more files"},
		{"short boundary", "multipart/form-data; boundary=abc", "", 400, "32 characters"},
		{"no body", kind, "", 400, "cannot read request metadata"},
		{"cut body", kind, form(`{"action":"write","files":[{"path":"/cut"}]}`, "/cut", "x")[:250], 400, "cannot read"},
		{"plain text", "text/plain", "x", 400, "invalid media type"},
		{"write as JSON", "application/json", `{"action":"write"}`, 400, "must use multipart"},
		{"make-dirs there", "application/json", `{"action":"make-dirs","dirs":[{"path":"/there"}]}`, 200, `"kind":"generic-file-error"`},
		{"make-dirs parents", "application/json", `{"action":"make-dirs","dirs":[{"path":"/p/q","make-parents":true,"permissions":"711"}]}`, 200, `[{"path":"/p/q"}]`},
		{"remove full", "application/json", `{"action":"remove","paths":[{"path":"/full"}]}`, 200, `"kind":"generic-file-error"`},
		{"remove all of it", "application/json", `{"action":"remove","paths":[{"path":"/full","recursive":true},{"path":"/none","recursive":true},{"path":"/none"}]}`, 200,
			`[{"path":"/full"},{"path":"/none"},{"path":"/none","error":{"message":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"there", "full/x"} {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			w := send(server(t, dir), "POST", "/v1/files", tt.kind, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d and %s", w.Code, w.Body, tt.status, tt.says)
			}
			if _, err := os.Stat(filepath.Join(dir, "cut")); err == nil {
				t.Error("half a file was put in place")
			}
			left, err := filepath.Glob(filepath.Join(dir, "*~"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestReadingFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a \"b\""), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := server(t, dir)
	w := send(h, "GET", "/v1/files?action=read&path=/a+%22b%22&path=/none&path=/", "", "")
	_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || w.Code != 200 || len(params["boundary"]) < 32 {
		t.Fatalf("%d %v %v", w.Code, params, err)
	}
	mr := multipart.NewReader(w.Body, params["boundary"])
	first, err := mr.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	_, disposition, err := mime.ParseMediaType(first.Header.Get("Content-Disposition"))
	text, _ := io.ReadAll(first)
	if err != nil || disposition["filename"] != "/a \"b\"" || disposition["name"] != "files" || string(text) != "content" {
		t.Errorf("%v %q %v", disposition, text, err)
	}
	last, err := mr.NextPart()
	if err != nil || last.FormName() != "response" {
		t.Fatal(last, err)
	}
	var got struct {
		Result []struct {
			Path  string
			Error *struct{ Kind string }
		}
	}
	if err := json.NewDecoder(last).Decode(&got); err != nil || len(got.Result) != 3 || got.Result[0].Error != nil ||
		got.Result[1].Error.Kind != "not-found" || got.Result[2].Error.Kind != "generic-file-error" {
		t.Errorf("%+v %v", got, err)
	}
	for query, want := range map[string]int{
		"action=list&path=/": 200, "action=list&path=/none": 404, "action=list&path=x": 400, "action=list&path=/&pattern=[": 400,
		"action=list&path=/&itself=maybe": 400, "action=read": 400, "action=other": 400, "": 400,
	} {
		if w := send(h, "GET", "/v1/files?"+query, "", ""); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", query, w.Code, want, w.Body)
		}
	}
}

// FuzzMultipart: no body makes the handler panic, or leaves a temporary file.
func FuzzMultipart(f *testing.F) {
	f.Add([]byte(form(`{"action":"write","files":[{"path":"/a"}]}`, "/a", "x")))
	f.Add([]byte(form(`{"action":"write","files":[{"path":"/d/e","make-dirs":true,"permissions":"600"}]}`, "/d/e", "x")))
	f.Fuzz(func(t *testing.T, body []byte) {
		dir := t.TempDir()
		w := send(server(t, dir), "POST", "/v1/files", "multipart/form-data; boundary="+boundary, string(body))
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		left, err := filepath.Glob(filepath.Join(dir, "*~"))
		if err != nil || len(left) > 0 && !bytes.Contains(body, []byte("~")) {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
}

// FuzzJSON: no body makes a handler of the files API panic.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"action":"make-dirs","dirs":[{"path":"/a/b","make-parents":true,"permissions":"711","user-id":0}]}`))
	f.Add([]byte(`{"action":"remove","paths":[{"path":"/a","recursive":true}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := send(server(t, t.TempDir()), "POST", "/v1/files", "application/json", string(body))
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
