package supervisor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// player replays a transcript against a supervisor.
type player struct {
	t    *testing.T
	dir  string
	http *http.Client
	// ids of changes, tasks and notices: what the transcript says, and what they are here.
	ids      map[string]string
	times    map[string]string // the same for times
	mu       sync.Mutex
	writes   sync.WaitGroup
	expected int       // sockets of the exec that goes on
	sockets  []*played // of the exec that goes on
	compare  int       // answers compared
}

// played is one websocket of a command.
type played struct {
	e    *exchange
	conn *websocket.Conn
	mu   sync.Mutex
	got  bytes.Buffer // binary data
	ends int
	over chan struct{}
}

func (p *played) bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.Len()
}

// TestTranscripts replays what unmodified clients have asked for. Answers are compared by rule: times are times, ids are
// ids that are used again later, the environment and who runs the test are free, everything else is the same.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".jsonl"), func(t *testing.T) { replay(t, name, supervise(t)) })
	}
}

func replay(t *testing.T, name, socket string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}, DisableCompression: true}
	p := &player{t: t, dir: place(t), http: &http.Client{Transport: transport}, ids: map[string]string{}, times: map[string]string{}}
	defer transport.CloseIdleConnections()
	defer p.hangUp()
	dec := json.NewDecoder(bytes.NewReader(data))
	for line := 1; ; line++ {
		e := &exchange{}
		if err := dec.Decode(e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		if e.Status == http.StatusSwitchingProtocols {
			p.connect(line, e)
			continue
		}
		p.ask(line, e)
	}
	if p.compare < 50 {
		t.Errorf("only %d answers were compared", p.compare)
	}
}

var idInPath = regexp.MustCompile(`^(/v1/(changes|tasks|notices)/)(\d+)`)

// path is the recorded path with the ids and the directory of here.
func (p *player) path(recorded string) string {
	path := idInPath.ReplaceAllStringFunc(recorded, func(s string) string {
		m := idInPath.FindStringSubmatch(s)
		if id := p.ids[m[2]+" "+m[3]]; id != "" {
			return m[1] + id
		}
		return s
	})
	path, query, _ := strings.Cut(strings.ReplaceAll(path, "$DIR", url.QueryEscape(p.dir)), "?")
	if q, err := url.ParseQuery(query); err == nil && p.times[q.Get("after")] != "" {
		q.Set("after", p.times[q.Get("after")])
		query = q.Encode()
	}
	return path + "?" + query
}

func (p *player) here(text string) []byte {
	return bytes.ReplaceAll(fromText(text), []byte("$DIR"), []byte(p.dir))
}

func (p *player) ask(line int, e *exchange) {
	if e.Path == "/v1/exec" {
		p.hangUp()
		p.expected = 2
		if strings.Contains(strings.ReplaceAll(e.Body, " ", ""), `"split-stderr":true`) {
			p.expected = 3
		}
	}
	polls := e.Method == http.MethodGet && strings.HasPrefix(e.Path, "/v1/changes/")
	deadline := time.Now().Add(20 * time.Second)
	for {
		status, kind, answer := p.send(line, e)
		if polls && bytes.Contains(answer, []byte(`"ready":false`)) && time.Now().Before(deadline) {
			continue // the transcript keeps only the last of such questions
		}
		what := fmt.Sprintf("line %d: %s %s", line, e.Method, e.Path)
		if status != e.Status {
			p.t.Errorf("%s: status %d, the transcript has %d\n%.300s", what, status, e.Status, answer)
			return
		}
		p.same(what, e, kind, answer)
		return
	}
}

