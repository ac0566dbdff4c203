package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
	"github.com/bangle-dev/bangle/charms/guestbook/workload/settings"
	"github.com/bangle-dev/bangle/charms/guestbook/workload/web"
)

// memory is a book whose store is this process.
type memory struct {
	view *book.View
	fail error

	mu   sync.Mutex
	now  settings.Settings
	next chan struct{}
	seq  uint64
}

func (m *memory) View() *book.View { return m.view }

func (m *memory) Settings() (settings.Settings, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now, m.next
}

func (m *memory) tell(s settings.Settings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = s
	close(m.next)
	m.next = make(chan struct{})
}

func (m *memory) Post(_ context.Context, e book.Entry) (book.Entry, error) {
	if m.fail != nil {
		return e, m.fail
	}
	m.mu.Lock()
	m.seq++
	e.Seq = m.seq
	m.mu.Unlock()
	m.view.Append(e)
	return e, nil
}

func site(t *testing.T) (*memory, string) {
	t.Helper()
	m := &memory{view: book.NewView(), now: settings.Default(), next: make(chan struct{})}
	m.now.Unit = "guestbook/7"
	stop := make(chan struct{})
	srv := httptest.NewServer(web.New(m, slog.New(slog.DiscardHandler), stop))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(stop) })
	return m, srv.URL
}

func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
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

func TestPost(t *testing.T) {
	const form, js = "application/x-www-form-urlencoded", "application/json"
	tests := []struct {
		name, kind, body, accept string
		fail                     error
		code                     int
		want                     string
	}{
		{"json", js, `{"id":"a","name":"Ada","text":"hi"}`, "", nil, 201, `"id":"a","name":"Ada","text":"hi"`},
		{"form", form, "id=b&name=Bo&text=ho", "", nil, 201, `"id":"b"`},
		{"key in the header", js, `{"text":"hi"}`, "", nil, 201, `"id":"key"`},
		{"browser", form, "text=ho", "text/html", nil, 303, ""},
		{"control characters", js, `{"text":" a\u0000\u0007b\r\n "}`, "", nil, 201, `"text":"ab"`},
		{"empty", form, "text=++", "", nil, 400, "empty entry"},
		{"empty in a browser", form, "text=&name=Ada", "text/html", nil, 400, `value="Ada"`},
		{"long", form, "text=" + strings.Repeat("ä", 501), "", nil, 400, "more than 500"},
		{"long name", form, "text=a&name=" + strings.Repeat("a", 61), "", nil, 400, "more than 60"},
		{"not json", js, "{", "", nil, 400, "cannot read the entry"},
		{"other kind", "text/plain", "hi", "", nil, 400, "send a form or application/json"},
		{"huge", js, `{"text":"` + strings.Repeat("a", 17<<10), "", nil, 400, "too large"},
		{"away", form, "text=a", "", book.ErrAway, 503, "will not be doubled"},
		{"away in a browser", form, "id=keep&text=typed", "text/html", book.ErrAway, 503, `value="keep"`},
		{"taken", form, "id=a&text=a", "", book.ErrTaken, 409, "another entry"},
		{"bad id", form, "id=a.b&text=a", "", book.ErrUnfit, 400, "letters"},
		{"larger than NATS takes", form, "text=a", "", book.ErrLarge, 413, "larger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, url := site(t)
			m.fail = tt.fail
			resp, body := send(t, "POST", url+"/entries", tt.body, "Content-Type", tt.kind, "Accept", tt.accept, "Idempotency-Key", "key")
			if resp.StatusCode != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s; want %d with %q", resp.StatusCode, body, tt.code, tt.want)
			}
			if got := resp.Header.Get("Served-By"); got != "guestbook/7" {
				t.Errorf("Served-By %q", got)
			}
		})
	}
}

func TestPostFromAnotherSiteIsRefused(t *testing.T) {
	_, url := site(t)
	resp, _ := send(t, "POST", url+"/entries", "text=a", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	if resp.StatusCode != 403 {
		t.Errorf("status %d, want 403", resp.StatusCode)
	}
}

func TestPage(t *testing.T) {
	m, url := site(t)
	m.view.Append(book.Entry{Seq: 1, ID: "a", Text: "<script>alert(1)</script>"})
	resp, body := send(t, "GET", url+"/", "")
	for _, want := range []string{"&lt;script&gt;", "<b>Somebody</b>", "<b>guestbook/7</b>", "1 entry<", "the store is away", "--accent: #b3471d"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "ZgotmplZ") {
		t.Error("the page is not escaped as it should be")
	}
	if resp.ContentLength < 1 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "nonce-") {
		t.Errorf("headers %v", resp.Header)
	}
	if resp, _ := send(t, "GET", url+"/nope", ""); resp.StatusCode != 404 || resp.Header.Get("Served-By") == "" {
		t.Errorf("unknown path: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestHealth(t *testing.T) {
	m, url := site(t)
	if resp, body := send(t, "GET", url+"/healthz", ""); resp.StatusCode != 503 || !strings.Contains(body, `"nats":"away"`) {
		t.Errorf("away: %d %s", resp.StatusCode, body)
	}
	m.view.SetConnected(true)
	if resp, body := send(t, "GET", url+"/healthz", ""); resp.StatusCode != 200 || !strings.Contains(body, `"ok":true`) {
		t.Errorf("connected: %d %s", resp.StatusCode, body)
	}
}

func TestListIsNeverNull(t *testing.T) {
	_, url := site(t)
	if _, body := send(t, "GET", url+"/entries", ""); body != "[]\n" {
		t.Errorf("%q, want []", body)
	}
}

// reader reads one event stream.
type reader struct {
	in *bufio.Reader
}

func open(t *testing.T, url string, header ...string) *reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
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
	t.Cleanup(func() { resp.Body.Close() })
	return &reader{bufio.NewReader(resp.Body)}
}

// want reads the next event and checks its name and a part of its data.
func (r *reader) want(t *testing.T, event, part string) {
	t.Helper()
	var name, data string
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %s: %v", event, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "event: "); ok {
			name = rest
		}
		if rest, ok := strings.CutPrefix(line, "data: "); ok {
			data = rest
		}
		if line == "" && name != "" {
			break
		}
	}
	if name != event || !strings.Contains(data, part) || !json.Valid([]byte(data)) {
		t.Fatalf("event %s %s, want %s with %q", name, data, event, part)
	}
}

func TestEvents(t *testing.T) {
	m, url := site(t)
	m.view.Append(book.Entry{Seq: 1, Text: "old"})
	r := open(t, url+"/events")
	r.want(t, "config", `"unit":"guestbook/7"`)
	r.want(t, "store", "false")
	m.view.SetConnected(true)
	r.want(t, "store", "true")
	m.view.Append(book.Entry{Seq: 2, Text: "new"})
	r.want(t, "entry", `"text":"new"`)
	next := m.now
	next.Title = "Another"
	m.tell(next)
	r.want(t, "config", `"title":"Another"`)
	m.view.Rebase("first")
	m.view.Rebase("second")
	r.want(t, "reset", "")
	m.view.Append(book.Entry{Seq: 1, Text: "first of the second"})
	r.want(t, "entry", "first of the second")
}

func TestEventsResume(t *testing.T) {
	m, url := site(t)
	for seq := uint64(1); seq <= 3; seq++ {
		m.view.Append(book.Entry{Seq: seq})
	}
	r := open(t, url+"/events?after=0", "Last-Event-ID", "2")
	r.want(t, "config", "")
	r.want(t, "store", "")
	r.want(t, "entry", `"seq":3`)
}
