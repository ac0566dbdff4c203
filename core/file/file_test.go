package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/core/file"
)

func TestReplace(t *testing.T) {
	for name, replace := range map[string]func(string, []byte, os.FileMode) error{"process": file.Replace, "machine": file.ReplaceSynced} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := os.WriteFile(path+".new", []byte("what a crash left, and longer"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"one", "two"} {
				if err := replace(path, []byte(want), 0o600); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != want {
					t.Fatalf("read %q, %v, want %q", got, err, want)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
			}
			if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
				t.Errorf("left beside it: %v, %v", list, err)
			}
		})
	}
}

// What cannot be written leaves what was there.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := file.Replace(path, []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left beside it: %v, %v", list, err)
	}
}
