// Package image makes a directory tree of what a container's root file system
// was given as: a directory, a tar of one, an OCI layout, or a tar of that.
// There is no registry client and no container engine in it.
package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Kind is what a path holds.
type Kind string

// The kinds of roots.
const (
	Directory Kind = "directory"
	Layout    Kind = "OCI layout"
	Tar       Kind = "tar" // of a directory or of an OCI layout
)

// Look says what lies at a path; the error says what may.
func Look(path string) (Kind, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is not an absolute path", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot use %s: %w", path, err)
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "oci-layout")); err == nil {
			return Layout, nil
		}
		return Directory, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot use %s: %w", path, err)
	}
	defer f.Close()
	plain, err := inflate(f)
	if err == nil {
		_, err = tar.NewReader(plain).Next()
	}
	if err != nil {
		return "", fmt.Errorf("cannot use %s: neither a directory, an OCI layout nor a tar (gzip or plain): %w", path, err)
	}
	return Tar, nil
}

// Unpack returns a directory below cache with the content of path, made at the
// first call with this content. Callers must not write into it. A directory is
// returned as it is.
func Unpack(ctx context.Context, path, cache string) (string, error) {
	kind, err := Look(path)
	if err != nil {
		return "", err
	}
	switch kind {
	case Directory:
		return path, nil
	case Layout:
		return unpackLayout(ctx, path, cache)
	}
	sum, err := fileSum(ctx, path)
	if err != nil {
		return "", err
	}
	tree, err := once(cache, sum, func(dir *os.Root) error { return extractFile(ctx, path, dir, false) })
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(tree, "oci-layout")); err == nil {
		return unpackLayout(ctx, tree, cache)
	}
	return tree, nil
}

// once fills cache/name unless it is there; half of one is never seen.
func once(cache, name string, fill func(*os.Root) error) (string, error) {
	final := filepath.Join(cache, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("cannot unpack: %w", err)
	}
	temp, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", fmt.Errorf("cannot unpack: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return "", fmt.Errorf("cannot unpack: %w", err)
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		return "", fmt.Errorf("cannot unpack: %w", err)
	}
	defer root.Close()
	if err := fill(root); err != nil {
		return "", err
	}
	if err := os.Rename(temp, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("cannot unpack: %w", err)
	}
	return final, nil
}

func fileSum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read image: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &until{ctx, f}); err != nil {
		return "", fmt.Errorf("cannot read image %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// until reads as long as ctx lives.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// inflate takes gzip off, if it is on.
func inflate(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) > 1 && magic[0] == 0x1f && magic[1] == 0x8b:
		return gzip.NewReader(b)
	case string(magic) == "\x28\xb5\x2f\xfd":
		return nil, errors.New("zstd compression is not supported: compress with gzip")
	}
	return b, nil
}
