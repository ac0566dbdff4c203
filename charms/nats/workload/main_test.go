package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"help", []string{"--help"}, 0, "--store-dir DIR"},
		{"no store", nil, 2, "--store-dir"},
		{"unknown flag", []string{"--nope"}, 2, "nope"},
		{"argument", []string{"--store-dir", "x", "y"}, 2, `"y"`},
		{"bad listen", []string{"--store-dir", "x", "--listen", "here"}, 2, `--listen "here"`},
		{"bad port", []string{"--store-dir", "x", "--listen", "h:70000"}, 2, "65535"},
		{"public monitor", []string{"--store-dir", "x", "--http", "0.0.0.0:0"}, 2, "loopback"},
		{"payload", []string{"--store-dir", "x", "--max-payload", "1"}, 2, "allowed are 1024 to"},
		{"store is a file", []string{"--store-dir", file, "--listen", "127.0.0.1:0"}, 1, "cannot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := run(t.Context(), tt.args, &out, &errs); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if all := out.String() + errs.String(); !strings.Contains(all, tt.want) {
				t.Errorf("no %q in:\n%s", tt.want, all)
			}
		})
	}
}

func TestServesUntilAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--listen", "127.0.0.1:0", "--store-dir", t.TempDir(), "--http", "127.0.0.1:0", "--max-payload", "4096"}, w, w)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	addr := ""
	for addr == "" && lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "ready listen="); ok {
			addr, _, _ = strings.Cut(rest, " ")
		}
	}
	if addr == "" {
		t.Fatal("no ready line")
	}
	info := greeting(t, addr)
	for _, want := range []string{`"jetstream":true`, `"max_payload":4096`} {
		if !strings.Contains(info, want) {
			t.Errorf("no %s in %s", want, info)
		}
	}
	cancel()
	go io.Copy(io.Discard, r)
	if got := <-code; got != 0 {
		t.Errorf("code %d after a clean stop, want 0", got)
	}
}

func greeting(t *testing.T, addr string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	info, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return info
}
