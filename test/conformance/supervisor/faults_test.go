package supervisor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/bangle-dev/bangle/supervisor/supervisortest"
)

// fault is a proxy that does one thing wrong, and the case that must see it.
type fault struct {
	name, seenBy string
	ask          func(*http.Request)
	answer       func(*http.Response)
	watch        func(http.RoundTripper) http.RoundTripper // sees what passes; nil is not
}

// proxy stands in front of a socket and does things wrong.
func proxy(t *testing.T, to string, f fault) string {
	t.Helper()
	path := filepath.Join(place(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", to)
	}, DisableCompression: true}
	var through http.RoundTripper = transport
	if f.watch != nil {
		through = f.watch(transport)
	}
	server := &http.Server{
		ReadHeaderTimeout: readHeader,
		Handler: &httputil.ReverseProxy{
			Transport: through, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.RawQuery = "http", "localhost", r.In.URL.RawQuery
				if f.ask != nil {
					f.ask(r.Out)
				}
			},
			ModifyResponse: func(r *http.Response) error {
				if f.answer != nil && r.StatusCode != http.StatusSwitchingProtocols {
					f.answer(r)
				}
				return nil
			},
		},
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done; transport.CloseIdleConnections() })
	return path
}

// rewrite changes the text of an answer.
func rewrite(change func(string) string) func(*http.Response) {
	return func(r *http.Response) {
		data, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		text := change(string(data))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Del("Content-Length")
	}
}

func replaced(old, with string) func(*http.Response) {
	return rewrite(func(text string) string { return strings.ReplaceAll(text, old, with) })
}

// reversed turns a list around.
func reversed(r *http.Response) {
	rewrite(func(text string) string {
		var env map[string]any
		if json.Unmarshal([]byte(text), &env) != nil {
			return text
		}
		if list, ok := env["result"].([]any); ok {
			slices.Reverse(list)
		}
		out, _ := json.Marshal(env)
		return string(out)
	})(r)
}

// status answers with another status, in the header and in the envelope.
func status(from, to int) func(*http.Response) {
	return func(r *http.Response) {
		if r.StatusCode != from {
			return
		}
		r.StatusCode = to
		rewrite(func(text string) string {
			var env map[string]any
			if json.Unmarshal([]byte(text), &env) != nil {
				return text
			}
			env["status-code"], env["status"] = to, http.StatusText(to)
			out, _ := json.Marshal(env)
			return string(out)
		})(r)
	}
}

func header(name, value string) func(*http.Response) {
	return func(r *http.Response) { r.Header.Set(name, value) }
}

// without drops parameters of the query.
func without(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		q := r.URL.Query()
		for _, n := range names {
			q.Del(n)
		}
		r.URL.RawQuery = q.Encode()
	}
}

// sent changes the text of a request.
func sent(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		if r.Body == nil {
			return
		}
		data, _ := io.ReadAll(r.Body)
		data = bytes.ReplaceAll(data, []byte(old), []byte(with))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	}
}

