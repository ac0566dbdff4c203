package supervisor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"
)

var (
	record = flag.String("record", "", "run this shell command as a client (PEBBLE is set) and write down what it asks")
	out    = flag.String("out", "", "file for -record")
)

// exchange is one request of a client and what it got: a line of a transcript.
type exchange struct {
	Method string            `json:"method"`
	Path   string            `json:"path"` // with its query; $DIR is the client's directory
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"` // "base64:…" when it is no text
	Status int               `json:"status"`
	Type   string            `json:"type,omitempty"`
	Answer string            `json:"answer,omitempty"`
	Frames []frame           `json:"frames,omitempty"`
}

// frame is one websocket message.
type frame struct {
	From string `json:"from"` // client or supervisor
	Kind string `json:"kind"` // text or binary
	Data string `json:"data"`
	At   int    `json:"at"` // its place among all frames of the transcript
}

func (f frame) end() bool { return f.Kind == "text" && strings.Contains(f.Data, `"end"`) }

const encoded = "base64:"

func toText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return encoded + base64.StdEncoding.EncodeToString(b)
}

func fromText(s string) []byte {
	if rest, ok := strings.CutPrefix(s, encoded); ok {
		if b, err := base64.StdEncoding.DecodeString(rest); err == nil {
			return b
		}
	}
	return []byte(s)
}

// kept are the headers that a supervisor may look at.
var kept = []string{"Content-Type", "Accept", "Authorization"}

// recorder stands between a client and a supervisor.
type recorder struct {
	to  string // socket of the supervisor
	dir string
	mu  sync.Mutex
	all []*exchange
	at  int
	ws  sync.WaitGroup
}

func (r *recorder) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", r.to)
}

func (r *recorder) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true, DisableCompression: true}}
}

// text is what is written down of a body or a frame.
func (r *recorder) text(b []byte) string {
	return toText(bytes.ReplaceAll(b, []byte(r.dir), []byte("$DIR")))
}

func (r *recorder) path(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, url.QueryEscape(r.dir), "$DIR"), r.dir, "$DIR")
}

func (r *recorder) begin(q *http.Request) *exchange {
	body, _ := io.ReadAll(q.Body)
	e := &exchange{Method: q.Method, Path: r.path(q.URL.RequestURI()), Body: r.text(body), Header: map[string]string{}}
	q.Body = io.NopCloser(bytes.NewReader(body))
	for _, h := range kept {
		if v := q.Header.Get(h); v != "" {
			e.Header[h] = v
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
	return e
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	e := r.begin(q)
	if q.Header.Get("Upgrade") != "" {
		r.ws.Add(1)
		defer r.ws.Done()
		r.bridge(w, q, e)
		return
	}
	req, err := http.NewRequestWithContext(q.Context(), q.Method, "http://localhost"+q.URL.RequestURI(), q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	req.Header = q.Header.Clone()
	resp, err := r.client().Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(io.MultiWriter(w, &answer), resp.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Status, e.Type, e.Answer = resp.StatusCode, resp.Header.Get("Content-Type"), r.text(answer.Bytes())
}

// bridge passes websocket messages on and writes them down.
func (r *recorder) bridge(w http.ResponseWriter, q *http.Request, e *exchange) {
	far, _, err := websocket.Dial(q.Context(), "http://localhost"+q.URL.RequestURI(), &websocket.DialOptions{HTTPClient: r.client()})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.CloseNow()
	near, err := websocket.Accept(w, q, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	defer near.CloseNow()
	e.Status = http.StatusSwitchingProtocols
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var both sync.WaitGroup
	pass := func(from, to *websocket.Conn, who string) {
		defer cancel()
		from.SetReadLimit(-1)
		for {
			kind, data, err := from.Read(ctx)
			if err != nil {
				return
			}
			f := frame{From: who, Kind: map[websocket.MessageType]string{websocket.MessageText: "text", websocket.MessageBinary: "binary"}[kind], Data: r.text(data)}
			r.mu.Lock()
			r.at++
			f.At = r.at
			e.Frames = append(e.Frames, f)
			r.mu.Unlock()
			if to.Write(ctx, kind, data) != nil {
				return
			}
		}
	}
	both.Go(func() { pass(near, far, "client") })
	both.Go(func() { pass(far, near, "supervisor") })
	both.Wait()
}

// forget drops the environment of the machine on which the transcript was made.
func (e *exchange) forget() {
	var env map[string]any
	if e.Path != "/v1/exec" || json.Unmarshal([]byte(e.Answer), &env) != nil {
		return
	}
	if result, ok := env["result"].(map[string]any); ok && result["environment"] != nil {
		result["environment"] = map[string]any{}
		b, _ := json.Marshal(env)
		e.Answer = string(b)
	}
}

// unready reports polls of changes that go on: how many there are is chance.
func (e *exchange) unready() bool {
	return e.Method == http.MethodGet && strings.HasPrefix(e.Path, "/v1/changes/") && strings.Contains(e.Answer, `"ready":false`)
}

// TestRecord is run by hand: it makes a transcript of a client that works on our supervisor.
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("no -record given")
	}
	dir := place(t)
	r := &recorder{to: supervise(t), dir: dir}
	l, err := net.Listen("unix", filepath.Join(dir, ".pebble.socket"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: readHeader}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	cmd := exec.Command("sh", "-c", *record)
	cmd.Env = append(os.Environ(), "PEBBLE="+dir, "PEBBLE_SOCKET=", "XDG_CONFIG_HOME="+dir)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	_ = server.Close()
	<-done
	r.ws.Wait()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for _, e := range r.all {
		if e.unready() {
			continue
		}
		e.forget()
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(*out, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
