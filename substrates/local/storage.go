package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
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

// disown notes that a unit does not have a storage any more: what happens to
// the unit does not concern it.
func (l *layout) disown(before, now *record) error {
	for _, s := range before.Storage {
		if now.has(s.ID) {
			continue
		}
		if err := os.WriteFile(s.Location+ownerSuffix, nil, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot detach storage %s: %w", s.ID, err)
		}
	}
	return nil
}

func (r *record) has(id string) bool {
	return slices.ContainsFunc(r.Storage, func(s storage) bool { return s.ID == id })
}

// letGo is how often it is looked whether a unit has let go of a storage.
const letGo = 10 * time.Millisecond

// removeStorage removes one storage that no unit has.
func (s *Substrate) removeStorage(ctx context.Context, lay *layout, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	model, id := req.GetModelUuid(), req.GetStorage()
	if name, number, ok := strings.Cut(id, "/"); !ok || !element(name) || !element(number) || model == "" {
		return errs.E(errs.Invalid, "cannot remove storage %q of model %q: not valid names", id, model)
	}
	tick := time.NewTicker(letGo)
	defer tick.Stop()
	for holder := s.holder(model, id); holder != ""; holder = s.holder(model, id) {
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		return send(&substratev1.RemoveProgress{Object: id, State: "blocked", Blocking: "unit " + holder + " has it"})
	}
	if req.GetDestroyStorage() {
		if err := lay.destroy(lay.storageDir(model, id)); err != nil {
			return errs.With(errs.Unavailable, err)
		}
	}
	return send(&substratev1.RemoveProgress{Object: id, State: "removed"})
}

// holder is a unit that has a storage, "" if none does.
func (s *Substrate) holder(model, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keepers {
		if k.model == model && k.record().has(id) {
			return k.unit
		}
	}
	return ""
}

// destroy removes a storage's directory, then the file beside it: as long as
// that is there, the next try finds the rest.
func (l *layout) destroy(location string) error {
	for _, path := range []string{location, location + ownerSuffix} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("cannot destroy storage: %w", err)
		}
	}
	_ = os.Remove(filepath.Dir(location)) // only if it has become empty
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
		if err := l.destroy(strings.TrimSuffix(file, ownerSuffix)); err != nil {
			return err
		}
	}
	for _, d := range []string{dir, filepath.Join(l.state, "storage")} {
		_ = os.Remove(d) // only if it has become empty
	}
	return nil
}