func faults() []fault {
	return []fault{
		{"a status of success that is another", "system/info", nil, status(200, 201), nil},
		{"a charset in the content type", "system/info", nil, header("Content-Type", "application/json; charset=utf-8"), nil},
		{"an envelope without a status text", "system/info", nil, replaced(`"status":"OK",`, ""), nil},
		{"a version without its letter", "system/info", nil, replaced(`"version":"v`, `"version":"`), nil},
		{"an unknown path that is there", "refuse/unknown-path", nil, status(404, 200), nil},
		{"a wrong method that is not found", "refuse/put-services", nil, status(405, 404), nil},
		{"an error without a message", "refuse/layer-label", nil, replaced("label must be set", ""), nil},
		{"an error with a kind it has not", "refuse/change-unknown", nil, replaced(`"message":`, `"kind":"not-found","message":`), nil},
		{"an error without its kind", "files/list-refusals", nil, replaced(`,"kind":"not-found"`, ""), nil},
		{"services in another order", "services/list", nil, reversed, nil},
		{"services that were not asked for", "services/list-unknown-is-empty", without("names"), nil, nil},
		{"tasks that began at no time", "changes/one", nil, replaced(`"spawn-time"`, `"spawned"`), nil},
		{"changes that are always ready", "changes/in-progress", nil, replaced(`"ready":false`, `"ready":true`), nil},
		{"a wait that ends with another status", "changes/wait-times-out", nil, status(504, 408), nil},
		{"an accepted action that is merely fine", "services/start", nil, status(202, 200), nil},
		{"a layer that is not combined", "plan/combine-into-a-label", sent(`"combine":true`, `"combine":false`), nil, nil},
		{"a merge that replaces", "plan/merge", sent("override: merge", "override: replace"), nil, nil},
		{"a plan without its values", "plan/add-and-read", nil, replaced("command", "program"), nil},
		{"a check that is down and well", "health/down-is-502-and-sync", nil, status(502, 200), nil},
		{"a check without a level", "checks/list", nil, replaced(`"level":"alive",`, ""), nil},
		{"logs with another type", "logs/fields", nil, header("Content-Type", "application/json"), nil},
		{"logs with escapes", "logs/no-html-escapes", nil, replaced("<a&b>", `\u003ca\u0026b\u003e`), nil},
		{"logs without a limit", "logs/newest-n", without("n"), nil, nil},
		{"logs that do not follow", "logs/follow", without("follow"), nil, nil},
		{"notices in another order", "notices/sorted-by-last-repeated", nil, reversed, nil},
		{"notices from before", "notices/filter-after", without("after"), nil, nil},
		{"notices of all types", "notices/filter-types", without("types"), nil, nil},
		{"a wait that does not wait", "notices/wait-until-there-is-one", without("timeout"), nil, nil},
		{"metrics without types", "system/metrics", nil, replaced("# TYPE", "# KIND"), nil},
		{"an exit code that is always 0", "exec/exit-code", nil, replaced(`"exit-code":7`, `"exit-code":0`), nil},
		{"an output that is not split", "exec/split-stderr", sent(`"split-stderr":true`, `"split-stderr":false`), nil, nil},
		{"an exec without a timeout", "exec/timeout", sent(`"timeout":"50ms"`, `"timeout":"60ms"`), nil, nil},
		{"a terminal that is none", "terminal/output-is-one", sent(`"terminal":true`, `"terminal":false`), nil, nil},
		{"a terminal of another size", "terminal/size", sent(`"width":100`, `"width":99`), nil, nil},
		{"an environment that is lost", "exec/working-dir-and-environment", sent(`"A":"x y"`, `"A":""`), nil, nil},
		{"a file that is cut", "files/read", nil, replaced("text", "tex"), nil},
		{"a list of another directory", "files/list-itself", without("itself"), nil, nil},
		{"files in another order", "files/list", nil, reversed, nil},
		{"permissions that are forgotten", "files/write", sent(`"permissions":"600"`, `"permissions":"644"`), nil, nil},
		{"parents that are made unasked", "files/make-dirs", sent(`"path"`, `"make-parents":true,"path"`), nil, nil},
	}
}

// TestFaultsAreSeen plants one fault at a time; the case passes without it and fails with it.
func TestFaultsAreSeen(t *testing.T) {
	to := supervise(t)
	sound, dir := proxy(t, to, fault{}), place(t)
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, f := range faults() {
		wrong := proxy(t, to, f)
		all.Go(func() error {
			if err := supervisortest.Try(t.Context(), supervisortest.Config{Socket: sound, Dir: dir}, f.seenBy); err != nil {
				t.Errorf("%s: %s fails without it: %v", f.name, f.seenBy, err)
			}
			err := supervisortest.Try(t.Context(), supervisortest.Config{Socket: wrong, Dir: dir}, f.seenBy)
			if err == nil || errors.Is(err, supervisortest.ErrSkipped) {
				t.Errorf("%s: %s does not see it: %v", f.name, f.seenBy, err)
			}
			return nil
		})
	}
	_ = all.Wait()
}
