package forward_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/forward"
	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t *testing.T, text string) *plan.Plan {
	t.Helper()
	l, err := plan.Parse(0, "test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Combine(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func planFor(t *testing.T, kind, location, services string) *plan.Plan {
	t.Helper()
	return parse(t, fmt.Sprintf(`services:
  a: {override: replace, command: x, environment: {WHO: "me"}}
  b: {override: replace, command: x}
log-targets:
  t: {override: replace, type: %s, location: %q, services: [%s], labels: {owner: "$WHO", other: "<${NONE}>"}}
`, kind, location, services))
}

func begin(t *testing.T, p *plan.Plan) (*logs.Store, *forward.Forwarder) {
	t.Helper()
	store := logs.New()
	f := forward.New(forward.Config{Logs: store, Log: slog.New(slog.DiscardHandler), Version: "v9"})
	f.Apply(p)
	return store, f
}

func write(s *logs.Store, service, text string) { _, _ = s.Ring(service).Write([]byte(text)) }

type post struct {
	path, kind, agent string
	body              []byte
}

// target answers with the given statuses in turn, then with 204.
func target(t *testing.T, statuses ...int) (string, chan post) {
	t.Helper()
	posts := make(chan post, 1000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- post{r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("User-Agent"), body}
		status := http.StatusNoContent
		if len(statuses) > 0 {
			status, statuses = statuses[0], statuses[1:]
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, posts
}

func TestLoki(t *testing.T) {
	url, posts := target(t)
	store, f := begin(t, planFor(t, "loki", url+"/push", "all"))
	write(store, "b", "from b\n")
	write(store, "a", "one\ntwo\n")
	write(store, "unplanned", "never\n")
	f.Close() // sends at once
	p := <-posts
	if p.path != "/push" || p.kind != "application/json; charset=utf-8" || p.agent != "pebble/v9" {
		t.Errorf("%+v", p)
	}
	var got struct {
		Streams []struct {
			Stream map[string]string
			Values [][2]string
		}
	}
	if err := json.Unmarshal(p.body, &got); err != nil || len(got.Streams) != 2 {
		t.Fatalf("%s %v", p.body, err)
	}
	a, b := got.Streams[0], got.Streams[1]
	if a.Stream["pebble_service"] != "a" || a.Stream["owner"] != "me" || a.Stream["other"] != "<>" || b.Stream["owner"] != "" {
		t.Errorf("labels %v %v", a.Stream, b.Stream)
	}
	if len(a.Values) != 2 || a.Values[1][1] != "two" || b.Values[0][1] != "from b" {
		t.Errorf("%v %v", a.Values, b.Values)
	}
	if n, err := strconv.ParseInt(a.Values[0][0], 10, 64); err != nil || time.Since(time.Unix(0, n)) > time.Minute {
		t.Errorf("time %q", a.Values[0][0])
	}
}

func TestOpenTelemetry(t *testing.T) {
	url, posts := target(t)
	store, f := begin(t, planFor(t, "opentelemetry", url, "all, -b"))
	write(store, "b", "from b\n")
	write(store, "a", "one\n")
	f.Close()
	p := <-posts
	text := string(p.body)
	head := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}},{"key":"other","value":{"stringValue":"\u003c\u003e"}},` +
		`{"key":"owner","value":{"stringValue":"me"}}]},"scopeLogs":[{"scope":{"name":"pebble"},"logRecords":[{"timeUnixNano":"`
	if p.path != "/v1/logs" || !strings.HasPrefix(text, head) || !strings.HasSuffix(text, `","body":{"stringValue":"one"}}]}]}]}`) || strings.Contains(text, "from b") {
		t.Errorf("%s\n%s", p.path, text)
	}
}

func TestSelection(t *testing.T) {
	for list, want := range map[string]bool{
		"": false, "a": true, "b": false, "all": true, "all, -a": false, "-a, all": true, "a, -all": false, "-all, a": true, "-b": false,
	} {
		p := planFor(t, "loki", "http://localhost", list)
		if got := forward.Selected(p.LogTargets["t"], "a"); got != want {
			t.Errorf("[%s] selects a: %v, want %v", list, got, want)
		}
	}
}

func TestRetries(t *testing.T) {
	url, posts := target(t, 503, 429, 400)
	store, f := begin(t, planFor(t, "loki", url, "a"))
	write(store, "a", "first\n")
	for range 3 { // 503 and 429 are tried again, 400 is not
		if p := <-posts; !strings.Contains(string(p.body), "first") {
			t.Errorf("%s", p.body)
		}
	}
	write(store, "a", "second\n")
	if p := <-posts; !strings.Contains(string(p.body), "second") || strings.Contains(string(p.body), "first") {
		t.Errorf("%s", p.body)
	}
	f.Close()
}

func TestChangedTargets(t *testing.T) {
	old, oldPosts := target(t)
	next, nextPosts := target(t)
	store, f := begin(t, planFor(t, "loki", old, "a"))
	write(store, "a", "one\n")
	<-oldPosts
	f.Apply(planFor(t, "loki", next, "a"))
	if p := <-nextPosts; !strings.Contains(string(p.body), "one") {
		t.Errorf("a new location begins with what is kept: %s", p.body)
	}
	write(store, "b", "late\n")
	f.Apply(planFor(t, "loki", next, "all"))
	if p := <-nextPosts; !strings.Contains(string(p.body), "late") || strings.Contains(string(p.body), "one") {
		t.Errorf("a service added to the target brings what is kept of it alone: %s", p.body)
	}
	f.Apply(parse(t, "services: {a: {override: replace, command: x}}"))
	write(store, "a", "unseen\n")
	f.Close()
	select {
	case p := <-nextPosts:
		t.Errorf("a removed target gets %s", p.body)
	default:
	}
}

// A target that takes nothing must not keep a service from writing.
func TestADeadTargetBlocksNobody(t *testing.T) {
	stuck := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer srv.Close()
	defer close(stuck)
	store, f := begin(t, planFor(t, "loki", srv.URL, "all"))
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range 100_000 { // a hundred times the ring
		_, _ = store.Ring("a").Write(line)
	}
	f.Close()
}

func TestSyslog(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			address, read := listen(t, network)
			store, f := begin(t, planFor(t, "syslog", network+"://"+address, "all"))
			long := strings.Repeat("y", 4050)
			write(store, "a", "say \"hi\"\n"+long+"\n")
			f.Close()
			first, second := read(), read()
			if !strings.HasPrefix(first, "<13>1 2") || !strings.HasSuffix(first, ` a - - [pebble@28978 other="<>" owner="me"] say "hi"`) {
				t.Errorf("%q", first)
			}
			if whole := strings.HasSuffix(second, " "+long); whole != (network == "tcp") {
				t.Errorf("the long line ends in %q", second[len(second)-20:])
			}
			if network == "udp" && !strings.HasSuffix(second, "y...") {
				t.Errorf("the cut line ends in %q", second[len(second)-20:])
			}
		})
	}
}

// listen returns an address and a function that reads one message.
func listen(t *testing.T, network string) (string, func() string) {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.LocalAddr().String(), func() string {
			b := make([]byte, 1<<16)
			n, _, err := c.ReadFrom(b)
			if err != nil {
				t.Error(err)
			}
			return string(b[:n])
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var in *bufio.Reader
	return l.Addr().String(), func() string {
		if in == nil {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			in = bufio.NewReader(c)
		}
		length, err := in.ReadString(' ')
		n, aerr := strconv.Atoi(strings.TrimSpace(length))
		if err != nil || aerr != nil {
			t.Fatal(length, err, aerr)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			t.Error(err)
		}
		return string(b)
	}
}

func TestBadSyslogLocationIsNoEnd(t *testing.T) {
	_, f := begin(t, planFor(t, "syslog", "localhost:514", "all"))
	f.Close()
}
