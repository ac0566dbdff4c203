package dispatch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// The directories beside a unit's charm while it is exchanged.
const (
	stagedDir = "charm.next" // the new charm, whole before anything of the old one is touched
	asideDir  = "charm.old"  // what the new charm replaces, until it is in place
)

// swap exchanges the files of a unit's charm. Only names are moved, so that what can fail (a full disk, a broken package)
// has failed before. It may be cut off after any step: forward goes on where it was, and back undoes what is there.
type swap struct {
	dir      string
	had      manifest
	next     manifest
	old, new map[string]struct{}
	rename   func(from, to string) error
}

func newSwap(dir string, m manifest, rename func(from, to string) error) *swap {
	s := &swap{dir: dir, had: manifest{Digest: m.Digest, Files: m.Files}, next: *m.Next, old: map[string]struct{}{}, new: map[string]struct{}{}, rename: rename}
	for _, name := range s.had.Files {
		s.old[name] = struct{}{}
	}
	for _, name := range s.next.Files {
		s.new[name] = struct{}{}
	}
	return s
}

func (s *swap) staged(name string) string { return filepath.Join(s.dir, stagedDir, name) }
func (s *swap) target(name string) string { return filepath.Join(s.dir, "charm", name) }
func (s *swap) aside(name string) string  { return filepath.Join(s.dir, asideDir, name) }

// run puts the new charm in place, or the old one back; the answer is which one it was.
func (s *swap) run() (manifest, error) {
	err := s.forward()
	if err == nil {
		crash.At("dispatch.charm-placed")
		return s.next, s.end(s.next)
	}
	if undo := s.back(); undo != nil {
		return s.had, fmt.Errorf("%w; and the charm before cannot be put back: %w", err, undo)
	}
	return s.had, errors.Join(err, s.end(s.had))
}

// end notes which charm is there and drops what is not needed any more.
func (s *swap) end(m manifest) error {
	if err := writeManifest(s.dir, m); err != nil {
		return err
	}
	return clear(s.dir)
}

// clear removes what an exchange leaves beside the charm, last what tells that there is something.
func clear(dir string) error {
	return errors.Join(os.RemoveAll(filepath.Join(dir, asideDir)), os.RemoveAll(filepath.Join(dir, stagedDir)))
}

// settle ends an exchange that was cut off once the new charm was noted. What fails is tried again the next time.
func settle(dir string) {
	if kind, err := kindOf(filepath.Join(dir, stagedDir)); err == nil && kind != absent {
		_ = clear(dir)
	}
}

// forward takes away what only the old charm has, deepest first, and then moves in the new, from the top.
func (s *swap) forward() error {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.old))) {
		if _, stays := s.new[name]; stays {
			continue
		}
		if err := s.leave(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.new)) {
		crash.At("dispatch.charm-moving")
		if err := s.enter(name); err != nil {
			return err
		}
	}
	return nil
}

// leave sets one path of the old charm aside. A directory with files of the unit's own stays.
func (s *swap) leave(name string) error {
	switch kind, err := kindOf(s.target(name)); {
	case err != nil || kind == absent:
		return err
	case kind == directory:
		if err := os.MkdirAll(s.aside(name), 0o755); err != nil {
			return err
		}
		_ = os.Remove(s.target(name)) // what is in it is the unit's own
		return nil
	}
	return s.move(s.target(name), s.aside(name))
}

// enter puts one path of the new charm in place.
func (s *swap) enter(name string) error {
	is, err := kindOf(s.staged(name))
	if err != nil || is == absent {
		return err // it was moved before the agent was killed
	}
	was, err := kindOf(s.target(name))
	if err != nil {
		return err
	}
	if was != absent && (was == directory) != (is == directory) {
		if err := s.yield(name, was); err != nil {
			return err
		}
		was = absent
	}
	if is == directory {
		return s.directory(name)
	}
	if was != absent {
		// A link first: who opens the file finds the old one or the new one, never none.
		if err := s.link(name); err != nil {
			return err
		}
	}
	return s.rename(s.staged(name), s.target(name))
}

// yield clears a path that becomes a directory, or ceases to be one. What is the unit's own is not the charm's to move.
func (s *swap) yield(name string, was kind) error {
	_, ours := s.old[name]
	switch {
	case was == directory && os.Remove(s.target(name)) == nil:
		return os.MkdirAll(s.aside(name), 0o755)
	case was == directory:
		return errs.E(errs.Conflict, "the charm has a file %s, where a directory with other files is; move them away", name)
	case !ours:
		return errs.E(errs.Conflict, "the charm has a directory %s, where a file is that is not the charm's; move it away", name)
	}
	return s.move(s.target(name), s.aside(name))
}

func (s *swap) directory(name string) error {
	info, err := os.Lstat(s.staged(name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.target(name), 0o700); err != nil {
		return err
	}
	return os.Chmod(s.target(name), info.Mode().Perm()|0o700)
}

// link keeps the old file under its name in the directory aside.
func (s *swap) link(name string) error {
	if kind, err := kindOf(s.aside(name)); err != nil || kind != absent {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.aside(name)), 0o755); err != nil {
		return err
	}
	if os.Link(s.target(name), s.aside(name)) == nil {
		return nil
	}
	return s.rename(s.target(name), s.aside(name)) // a file system without links
}

// move renames, making the directories above.
func (s *swap) move(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return s.rename(from, to)
}

// back is forward undone: what was moved in goes out, what was set aside comes in again.
func (s *swap) back() error {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.new))) {
		if err := s.exit(name); err != nil {
			return err
		}
	}
	return s.restore()
}

// exit takes one path of the new charm out again.
func (s *swap) exit(name string) error {
	is, err := kindOf(s.staged(name))
	switch {
	case err != nil:
		return err
	case is == absent:
		if kind, err := kindOf(s.target(name)); err != nil || kind == absent {
			return err
		}
		return s.rename(s.target(name), s.staged(name))
	case is == directory:
		return s.exitDirectory(name)
	}
	return nil
}

// exitDirectory removes a directory that only the new charm has, unless something of the unit's own is in it.
func (s *swap) exitDirectory(name string) error {
	is, err := kindOf(s.target(name))
	if err != nil || is != directory {
		return err // it never came in
	}
	_, ours := s.old[name]
	if was, err := kindOf(s.aside(name)); err != nil || ours && was != other {
		return err
	}
	_ = os.Remove(s.target(name)) // only if nothing is in it
	return nil
}

// restore moves everything aside to where it was.
func (s *swap) restore() error {
	root := filepath.Join(s.dir, asideDir)
	if kind, err := kindOf(root); err != nil || kind == absent {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(s.target(name), 0o755)
		}
		return s.rename(path, s.target(name))
	})
}

// kind is what lies at a path.
type kind int

const (
	absent kind = iota
	directory
	other
)

func kindOf(path string) (kind, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err != nil && errors.Is(err, syscall.ENOTDIR):
		return absent, nil
	case err != nil:
		return absent, err
	case info.IsDir():
		return directory, nil
	}
	return other, nil
}
