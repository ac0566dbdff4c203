package dispatch

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/event"
)

// InstallBy is how a unit gets its copy of a charm, with a rename that may fail.
func InstallBy(dir string, c *Charm, rename func(from, to string) error) (string, error) {
	return installBy(dir, c, rename)
}

// With is the dispatcher's configuration with packages from one file, kept in dir.
func (d *Dispatcher) With(dir, file string) Config {
	cfg := d.cfg
	cfg.Charms = NewCharms(dir, func(_ context.Context, _, _ string, w io.Writer) error {
		data, err := os.ReadFile(file)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	return cfg
}

// CharmDir is a unit's copy of its charm.
func (d *Dispatcher) CharmDir(k event.Key) string { return filepath.Join(d.cfg.UnitDir(k), "charm") }
