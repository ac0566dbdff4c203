package charms_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/action"
	"github.com/bangle-dev/bangle/core/controller/charms"
)

// pack writes a package of files and gives its path.
func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := charm.Pack(dir, &out, charm.Limits{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "c.zip")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheRecordSaysWhatThePackageDeclares(t *testing.T) {
	common := map[string]string{
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\nprovides: {site: http}\n",
		"config.yaml":   "options:\n  port: {type: int, default: 80, description: x}\n",
		"actions.yaml":  "backup:\n  description: keeps\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
		"version":       "1.2\n",
	}
	for name, code := range map[string]map[string]string{
		"python": {"dispatch": "#!/bin/sh\n"},
		"wasm":   {"charm.wasm": "\x00asm\x01\x00\x00\x00"},
	} {
		files := map[string]string{}
		for _, m := range []map[string]string{common, code} {
			maps.Copy(files, m)
		}
		path := pack(t, files)
		whole, _, err := charm.Read(path, charm.ReadConfig{})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := charms.Record("d", 7, path, whole)
		if err != nil {
			t.Fatal(err)
		}
		if rec.GetRuntime() != name || rec.GetVersion() != "1.2" || rec.GetSize() != 7 || len(rec.GetFiles()) != 5 {
			t.Errorf("%s: record %v", name, rec)
		}
		var cache charms.Cache
		for range 2 {
			again, err := cache.Parse(rec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(whole, again, cmpopts.IgnoreUnexported(action.Action{})); diff != "" {
				t.Errorf("%s: the record says something else:\n%s", name, diff)
			}
		}
	}
}

func TestABrokenRecordIsAnError(t *testing.T) {
	path := pack(t, map[string]string{"metadata.yaml": "name: web\nsummary: s\ndescription: d\n", "dispatch": "#!/bin/sh\n"})
	whole, _, err := charm.Read(path, charm.ReadConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := charms.Record("d", 1, path, whole)
	if err != nil {
		t.Fatal(err)
	}
	rec.Files["metadata.yaml"] = []byte("name: [")
	if _, err := charms.Parse(rec); err == nil {
		t.Error("parsed")
	}
	if charms.Digest("sha256:abc") != "abc" || charms.Digest("abc") != "abc" {
		t.Error("digest forms")
	}
}
