// Package charms turns packages into the records that the store keeps of them,
// and records back into what the charm declares, so that nobody needs the
// archive to know the charm.
package charms

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxFile is the largest declaration that is read; core/charm has checked the
// package before, this bounds what goes into the store.
const maxFile = 4 << 20

// declarations are the files that say what a charm is.
func declarations() []string {
	return []string{"metadata.yaml", "charmcraft.yaml", "config.yaml", "actions.yaml", "manifest.yaml", "lxd-profile.yaml", "version", "revision"}
}

// Digest takes the scheme off a digest: the store and the files are named by
// the bare hex sum.
func Digest(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// Record makes the record of a checked package at path.
func Record(digest string, size int64, path string, ch *charm.Charm) (*controllerv1.Charm, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot read charm package: %w", err)
	}
	defer archive.Close()
	rec := &controllerv1.Charm{
		Digest: digest, Name: ch.Meta.Name, Runtime: string(ch.Runtime), Size: size, Version: ch.Version, Files: map[string][]byte{},
	}
	for _, name := range declarations() {
		f, err := archive.Open(name)
		if err != nil {
			continue // not every charm has every file
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		f.Close()
		if err != nil {
			return nil, errs.E(errs.Invalid, "cannot read %s of charm package: %w", name, err)
		}
		if len(data) > maxFile {
			return nil, errs.E(errs.Exhausted, "cannot store charm: %s has more than %d MiB", name, maxFile>>20)
		}
		rec.Files[name] = data
	}
	return rec, nil
}

// Parse reads what a charm declares from its record.
func Parse(rec *controllerv1.Charm) (*charm.Charm, error) {
	files := recordFS{}
	maps.Copy(files, rec.GetFiles())
	// The code is not in the record, and was checked when the package came; these stand for it.
	switch charm.Runtime(rec.GetRuntime()) {
	case charm.Wasm:
		files["charm.wasm"] = []byte("\x00asm\x01\x00\x00\x00")
	case charm.Python:
		files["dispatch"] = nil
	}
	ch, list := charm.ReadFS(files, charm.ReadConfig{Runtime: charm.Runtime(rec.GetRuntime())})
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("cannot read charm %s (%.12s): %w", rec.GetName(), rec.GetDigest(), err)
	}
	return ch, nil
}

// Cache keeps parsed charms: a digest never means another charm.
type Cache struct {
	mu     sync.Mutex
	parsed map[string]*charm.Charm
}

// cacheSize bounds the cache; beyond it everything is read again.
const cacheSize = 512

// Parse is [Parse], remembered. Nobody may change what it returns.
func (c *Cache) Parse(rec *controllerv1.Charm) (*charm.Charm, error) {
	id := rec.GetDigest() + " " + rec.GetRuntime()
	c.mu.Lock()
	ch := c.parsed[id]
	c.mu.Unlock()
	if ch != nil {
		return ch, nil
	}
	ch, err := Parse(rec)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil || len(c.parsed) >= cacheSize {
		c.parsed = map[string]*charm.Charm{}
	}
	c.parsed[id] = ch
	return ch, nil
}

// recordFS is a flat, read-only file system of a record's files.
type recordFS map[string][]byte

// Open implements fs.FS.
func (r recordFS) Open(name string) (fs.File, error) {
	data, ok := r[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &recordFile{Reader: bytes.NewReader(data), name: name}, nil
}

// recordFile is an open file and its own description.
type recordFile struct {
	*bytes.Reader
	name string
}

func (f *recordFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *recordFile) Close() error               { return nil }
func (f *recordFile) Name() string               { return f.name }
func (f *recordFile) Mode() fs.FileMode          { return 0o555 }
func (f *recordFile) ModTime() time.Time         { return time.Time{} }
func (f *recordFile) IsDir() bool                { return false }
func (f *recordFile) Sys() any                   { return nil }
