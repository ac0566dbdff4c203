package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bangle-dev/bangle/charms/gate/workload/proxy"
)

func TestUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"help", []string{"--help"}, 0, "SIGHUP"},
		{"no file named", nil, 2, "--backends"},
		{"unknown flag", []string{"--nope"}, 2, "nope"},
		{"argument", []string{"--backends", "x", "y"}, 2, `"y"`},
		{"no file", []string{"--backends", "/nonexistent/x"}, 1, "/nonexistent/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := run(t.Context(), tt.args, nil, &out, &errs); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if all := out.String() + errs.String(); !strings.Contains(all, tt.want) {
				t.Errorf("no %q in:\n%s", tt.want, all)
			}
		})
	}
}

func TestReloadsOnHangup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"title":"one"}`)
	ctx, cancel := context.WithCancel(t.Context())
	hup := make(chan os.Signal)
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--listen", "127.0.0.1:0", "--backends", path}, hup, w, w)
		w.Close()
	}()
	lines := bufio.NewReader(r)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "ready listen=") {
		t.Fatalf("first line %q, %v", first, err)
	}
	addr := strings.TrimPrefix(strings.Fields(first)[1], "listen=")
	go io.Copy(io.Discard, lines)
	write(`{"title":"two"}`)
	hup <- syscall.SIGHUP
	hup <- syscall.SIGHUP // taken only after the first was served
	if s := status(t, addr); s.Title != "two" || s.ConfigError != "" {
		t.Errorf("status %+v", s)
	}
	write(`{`)
	hup <- syscall.SIGHUP
	hup <- syscall.SIGHUP
	if s := status(t, addr); s.Title != "two" || s.ConfigError == "" {
		t.Errorf("a broken file was not reported or changed something: %+v", s)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("code %d after a clean stop, want 0", got)
	}
}

func status(t *testing.T, addr string) proxy.Status {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/_gate/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s proxy.Status
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
