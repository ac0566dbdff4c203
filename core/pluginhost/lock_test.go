package pluginhost_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// script is a file that looks like a plugin and is none.
func script(t *testing.T, dir, name, content string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+content+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func refused(t *testing.T, c pluginhost.Catalog, file string, texts ...string) {
	t.Helper()
	_, err := c.Check(file)
	if !errs.Is(err, errs.Denied) {
		t.Fatalf("error = %v, want denied", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q:\n%v", text, err)
		}
	}
}

func TestOnlyTrustedFilesRun(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "plugins")
	file := script(t, dir, "runtime-x", "exit 1")
	c := pluginhost.Catalog{Dirs: []string{dir}, Home: home}
	refused(t, c, file, "not trusted", "bangle plugins trust "+file, filepath.Join(home, "plugins.lock"))

	entry, err := pluginhost.Trust(t.Context(), home, file)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := c.Check(file); err != nil || sum != entry.SHA256 {
		t.Fatalf("a trusted file is refused: %v", err)
	}
	script(t, dir, "runtime-x", "exit 2")
	sum, _ := c.Check(file)
	refused(t, c, file, "was changed", entry.SHA256, sum, "bangle plugins trust "+file)
	if _, err := pluginhost.Trust(t.Context(), home, file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(file); err != nil {
		t.Errorf("trusted again and refused: %v", err)
	}
	if lock, err := pluginhost.ReadLock(filepath.Join(home, "plugins.lock")); err != nil || len(lock.Plugins) != 1 {
		t.Errorf("lock = %v, %v, want one entry", lock, err)
	}
}

func TestTrustedFileOutsideEveryDirectoryIsFound(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	file := script(t, elsewhere, "substrate-theirs", "exit 1")
	if _, err := pluginhost.Trust(t.Context(), home, file); err != nil {
		t.Fatal(err)
	}
	if got, err := (pluginhost.Catalog{Home: home}).Find("substrate", "theirs"); got != file || err != nil {
		t.Errorf("found %q, %v, want %q", got, err, file)
	}
}

func TestLockBesideTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	file := script(t, dir, "unit-x", "exit 1")
	script(t, dir, "README", "")
	if err := pluginhost.WriteLock(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := (pluginhost.Catalog{}).Check(file); err != nil {
		t.Error(err)
	}
	if lock, err := pluginhost.ReadLock(dir + ".lock"); err != nil || len(lock.Plugins) != 1 || lock.Plugins[0].File != "unit-x" {
		t.Errorf("lock = %v, %v", lock, err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	refused(t, pluginhost.Catalog{}, file, dir, "0777", "chmod go-w "+dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o757); err != nil {
		t.Fatal(err)
	}
	refused(t, pluginhost.Catalog{}, file, "chmod go-w "+file)
}

func TestLocksAreStrict(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for name, content := range map[string]string{
		"unknown key":   `{"plugins":[{"kind":"unit","name":"x","file":"unit-x","sha256":"` + sum + `","trust":true}]}`,
		"short sum":     `{"plugins":[{"kind":"unit","name":"x","file":"unit-x","sha256":"aa"}]}`,
		"other kind":    `{"plugins":[{"kind":"runtime","name":"x","file":"unit-x","sha256":"` + sum + `"}]}`,
		"two documents": `{"plugins":[]}{"plugins":[]}`,
		"no JSON":       `plugins: []`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plugins.lock")
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := pluginhost.ReadLock(file); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), file) {
				t.Errorf("error = %v, want invalid with the file's name", err)
			}
		})
	}
}

func TestNamesOfPlugins(t *testing.T) {
	for name, want := range map[string]bool{
		"runtime-python": true, "substrate-my-cloud": true, "unit-k8s2": true,
		"runtime-": false, "runtime": false, "theme-dark": false, "runtime-../x": false, "unit-X": false, "-x": false,
	} {
		if _, ok := pluginhost.ParseID(name); ok != want {
			t.Errorf("ParseID(%q) = %v, want %v", name, ok, want)
		}
	}
}

func TestFirstDirectoryWins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	want := script(t, first, "unit-x", "exit 1")
	script(t, second, "unit-x", "exit 2")
	if got, err := (pluginhost.Catalog{Dirs: []string{first, second}}).Find("unit", "x"); got != want || err != nil {
		t.Errorf("found %q, %v, want %q", got, err, want)
	}
}
