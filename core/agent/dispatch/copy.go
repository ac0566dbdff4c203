package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/core/file"
)

// manifest says which charm a unit's copy is of, and which files are the charm's; all others are the unit's own and
// stay when the charm changes. Digest is empty while a copy is being made.
type manifest struct {
	Digest string   `json:"digest"`
	Files  []string `json:"files"`
}

const manifestFile = "charm.json"

// install makes dir/charm a unit's own copy of the charm. It may be cut off at any moment and made again. After an error,
// for want of room or because something is in the way, the copy of the charm before is as it was.
func install(dir string, c *Charm) (string, error) {
	target := filepath.Join(dir, "charm")
	had, err := readManifest(dir)
	if err != nil {
		return "", err
	}
	if had.Digest == c.Digest {
		return target, nil
	}
	files, err := list(c.Dir)
	if err != nil {
		return "", fmt.Errorf("cannot copy charm %s: %w", c.Digest, err)
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the unit's charm directory: %w", err)
	}
	s := &swap{target: target, stage: filepath.Join(dir, "charm-new"), trash: filepath.Join(dir, "charm-old")}
	defer func() { _ = errors.Join(os.RemoveAll(s.stage), os.RemoveAll(s.trash)) }() // the next one begins with it again
	if err := prepare(s, c.Dir); err != nil {
		return "", fmt.Errorf("cannot copy charm %s: %w", c.Digest, err)
	}
	both := maps.Clone(files)
	for _, name := range had.Files {
		both[name] = struct{}{}
	}
	if err := writeManifest(dir, manifest{Files: slices.Sorted(maps.Keys(both))}); err != nil {
		return "", err
	}
	crash.At("dispatch.charm-copy")
	if err := s.run(had.Files, files); err != nil {
		return "", fmt.Errorf("cannot replace the charm's files: %w", errors.Join(err, writeManifest(dir, had)))
	}
	return target, writeManifest(dir, manifest{Digest: c.Digest, Files: slices.Sorted(maps.Keys(files))})
}

// prepare copies the charm beside the unit's: what needs room is done before anything is replaced.
func prepare(s *swap, from string) error {
	if err := errors.Join(os.RemoveAll(s.stage), os.RemoveAll(s.trash)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyEntry(path, filepath.Join(s.stage, name), d)
	})
}

// copyEntry copies one directory, link or file to where nothing is.
func copyEntry(from, to string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	switch {
	case d.IsDir():
		return os.MkdirAll(to, info.Mode().Perm()|0o700)
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(link, to)
	}
	return copyFile(from, to, info.Mode().Perm())
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// list names every file and link under dir, and the directories.
func list(dir string) (map[string]struct{}, error) {
	files := map[string]struct{}{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name, err := filepath.Rel(dir, path); err == nil && name != "." {
			files[name] = struct{}{}
		}
		return nil
	})
	return files, err
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return m, fmt.Errorf("cannot read which charm the unit has: %w", err)
	}
	return m, nil
}

func writeManifest(dir string, m manifest) error {
	data, err := json.Marshal(m)
	if err == nil {
		err = file.Replace(filepath.Join(dir, manifestFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot note which charm the unit has: %w", err)
	}
	return nil
}
