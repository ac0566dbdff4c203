package proxy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/charms/gate/workload/proxy"
)

// named answers every request with its name and what it was sent.
func named(t *testing.T, name string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Served-By", name)
		fmt.Fprintf(w, "%s %s %s %s", name, r.Method, r.URL.RequestURI(), body)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// breaking closes every connection after reading the request.
func breaking(t *testing.T, hits *atomic.Int32) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		hits.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func front(t *testing.T, patience time.Duration, specs ...proxy.Spec) (*proxy.Gate, string) {
	t.Helper()
	gate := proxy.New(proxy.Config{Name: "gate/0", Patience: patience})
	gate.Apply(proxy.File{Title: "Books", Backends: specs})
	srv := httptest.NewServer(gate)
	t.Cleanup(srv.Close)
	t.Cleanup(gate.EndStreams)
	return gate, srv.URL
}

func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

func TestWalksOverBackEnds(t *testing.T) {
	a, b := named(t, "a"), named(t, "b")
	_, url := front(t, 0, proxy.Spec{Name: "a", URL: a.URL}, proxy.Spec{Name: "b", URL: b.URL})
	got := ""
	for range 4 {
		resp, _ := ask(t, "GET", url+"/x", "")
		got += resp.Header.Get("Served-By")
	}
	if got != "abab" {
		t.Errorf("walked %q, want abab", got)
	}
}

func TestSkipsRefusing(t *testing.T) {
	b := named(t, "b")
	gate, url := front(t, 0, proxy.Spec{Name: "a", URL: refusing(t)}, proxy.Spec{Name: "b", URL: b.URL})
	for _, method := range []string{"GET", "POST", "DELETE"} {
		resp, body := ask(t, method, url+"/p?q=1", "data")
		if want := "b " + method + " /p?q=1 data"; resp.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %q, want %q", method, resp.StatusCode, body, want)
		}
	}
	s := gate.Status()
	if s.Backends[0].Failed == 0 || s.Backends[0].LastError == "" || s.Backends[1].Served != 3 {
		t.Errorf("status %+v", s.Backends)
	}
}

func TestRepeatsOnlyWhatMayBeRepeated(t *testing.T) {
	tests := []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"get", "GET", "/", nil, 200},
		{"plain post", "POST", "/other", nil, 503},
		{"post with key", "POST", "/other", []string{"Idempotency-Key", "k"}, 200},
		{"entry", "POST", "/entries", nil, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var hits atomic.Int32
			a, b := breaking(t, &hits), named(t, "b")
			_, url := front(t, 0, proxy.Spec{Name: "a", URL: a.URL}, proxy.Spec{Name: "b", URL: b.URL})
			resp, body := ask(t, tt.method, url+tt.path, "data", tt.header...)
			if resp.StatusCode != tt.status || hits.Load() == 0 {
				t.Errorf("status %d (%s), want %d; %d hits on the broken one", resp.StatusCode, body, tt.status, hits.Load())
			}
		})
	}
}

func TestEntryKeepsOneKey(t *testing.T) {
	var mu sync.Mutex
	var keys []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if len(keys) == 1 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	_, url := front(t, time.Minute, proxy.Spec{Name: "a", URL: srv.URL})
	ask(t, "POST", url+"/entries", "x")
	if len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
		t.Errorf("keys %q, want the same one twice", keys)
	}
}

func TestBrokenAnswerIsAskedAgain(t *testing.T) {
	a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	}))
	defer a.Close()
	b := named(t, "b")
	_, url := front(t, 0, proxy.Spec{Name: "a", URL: a.URL}, proxy.Spec{Name: "b", URL: b.URL})
	if resp, body := ask(t, "GET", url+"/", ""); resp.StatusCode != 200 || !strings.HasPrefix(body, "b ") {
		t.Errorf("%d %q, want b's answer", resp.StatusCode, body)
	}
}

func TestWaitsForABackEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	gate, url := front(t, time.Minute, proxy.Spec{Name: "a", URL: "http://" + addr})
	later := named(t, "b").URL
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	go func() {
		for gate.Status().Backends[0].Failed == 0 {
			<-again.C
		}
		gate.Apply(proxy.File{Backends: []proxy.Spec{{Name: "b", URL: later}}})
	}()
	if resp, body := ask(t, "GET", url+"/", ""); resp.StatusCode != 200 {
		t.Errorf("%d %q, want 200 once a back end came", resp.StatusCode, body)
	}
}

func TestAway(t *testing.T) {
	_, url := front(t, time.Minute)
	resp, body := ask(t, "GET", url+"/", "", "Accept", "text/html,*/*")
	if resp.StatusCode != 503 || !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, "<h1>Books</h1>") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	resp, body = ask(t, "GET", url+"/entries", "")
	if resp.StatusCode != 503 || !json.Valid([]byte(body)) || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestStream(t *testing.T) {
	for _, end := range []string{"back end dies", "gate stops"} {
		t.Run(end, func(t *testing.T) {
			die := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, "data: one\n\n")
				http.NewResponseController(w).Flush()
				select {
				case <-die:
					panic(http.ErrAbortHandler)
				case <-r.Context().Done():
				}
			}))
			defer srv.Close()
			gate, url := front(t, 0, proxy.Spec{Name: "a", URL: srv.URL})
			resp, err := http.Get(url + "/events")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			in := bufio.NewReader(resp.Body)
			if line, err := in.ReadString('\n'); err != nil || line != "data: one\n" {
				t.Fatalf("%q %v", line, err)
			}
			gate.Apply(proxy.File{}) // a reload does not touch the stream
			if end == "gate stops" {
				gate.EndStreams()
			} else {
				close(die)
			}
			if rest, err := io.ReadAll(in); err != nil || string(rest) != "\n" {
				t.Errorf("rest %q, error %v; want a clean end", rest, err)
			}
		})
	}
}

func TestReloadsDropNothing(t *testing.T) {
	a, b := named(t, "a"), named(t, "b")
	gate, url := front(t, 0, proxy.Spec{Name: "a", URL: a.URL})
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			gate.Apply(proxy.File{Backends: [][]proxy.Spec{{{Name: "a", URL: a.URL}}, {{Name: "b", URL: b.URL}}}[i%2]})
		}
	})
	for range 200 {
		if resp, body := ask(t, "POST", url+"/x", "d"); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	close(done)
	wg.Wait()
}

func TestTooLarge(t *testing.T) {
	_, url := front(t, 0, proxy.Spec{Name: "a", URL: named(t, "a").URL})
	if resp, _ := ask(t, "POST", url+"/entries", strings.Repeat("x", 1<<20+1)); resp.StatusCode != 413 {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}

func TestStatusPage(t *testing.T) {
	_, url := front(t, 0, proxy.Spec{Name: "a", URL: "http://127.0.0.1:1"})
	resp, body := ask(t, "GET", url+"/_gate/status", "")
	var s proxy.Status
	if err := json.Unmarshal([]byte(body), &s); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %v %s", resp.StatusCode, err, body)
	}
	if s.Name != "gate/0" || s.Title != "Books" || len(s.Backends) != 1 || !s.Backends[0].Up {
		t.Errorf("status %+v", s)
	}
	if resp, _ := ask(t, "POST", url+"/_gate/status", ""); resp.StatusCode != 405 {
		t.Errorf("POST answered %d, want 405", resp.StatusCode)
	}
}

func TestReadFile(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"good", `{"title":"t","backends":[{"name":"a","url":"http://127.0.0.1:1"}]}`, ""},
		{"empty list", `{}`, ""},
		{"not json", `{`, "cannot read the back ends from"},
		{"no name", `{"backends":[{"url":"http://h:1"}]}`, `backends[0].name ""`},
		{"twice", `{"backends":[{"name":"a","url":"http://h:1"},{"name":"a","url":"http://h:2"}]}`, `backends[1].name "a"`},
		{"no scheme", `{"backends":[{"name":"a","url":"127.0.0.1:80"}]}`, "backends[0].url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "b.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := proxy.ReadFile(path)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
