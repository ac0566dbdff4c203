package cli_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

// pretend answers as a supervisor would that has what ours cannot be brought to have.
func (w *world) pretend(answers map[string]string) {
	w.t.Helper()
	l, err := net.Listen("unix", filepath.Join(w.dir, ".pebble.socket"))
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		text, ok := answers[r.URL.Path]
		if !ok {
			rw.WriteHeader(http.StatusNotFound)
			text = `{"type":"error","status-code":404,"result":{"message":"no such thing"}}`
		}
		fmt.Fprint(rw, text)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	w.t.Cleanup(func() { _ = server.Close(); <-done })
}

func TestSizesAndTimesOfALongListing(t *testing.T) {
	w := newWorld(t)
	noon := func(days int) string {
		y, m, d := time.Now().UTC().Date()
		return time.Date(y, m, d+days, 12, 30, 0, 0, time.UTC).Format(time.RFC3339)
	}
	rows := []struct {
		size  int64
		days  int
		shown string
	}{
		{0, 0, "    0B  today at 12:30 UTC"},
		{5000, -1, " 5000B  yesterday at 12:30 UTC"},
		{5001, -2, "5.00kB  2 days ago, at 12:30 UTC"},
		{99499, -60, "99.5kB  60 days ago, at 12:30 UTC"},
		{99999, 1, " 100kB  tomorrow at 12:30 UTC"},
		{999500, 3, "1.00MB  in 3 days, at 12:30 UTC"},
		{1234567, 60, "1.23MB  in 60 days, at 12:30 UTC"},
		{1234567890123, -61, "1.23TB  " + noon(-61)[:10]},
	}
	type m = map[string]any
	var files []m
	for i, r := range rows {
		files = append(files, m{"path": "/x", "name": fmt.Sprint("f", i), "type": "file", "permissions": "640", "size": r.size, "last-modified": noon(r.days), "user-id": 7, "group": "g"})
	}
	for _, kind := range []string{"directory", "symlink", "socket", "named-pipe", "device", "novelty"} {
		files = append(files, m{"path": "/x", "name": kind, "type": kind, "permissions": "755", "last-modified": noon(0)})
	}
	b, err := json.Marshal(m{"type": "sync", "status-code": 200, "result": files})
	if err != nil {
		t.Fatal(err)
	}
	w.pretend(map[string]string{"/v1/files": string(b)})
	_, text := w.run("ls", "-l", "/x")
	lines := strings.Split(text, "\n")
	for i, r := range rows {
		want := strings.Join(strings.Fields("-rw-r----- 7 g "+r.shown+fmt.Sprint(" f", i)), " ")
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for i, letter := range "dLSpD?" {
		if got := strings.Join(strings.Fields(lines[len(rows)+i]), " "); !strings.HasPrefix(got, string(letter)+"rwxr-xr-x - - - today") {
			t.Errorf("%q, want type %c", got, letter)
		}
	}
}

func TestWarnings(t *testing.T) {
	w := newWorld(t)
	at := time.Now().UTC().Format(time.RFC3339Nano)
	notice := `{"id":"1","user-id":null,"type":"warning","key":"the disk is full","first-occurred":"` + at + `","last-occurred":"` + at +
		`","last-repeated":"` + at + `","occurrences":1,"repeat-after":"24h0m0s","expire-after":"672h0m0s"}`
	w.pretend(map[string]string{
		"/v1/services": `{"type":"sync","status-code":200,"result":[],"latest-warning":"` + at + `"}`,
		"/v1/notices":  `{"type":"sync","status-code":200,"result":[` + notice + `],"latest-warning":"` + at + `"}`,
	})
	const hint = "There are new warnings, see 'pebble warnings'.\n"
	if _, text := w.run("services"); text != "Plan has no services.\n"+hint {
		t.Errorf("%q", text)
	}
	if code, text := w.run("okay", "--warnings"); code != 1 {
		t.Errorf("unread warnings can be taken as read: %q", text)
	}
	_, text := w.run("warnings", "--verbose")
	for _, want := range []string{"last-occurrence:  today at", "repeat-after:     24h0m0s", "warning: |\n  the disk is full\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	if code, text := w.run("okay", "--warnings"); code != 0 {
		t.Errorf("%q", text)
	}
	if _, text := w.run("services"); strings.Contains(text, hint) {
		t.Errorf("the hint comes again: %q", text)
	}
	if _, text := w.run("warnings", "--format", "json"); !strings.Contains(text, `{"warnings":[{"message":"the disk is full"`) {
		t.Errorf("%q", text)
	}
}

func TestOverTCP(t *testing.T) {
	w := newWorld(t)
	w.supervise("--http", "127.0.0.1:0")
	c, err := client.New(client.Config{Socket: filepath.Join(w.dir, ".pebble.socket")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := c.SystemInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "PEBBLE_BASEURL=http://"+info.HTTPAddress)
	if code, text := w.run("health"); code != 0 || text != "healthy\n" {
		t.Errorf("%d %q", code, text)
	}
	if code, text := w.run("services"); code != 1 || text != "error: access denied\n" {
		t.Errorf("%d %q", code, text)
	}
}

func TestReadsAreTriedAgain(t *testing.T) {
	t.Run("where there is no socket yet", func(t *testing.T) { newWorld(t).triedAgain() })
	t.Run("where one was left", func(t *testing.T) {
		w := newWorld(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(w.dir, ".pebble.socket"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		w.triedAgain()
	})
}

// triedAgain reads first and starts the supervisor then.
func (w *world) triedAgain() {
	w.t.Helper()
	cmd := w.program("plan")
	var out screenOf
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		w.t.Errorf("it has not waited: %s", out.String())
		return
	case <-time.After(100 * time.Millisecond): // time enough to give up
	}
	w.supervise()
	if code := exitCode(w.t, <-ended); code != 0 || out.String() != "{}\n" {
		w.t.Errorf("%d %q", code, out.String())
	}
}
