package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
)

// ownerSuffix is of the file beside a storage's directory that names the unit
// it was attached to last: storage outlives units, and who removes the application
// later must still find what was its.
const ownerSuffix = ".owner"

// own notes whose storage it is.
func (l *layout) own(r *record) error {
	for _, s := range r.Storage {
		if err := os.WriteFile(s.Location+ownerSuffix, []byte(r.Unit+"\n"), 0o600); err != nil {
			return fmt.Errorf("cannot attach storage %s: %w", s.ID, err)
		}
	}
	return nil
}

// destroyStorage removes what belonged to an application, or to one unit of it,
// attached or not.
func (l *layout) destroyStorage(model, app, unit string) error {
	dir := filepath.Dir(l.storageDir(model, "x"))
	files, err := filepath.Glob(filepath.Join(escape(dir), "*"+ownerSuffix))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cannot destroy storage: %w", err)
		}
		owner := strings.TrimSpace(string(text))
		if api.ApplicationOf(owner) != app || unit != "" && owner != unit {
			continue
		}
		// The file last: as long as it is there, the next try finds the rest.
		for _, path := range []string{strings.TrimSuffix(file, ownerSuffix), file} {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("cannot destroy storage: %w", err)
			}
		}
	}
	for _, d := range []string{dir, filepath.Join(l.state, "storage")} {
		_ = os.Remove(d) // only if it has become empty
	}
	return nil
}
