package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyMarker is in the directory while it is being filled, and is the end of names that are not whole yet. A start that
// finds it begins again, so whoever kills the supervisor leaves no half of a copy behind for good.
const copyMarker = ".bangle.copying"

// copyOnce fills dst from src unless there is something in it; a missing src is no error.
func copyOnce(dst, src string) error { return copySteps(dst, src, func() {}) }

// copySteps is copyOnce that calls step before and after everything that it writes.
func copySteps(dst, src string, step func()) error {
	from, err := filepath.EvalSymlinks(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = os.ReadDir(from)
	}
	if err != nil {
		return fmt.Errorf("cannot copy %q: %w", src, err)
	}
	marker := filepath.Join(dst, copyMarker)
	if entries, err := os.ReadDir(dst); err == nil && len(entries) > 0 {
		if _, err := os.Lstat(marker); err != nil {
			return nil //nolint:nilerr // without the marker the directory is somebody's
		}
	}
	c := copying{dst, from, step}
	err = c.do(func() error { return os.MkdirAll(dst, 0o777) }) //nolint:gosec // what the umask leaves
	if err == nil {
		err = c.do(func() error { return os.WriteFile(marker, nil, 0o600) })
	}
	if err == nil {
		err = filepath.WalkDir(from, c.one)
	}
	if err == nil {
		err = c.do(func() error { return os.Remove(marker) })
	}
	if err != nil {
		return fmt.Errorf("cannot copy %q into %q: %w", src, dst, err)
	}
	return nil
}

type copying struct {
	dst, src string
	step     func()
}

func (c copying) do(write func() error) error {
	c.step()
	err := write()
	c.step()
	return err
}

// one copies a directory, a link or a file; an earlier start may have done so already.
func (c copying) one(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(c.src, path)
	if err != nil || rel == "." {
		return err
	}
	to := filepath.Join(c.dst, rel)
	switch d.Type() {
	case fs.ModeDir:
		return c.do(func() error { return os.MkdirAll(to, 0o777) }) //nolint:gosec // what the umask leaves
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return c.whole(to, func(part string) error { return os.Symlink(target, part) })
	case 0:
		return c.whole(to, func(part string) error { return c.file(part, path) })
	}
	return fmt.Errorf("%s is no file, directory or symbolic link", path)
}

// whole makes something under another name and gives it its own when it is there.
func (c copying) whole(to string, write func(part string) error) error {
	part := to + copyMarker
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := c.do(func() error { return write(part) }); err != nil {
		return err
	}
	return c.do(func() error { return os.Rename(part, to) })
}

// file copies one, and its permissions as far as the umask leaves them.
func (c copying) file(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o666|info.Mode().Perm()) //nolint:gosec // what the umask leaves
	if err != nil {
		return err
	}
	_, err = io.Copy(writing{out, c}, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// writing is a file whose writes are steps.
type writing struct {
	out *os.File
	c   copying
}

func (w writing) Write(p []byte) (n int, err error) {
	err = w.c.do(func() error { n, err = w.out.Write(p); return err })
	return n, err
}
