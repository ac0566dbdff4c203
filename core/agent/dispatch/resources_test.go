package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// depot is where resources come from.
type depot struct {
	content string
	fail    error
	fetched int
}

func (d *depot) fetch(_ context.Context, _ event.Key, _ string, w io.Writer) error {
	d.fetched++
	if _, err := io.WriteString(w, d.content); err != nil {
		return err
	}
	return d.fail
}

func record(kind, filename, content string) *controllerv1.ResourceRecord {
	s := sha256.Sum256([]byte(content))
	return &controllerv1.ResourceRecord{Name: "blob", Type: kind, Filename: filename, Digest: hex.EncodeToString(s[:])}
}

func shelfOf(t *testing.T, d *depot, rec *controllerv1.ResourceRecord) *shelf {
	app := &controllerv1.Application{Name: "web", ResourceRecords: map[string]*controllerv1.ResourceRecord{"blob": rec}}
	return &shelf{fetch: d.fetch, key: event.Key{Model: "m", Unit: "web/0"}, model: &source.Snapshot{Application: app}, dir: filepath.Join(t.TempDir(), "resources")}
}

func TestResourceIsFetchedOnceForEachContent(t *testing.T) {
	d := &depot{content: "one"}
	s := shelfOf(t, d, record("file", "blob.bin", "one"))
	want := filepath.Join(s.dir, "blob", "blob.bin")
	for range 2 {
		answer, err := s.answer(t.Context(), `{"name":"blob"}`)
		if err != nil || answer != `{"path":"`+want+`"}` || d.fetched != 1 {
			t.Fatalf("%s, %v after %d fetches", answer, err, d.fetched)
		}
	}
	d.content = "two"
	s.model.Application.ResourceRecords["blob"] = record("file", "blob.bin", "two")
	if path, err := s.get(t.Context(), "blob"); err != nil || path != want || d.fetched != 2 {
		t.Fatalf("another content: %s, %v after %d fetches", path, err, d.fetched)
	}
	if text, err := os.ReadFile(want); err != nil || string(text) != "two" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(want); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v; a charm may run what it was given", info.Mode(), err)
	}
	if err := os.Remove(want); err != nil {
		t.Fatal(err)
	}
	if _, err := s.get(t.Context(), "blob"); err != nil || d.fetched != 3 {
		t.Errorf("a file that somebody removed: %v after %d fetches", err, d.fetched)
	}
	// An agent that died between the file and its mark does not know what the file is of.
	if err := os.Remove(filepath.Join(s.dir, ".blob.sha256")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.get(t.Context(), "blob"); err != nil || d.fetched != 4 {
		t.Errorf("a file without its mark: %v after %d fetches", err, d.fetched)
	}
}

func TestResourceThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		rec   *controllerv1.ResourceRecord
		depot *depot
		want  errs.Kind
		says  string
	}{
		"nothing attached": {&controllerv1.ResourceRecord{Name: "blob"}, &depot{}, errs.NotFound, "resource#web/blob not found"},
		"another content":  {record("file", "x", "one"), &depot{content: "two"}, errs.Unavailable, "has the sum"},
		"line lost":        {record("file", "x", "one"), &depot{content: "o", fail: errors.New("line lost")}, errs.Internal, "line lost"},
		"path as a name":   {record("file", "../../x", "one"), &depot{content: "one"}, errs.Invalid, "cannot be a file's"},
	} {
		s := shelfOf(t, c.depot, c.rec)
		_, err := s.get(t.Context(), "blob")
		if err == nil || !strings.Contains(err.Error(), c.says) || c.want != errs.Internal && !errs.Is(err, c.want) {
			t.Errorf("%s: %v, want class %s and %q", name, err, c.want, c.says)
		}
		if files, _ := filepath.Glob(filepath.Join(s.dir, "*", "*")); len(files) > 0 {
			t.Errorf("%s: left %v", name, files)
		}
		if files, _ := filepath.Glob(filepath.Join(s.dir, ".fetch*")); len(files) > 0 {
			t.Errorf("%s: left %v", name, files)
		}
	}
}

// TestSealedImage: the sum is that of what lies at rest, which the agent does not see.
func TestSealedImage(t *testing.T) {
	d := &depot{content: "registrypath: web:1\npassword: x\n"}
	rec := record("oci-image", "", "what lies sealed at the controller")
	rec.Sealed = true
	s := shelfOf(t, d, rec)
	for range 2 {
		path, err := s.get(t.Context(), "blob")
		if err != nil || d.fetched != 1 {
			t.Fatalf("%v after %d fetches", err, d.fetched)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != d.content {
			t.Errorf("%q, %v", text, err)
		}
	}
}

func TestImageResourceIsAFileToo(t *testing.T) {
	d := &depot{content: "registrypath: web:1\n"}
	s := shelfOf(t, d, record("oci-image", "", d.content))
	path, err := s.get(t.Context(), "blob")
	if err != nil || filepath.Base(path) != "content.yaml" {
		t.Errorf("%s, %v", path, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; it may hold a password", info.Mode(), err)
	}
}
