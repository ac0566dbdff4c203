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

// install makes dir/charm a unit's own copy of the charm. It may be cut off at any moment and made again.
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
	both := maps.Clone(files)
	for _, name := range had.Files {
		both[name] = struct{}{}
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the unit's charm directory: %w", err)
	}
	if err := writeManifest(dir, manifest{Files: slices.Sorted(maps.Keys(both))}); err != nil {
		return "", err
	}
	crash.At("dispatch.charm-copy")
	if err := replace(target, c.Dir, had.Files, files); err != nil {
		return "", fmt.Errorf("cannot copy charm %s: %w", c.Digest, err)
	}
	return target, writeManifest(dir, manifest{Digest: c.Digest, Files: slices.Sorted(maps.Keys(files))})
}

// replace removes what the old charm had and copies what the new one has.
func replace(target, from string, old []string, files map[string]struct{}) error {
	for _, name := range old {
		if _, stays := files[name]; !stays {
			_ = os.Remove(filepath.Join(target, name)) // a directory with the unit's own files stays
		}
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || name == "." {
			return err
		}
		return copyEntry(path, filepath.Join(target, name), d)
	})
}

// copyEntry copies one directory, link or file, over what is there.
func copyEntry(from, to string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	switch {
	case d.IsDir():
		if had, err := os.Lstat(to); err == nil && !had.IsDir() {
			if err := os.Remove(to); err != nil {
				return err
			}
		}
		return os.MkdirAll(to, info.Mode().Perm()|0o700)
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(link, to)
	}
	return copyFile(from, to, info.Mode().Perm())
}

// copyFile writes beside and renames, so that a program that runs from the old file goes on.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(mode), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
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
