package daemon_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/client"
)

var long = flag.Bool("soak", false, "10 000 execs and 1 000 restarts, 64 slow followers for a million lines")

// soak chooses how often things are done.
func soak(full, usual, short int) int {
	switch {
	case *long:
		return full
	case testing.Short():
		return short
	}
	return usual
}

// usage is what must not grow.
type usage struct{ descriptors, zombies, goroutines int }

func (r *running) usage() usage {
	r.t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		r.t.Fatal(err)
	}
	u := usage{descriptors: len(fds), goroutines: runtime.NumGoroutine()}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		r.t.Fatal(err)
	}
	own := fmt.Sprint(" ", os.Getpid(), " ")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		if _, after, _ := bytes.Cut(text, []byte(") ")); bytes.HasPrefix(after, []byte("Z"+own)) {
			u.zombies++
		}
	}
	return u
}

func TestNothingGrows(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": `services:
  crash: {override: replace, command: sleep 1000, backoff-delay: 1ms, backoff-factor: 1}
`}, nil)
	execs, restarts := soak(10_000, 150, 50), soak(1_000, 20, 10)
	if c := r.change(r.Start(t.Context(), "crash")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	run := func(n int) {
		for range n {
			if err := exec(t, r, client.ExecOptions{Command: []string{"true"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(20)
	before := r.usage()
	run(execs)
	for i := range restarts {
		starts := r.starts("crash")
		r.eventually("the service can be killed", func() bool { return r.Signal(t.Context(), "SIGKILL", "crash") == nil })
		r.eventually(fmt.Sprintf("restart %d", i), func() bool { return r.starts("crash") > starts })
	}
	// Sessions and connections go a moment after their last answer.
	r.eventually("use is back where it was", func() bool {
		now := r.usage()
		return now.descriptors <= before.descriptors+8 && now.goroutines <= before.goroutines+16 && now.zombies == 0
	})
	t.Logf("%d execs, %d restarts: %+v, before %+v", execs, restarts, r.usage(), before)
}

// starts reads how often a service was started.
func (r *running) starts(service string) string {
	r.t.Helper()
	_, body := ask(r.t, socketClient(r.cfg.Socket), "GET", "http://x/v1/metrics", "", "")
	for line := range strings.Lines(body) {
		if after, ok := strings.CutPrefix(line, "pebble_service_start_count{service=\""+service+"\"} "); ok {
			return fmt.Sprintf("%9s", strings.TrimSpace(after))
		}
	}
	return ""
}

// TestSlowFollowersSlowNobody: 64 clients that ask for logs and do not read
// them must not keep a service from writing.
func TestSlowFollowersSlowNobody(t *testing.T) {
	lines := soak(1_000_000, 100_000, 20_000)
	r := start(t, map[string]string{"001-base.yaml": fmt.Sprintf(`services:
  chat: {override: replace, one-shot: true, command: "sh -c 'yes 0123456789012345678901234567890123456789 | head -n %d; echo last'"}
`, lines)}, nil)
	for range 64 {
		c, err := net.Dial("unix", r.cfg.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /v1/logs?follow=true&n=-1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 12)
		if _, err := io.ReadFull(c, first); err != nil || string(first) != "HTTP/1.1 200" {
			t.Fatalf("%q %v", first, err)
		}
	}
	if c := r.change(r.Start(t.Context(), "chat")); c.Failure() != nil {
		t.Fatal(c.Err)
	}
	r.eventually("the last line is there", func() bool {
		got := r.lines("chat")
		return len(got) > 0 && got[len(got)-1] == "last"
	})
}
