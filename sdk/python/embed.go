// Package python carries the Python package `ops`, so that a runtime can lay it where a charm that brings none imports it.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// files are named one by one: a directory would take along what interpreters leave in it.
//
//go:embed ops/*.py ops/py.typed ops/hookcmds/*.py ops/pebble/*.py ops/testing/*.py
var files embed.FS

// Files is the package, below `ops`.
func Files() fs.FS { return files }

var version = regexp.MustCompile(`(?m)^version: str = '([^']+)'$`)

// Version is the version of the API that the package speaks, as "3.9.0".
func Version() string {
	text, err := files.ReadFile("ops/version.py")
	if m := version.FindSubmatch(text); err == nil && m != nil {
		return string(m[1])
	}
	return "unknown"
}

// Sum tells one content of the package from another: 12 hex digits.
func Sum() (string, error) {
	h := sha256.New()
	err := each(func(path string, text []byte) error {
		_, err := fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:12], err
}

func each(do func(path string, text []byte) error) error {
	return fs.WalkDir(files, "ops", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return do(path, text)
	})
}

// Unpack lays the package into a directory of its own below dir and returns it: what an import path takes. One that is
// there already is left as it is. It is complete or not there, whoever is interrupted and however many do it at once.
func Unpack(dir string) (string, error) {
	sum, err := Sum()
	if err != nil {
		return "", fmt.Errorf("cannot unpack the Python library: %w", err)
	}
	place := filepath.Join(dir, "python-"+sum)
	if _, err := os.Stat(place); err == nil {
		return place, nil
	}
	temp, err := os.MkdirTemp(dir, ".python-")
	if err != nil {
		return "", fmt.Errorf("cannot unpack the Python library: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := errors.Join(os.Chmod(temp, 0o755), each(func(path string, text []byte) error { //nolint:gosec // any user's charm reads it
		path = filepath.Join(temp, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // any user's charm reads it
			return err
		}
		return os.WriteFile(path, text, 0o644) //nolint:gosec // any user's charm reads it
	})); err != nil {
		return "", fmt.Errorf("cannot unpack the Python library: %w", err)
	}
	if err := os.Rename(temp, place); err != nil {
		if _, there := os.Stat(place); there == nil {
			return place, nil
		}
		return "", fmt.Errorf("cannot unpack the Python library: %w", err)
	}
	return place, nil
}
