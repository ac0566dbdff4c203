package blobs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/sdk/errs"
)

func open(t *testing.T, dir string, max int64) *blobs.Store {
	t.Helper()
	s, err := blobs.New(blobs.Config{Dir: dir, MaxBytes: max})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestKeepAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "charms")
	s := open(t, dir, 0)
	in, err := s.Receive(strings.NewReader("a charm"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a charm"))
	digest := hex.EncodeToString(sum[:])
	if in.Digest != digest || in.Size != 7 {
		t.Fatalf("received %s of %d bytes, want %s of 7", in.Digest, in.Size, digest)
	}
	if s.Has(digest) {
		t.Fatal("a package is visible before Keep")
	}
	if err := in.Keep(); err != nil {
		t.Fatal(err)
	}
	if err := in.Discard(); err != nil {
		t.Fatal(err)
	}
	file, size, err := s.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil || string(content) != "a charm" || size != 7 {
		t.Fatalf("read %q (%d), %v", content, size, err)
	}
	if got, err := s.List(); err != nil || len(got) != 1 || got[0] != digest {
		t.Fatalf("listed %v, %v", got, err)
	}
	if err := errors.Join(s.Remove(digest), s.Remove(digest)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(digest); !errs.Is(err, errs.NotFound) {
		t.Fatalf("open after remove: %v", err)
	}
}

func TestNothingStaysAfterAFailure(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 10)
	if _, err := s.Receive(bytes.NewReader(make([]byte, 11))); !errs.Is(err, errs.Exhausted) {
		t.Fatalf("oversized: %v", err)
	}
	broken := errors.New("line cut")
	if _, err := s.Receive(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Fatalf("broken reader: %v", err)
	}
	if got := names(t, dir); got != "" {
		t.Fatalf("left behind: %s", got)
	}
	if in, err := s.Receive(bytes.NewReader(make([]byte, 10))); err != nil {
		t.Fatalf("exactly at the limit: %v", err)
	} else if err := in.Discard(); err != nil {
		t.Fatal(err)
	}
}

func TestStartRemovesUnfinished(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	if _, err := s.Receive(strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	open(t, dir, 0)
	if got := names(t, dir); got != "" {
		t.Fatalf("left behind: %s", got)
	}
}

func TestDigestIsNoPath(t *testing.T) {
	s := open(t, t.TempDir(), 0)
	for _, bad := range []string{"", "..", "../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		if _, _, err := s.Open(bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("open %q: %v", bad, err)
		}
	}
}
