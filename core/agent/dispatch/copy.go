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
// stay when the charm changes. Next is the charm that is whole beside it and being put in its place.
type manifest struct {
	Digest string    `json:"digest"`
	Files  []string  `json:"files"`
	Next   *manifest `json:"next,omitempty"`
}

const manifestFile = "charm.json"

// install makes dir/charm a unit's own copy of the charm, or leaves the copy that is there as it is. It may be cut off at
// any moment and made again.
func install(dir string, c *Charm) (string, error) { return installBy(dir, c, os.Rename) }

func installBy(dir string, c *Charm, rename func(from, to string) error) (string, error) {
	target := filepath.Join(dir, "charm")
	had, err := readManifest(dir)
	if err != nil {
		return "", err
	}
	if had.Next != nil { // cut off: what is there is of both
		done, err := newSwap(dir, had, rename).run()
		if err != nil && done.Digest != c.Digest {
			return "", fmt.Errorf("cannot put charm %s in place: %w", c.Digest, err)
		}
		had = done
	}
	if had.Digest == c.Digest {
		settle(dir)
		return target, nil
	}
	files, err := stage(dir, c.Dir)
	if err != nil {
		return "", fmt.Errorf("cannot copy charm %s: %w", c.Digest, errors.Join(err, os.RemoveAll(filepath.Join(dir, stagedDir))))
	}
	crash.At("dispatch.charm-copy")
	had.Next = &manifest{Digest: c.Digest, Files: files}
	if err := writeManifest(dir, had); err != nil {
		return "", err
	}
	crash.At("dispatch.charm-noted")
	if _, err := newSwap(dir, had, rename).run(); err != nil {
		return "", fmt.Errorf("cannot put charm %s in place: %w", c.Digest, err)
	}
	return target, nil
}

// stage copies a charm whole beside the unit's and lists it.
func stage(dir, from string) ([]string, error) {
	if err := clear(dir); err != nil {
		return nil, err
	}
	files, err := list(from)
	if err != nil {
		return nil, err
	}
	to := filepath.Join(dir, stagedDir)
	for _, made := range []string{filepath.Join(dir, "charm"), to} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			return nil, err
		}
	}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || name == "." || passing(path) {
			return err
		}
		return copyEntry(path, filepath.Join(to, name), d)
	})
	return slices.Sorted(maps.Keys(files)), err
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
	return copyFile(from, to, info)
}

// copyFile copies the time of the last change too: bytecode says by it what it was compiled from.
func copyFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// passing says whether a file is one that a compiler renames when it is whole.
func passing(path string) bool {
	return filepath.Base(filepath.Dir(path)) == "__pycache__" && filepath.Ext(path) != ".pyc"
}

// list names every file and link under dir, and the directories.
func list(dir string) (map[string]struct{}, error) {
	files := map[string]struct{}{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name, err := filepath.Rel(dir, path); err == nil && name != "." && !passing(path) {
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
