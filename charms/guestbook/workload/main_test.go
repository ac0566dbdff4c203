package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"titel":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		env  map[string]string
		code int
		want string
	}{
		{"help", []string{"--help"}, nil, 0, "SIGHUP"},
		{"help of entries", []string{"entries", "--help"}, nil, 0, "oldest first"},
		{"unknown flag", []string{"--nope"}, nil, 2, "nope"},
		{"argument", []string{"serve"}, nil, 2, `"serve"`},
		{"bad accent", []string{"--accent", "#12"}, nil, 2, "accent"},
		{"bad nats by environment", nil, map[string]string{"GUESTBOOK_NATS": "h:1"}, 2, "nats[0]"},
		{"no file", []string{"--config", "/nonexistent/x"}, nil, 1, "/nonexistent/x"},
		{"bad file", []string{"--config", bad}, nil, 1, `"titel"`},
		{"entries without url", []string{"entries"}, nil, 2, "--url"},
		{"entries bad url", []string{"entries", "--url", "x"}, nil, 2, "nats://HOST:PORT"},
		{"entries nobody there", []string{"entries", "--url", "nats://127.0.0.1:1"}, nil, 1, "cannot reach NATS"},
		{"bad duration", []string{"entries"}, map[string]string{"GUESTBOOK_TIMEOUT": "soon"}, 2, "GUESTBOOK_TIMEOUT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			code := run(t.Context(), command{args: tt.args, env: func(k string) string { return tt.env[k] }, stdout: &out, stderr: &errs})
			if code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if all := out.String() + errs.String(); !strings.Contains(all, tt.want) {
				t.Errorf("no %q in:\n%s", tt.want, all)
			}
		})
	}
}