func (p *player) send(line int, e *exchange) (status int, kind string, answer []byte) {
	body := p.here(e.Body)
	req, err := http.NewRequestWithContext(p.t.Context(), e.Method, "http://localhost"+p.path(e.Path), bytes.NewReader(body))
	if err != nil {
		p.t.Fatalf("line %d: %v", line, err)
	}
	for k, v := range e.Header {
		req.Header.Set(k, v)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatalf("line %d: %v", line, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("line %d: %v", line, err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer
}

// connect opens a websocket and plays the client's part of it.
func (p *player) connect(line int, e *exchange) {
	ctx := p.t.Context()
	conn, _, err := websocket.Dial(ctx, "http://localhost"+p.path(e.Path), &websocket.DialOptions{HTTPClient: p.http, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		p.t.Fatalf("line %d: %v", line, err)
	}
	conn.SetReadLimit(-1)
	w := &played{e: e, conn: conn, over: make(chan struct{})}
	p.mu.Lock()
	p.sockets = append(p.sockets, w)
	p.mu.Unlock()
	go w.read(ctx)
	p.writes.Go(func() { p.speak(ctx, w) })
}

// speak plays the client's frames of one socket once all sockets of the command are there.
func (p *player) speak(ctx context.Context, w *played) {
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for len(p.group()) < p.expected && ctx.Err() == nil && !w.ended() {
		<-again.C
	}
	for _, f := range w.e.Frames {
		if f.From == "client" {
			p.write(ctx, p.group(), w, f)
		}
	}
}

func (p *played) ended() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// group is the sockets of the command that runs.
func (p *player) group() []*played {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sockets)
}

// write sends a frame once everything has come that had come before it.
func (p *player) write(ctx context.Context, group []*played, w *played, f frame) {
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for _, other := range group {
		want := 0
		for _, g := range other.e.Frames {
			if g.From == "supervisor" && g.Kind == "binary" && g.At < f.At {
				want += len(p.here(g.Data))
			}
		}
		for other.bytes() < want && ctx.Err() == nil && !other.ended() {
			<-again.C
		}
	}
	kind := websocket.MessageBinary
	if f.Kind == "text" {
		kind = websocket.MessageText
	}
	_ = w.conn.Write(ctx, kind, p.here(f.Data))
}

func (p *played) read(ctx context.Context) {
	defer close(p.over)
	for {
		kind, data, err := p.conn.Read(ctx)
		if err != nil {
			return
		}
		p.mu.Lock()
		if kind == websocket.MessageText {
			p.ends++
		} else {
			p.got.Write(data)
		}
		done := kind == websocket.MessageText
		p.mu.Unlock()
		if done {
			return
		}
	}
}

// hangUp ends the command of the moment and compares what it has printed.
func (p *player) hangUp() {
	for _, w := range p.group() {
		var want []byte
		ends := 0
		for _, f := range w.e.Frames {
			switch {
			case f.From != "supervisor":
			case f.Kind == "binary":
				want = append(want, p.here(f.Data)...)
			case f.end():
				ends = 1
			}
		}
		if ends > 0 {
			<-w.over
		}
		_ = w.conn.CloseNow()
		<-w.over
		if !bytes.Equal(w.got.Bytes(), want) || w.ends != ends {
			p.t.Errorf("%s: printed %q and ended %d times, the transcript has %q and %d", w.e.Path, w.got.Bytes(), w.ends, want, ends)
		}
	}
	p.writes.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets = nil
}

// same compares an answer with the recorded one.
func (p *player) same(what string, e *exchange, kind string, answer []byte) {
	p.compare++
	a, pa, _ := mime.ParseMediaType(e.Type)
	b, pb, _ := mime.ParseMediaType(kind)
	if a != b {
		p.t.Errorf("%s: Content-Type %q, the transcript has %q", what, kind, e.Type)
		return
	}
	var want, got any
	switch a {
	case "application/json":
		if err := json.Unmarshal([]byte(e.Answer), &want); err != nil {
			p.t.Fatalf("%s: the transcript is broken: %v", what, err)
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			p.t.Errorf("%s: %v", what, err)
			return
		}
	case "multipart/form-data":
		want = strings.ReplaceAll(string(p.here(e.Answer)), pa["boundary"], "BOUNDARY")
		got = strings.ReplaceAll(string(answer), pb["boundary"], "BOUNDARY")
	default:
		want, got = e.Answer, string(answer)
	}
	for _, d := range p.differ("", p.family(e.Path), want, got) {
		p.t.Errorf("%s: %s", what, d)
	}
}

// family is whose ids an answer tells.
func (p *player) family(path string) string {
	if strings.HasPrefix(path, "/v1/notices") {
		return "notices"
	}
	return "changes"
}

var (
	timeInText = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	decimal    = regexp.MustCompile(`^\d+$`)
)

// free are the fields that may differ.
var free = []string{"boot-id", "version", "environment", "user-id", "group-id", "user", "group", "successes", "failures"}

// differ walks two values and names what differs by rule. It remembers ids.
func (p *player) differ(at, family string, want, got any) []string {
	key := at[strings.LastIndex(at, ".")+1:]
	if slices.Contains(free, key) && (want == nil) == (got == nil) {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(w)), slices.Sorted(maps.Keys(g))) {
			return []string{fmt.Sprintf("%s: %v, the transcript has %v", at, got, want)}
		}
		var out []string
		for k := range w {
			out = append(out, p.differ(at+"."+k, family, w[k], g[k])...)
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return []string{fmt.Sprintf("%s: %v, the transcript has %v", at, got, want)}
		}
		if key == "tasks" {
			family = "tasks"
		}
		var out []string
		for i := range w {
			out = append(out, p.differ(at, family, w[i], g[i])...)
		}
		return out
	case string:
		g, _ := got.(string)
		return p.differText(at, key, family, w, g)
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s: %v, the transcript has %v", at, got, want)}
	}
	return nil
}

func (p *player) differText(at, key, family, want, got string) []string {
	of := map[string]string{"change": "changes", "change-id": "changes", "prev-change-id": "changes", "task-id": "tasks", "id": family}[key]
	if of != "" && decimal.MatchString(want) && decimal.MatchString(got) {
		p.ids[of+" "+want] = got
		return nil
	}
	if timeInText.FindString(want) == want {
		p.times[want] = got
	}
	plain := func(s string) string {
		return timeInText.ReplaceAllString(strings.ReplaceAll(s, p.dir, "$DIR"), "TIME")
	}
	if plain(want) != plain(got) {
		return []string{fmt.Sprintf("%s: %q, the transcript has %q", at, got, want)}
	}
	return nil
}

// TestRulesOfComparison shows what the replay takes for the same and what not.
func TestRulesOfComparison(t *testing.T) {
	for _, tc := range []struct {
		want, got string
		same      bool
	}{
		{`{"id":"1","at":"2026-01-02T03:04:05Z"}`, `{"id":"7","at":"2027-01-02T03:04:05.678Z"}`, true},
		{`{"environment":{"A":"b"},"user-id":0}`, `{"environment":{},"user-id":1000}`, true},
		{`{"path":"$DIR/x"}`, `{"path":"/here/x"}`, true},
		{`{"id":"1"}`, `{"id":"x"}`, false},
		{`{"at":"2026-01-02T03:04:05Z"}`, `{"at":"now"}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1,"b":2}`, `{"a":1}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`{"user":"root"}`, `{"user":null}`, false},
	} {
		var want, got any
		if err := errors.Join(json.Unmarshal([]byte(tc.want), &want), json.Unmarshal([]byte(tc.got), &got)); err != nil {
			t.Fatal(err)
		}
		p := &player{t: t, dir: "/here", ids: map[string]string{}, times: map[string]string{}}
		if d := p.differ("", "changes", want, got); (len(d) == 0) != tc.same {
			t.Errorf("%s and %s: %v", tc.want, tc.got, d)
		}
	}
}
