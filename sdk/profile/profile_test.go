package profile_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/profile"
)

// private is a short directory of mode 0700.
func private(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestServe asks this process all that can be asked. Its socket lasts as long as it does.
func TestServe(t *testing.T) {
	dir := private(t)
	profile.Serve(dir, slog.New(slog.DiscardHandler))
	socket := profile.Socket(dir, os.Args[0], os.Getpid())
	stats, err := profile.Look(t.Context(), socket)
	if err != nil || stats.HeapBytes == 0 || stats.HeapObjects == 0 || stats.SysBytes < stats.HeapBytes || stats.Goroutines < 2 || stats.Collections == 0 {
		t.Errorf("stats: %+v, %v", stats, err)
	}
	for _, question := range []string{"heap", "goroutine", "cpu 10ms"} {
		if text, err := profile.Ask(t.Context(), socket, question); err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("%s: %.20q, %v; want a compressed profile", question, text, err)
		}
	}
	for question, want := range map[string]string{"what": "allowed are stats", "cpu 0s": "allowed are 1ms", "cpu 2h": "to 1h"} {
		if _, err := profile.Ask(t.Context(), socket, question); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", question, err, want)
		}
	}
}

// TestNobodyElse: a directory that others may enter is refused, as is one that is not there.
func TestNobodyElse(t *testing.T) {
	open := private(t)
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{open: "mode 0700", filepath.Join(open, "none"): "no such file", "": ""} {
		var log bytes.Buffer
		profile.Serve(dir, slog.New(slog.NewTextHandler(&log, nil)))
		if !strings.Contains(log.String(), want) || want == "" && log.Len() > 0 {
			t.Errorf("%q: %s, want %q", dir, &log, want)
		}
		if left, err := filepath.Glob(filepath.Join(open, "*")); err != nil || len(left) > 0 {
			t.Errorf("%q: %v, %v", dir, left, err)
		}
	}
}
