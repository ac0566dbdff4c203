package daemon_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

const layerA = "services: {a: {override: replace, command: sleep 1000}}"

func TestCopyOnce(t *testing.T) {
	source := t.TempDir()
	if err := os.Mkdir(filepath.Join(source, "layers"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(source, "layers", "001-base.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(layerA)
	r := start(t, nil, func(c *daemon.Config) {
		c.Dir, c.CopyOnce = filepath.Join(c.Dir, "own"), source
	})
	if text, err := r.Plan(t.Context()); err != nil || !strings.Contains(text, "sleep 1000") {
		t.Errorf("%q %v", text, err)
	}
	r.stop()
	write(strings.Replace(layerA, "1000", "2000", 1))
	r = launch(t, r.dir, r.cfg)
	if text, err := r.Plan(t.Context()); err != nil || !strings.Contains(text, "sleep 1000") {
		t.Errorf("it was copied twice: %q %v", text, err)
	}
}

func TestDirectories(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "a", "b")
	for _, tt := range []struct {
		name string
		cfg  daemon.Config
		says string
	}{
		{"relative", daemon.Config{Dir: "x"}, "must be absolute"},
		{"missing", daemon.Config{Dir: missing}, "--create-dirs"},
		{"missing source is ignored", daemon.Config{Dir: missing, CopyOnce: missing + "/none"}, "--create-dirs"},
	} {
		tt.cfg.Log = quiet()
		if _, err := daemon.Run(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	r := start(t, nil, func(c *daemon.Config) { c.Dir, c.CreateDirs = filepath.Join(c.Dir, "a", "b"), true })
	if info, err := os.Stat(r.cfg.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
}

func TestNothingIsKeptWhenAskedNotTo(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": layerA}, func(c *daemon.Config) { c.MemoryOnly = true })
	if _, err := r.Notify(t.Context(), "example.com/x", client.NotifyOptions{}); err != nil {
		t.Fatal(err)
	}
	r.change(r.Start(t.Context(), "a"))
	r.stop()
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "001-base.yaml" {
			return errors.New(path + " was written")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
