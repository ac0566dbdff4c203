package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// Owner says whose a new file or directory is and what may be done with it.
type Owner struct {
	Permissions string // three octal digits, "" for the default
	Account     proc.Request
}

type ownership struct {
	mode     uint32
	chown    bool
	uid, gid int
}

func (t *Tree) resolve(o Owner, mode uint32) (ownership, error) {
	if o.Permissions != "" {
		n, err := strconv.ParseUint(o.Permissions, 8, 32)
		if err != nil || len(o.Permissions) != 3 {
			return ownership{}, fmt.Errorf("mode string %q must be three octal digits", o.Permissions)
		}
		mode = uint32(n)
	}
	a, err := o.Account.Resolve(t)
	if err != nil {
		return ownership{}, fmt.Errorf("cannot look up user and group: %w", err)
	}
	return ownership{mode: mode, chown: a.Given, uid: a.UID, gid: a.GID}, nil
}

// apply sets owner first: changing it clears set-id bits.
func (o ownership) apply(fd int) error {
	if o.chown {
		if err := unix.Fchown(fd, o.uid, o.gid); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, o.mode)
}

// Write replaces a file atomically with what r gives: readers see the old or
// the new one. A symbolic link is replaced, not followed.
func (t *Tree) Write(p string, r io.Reader, makeDirs bool, o Owner) error {
	if err := absolute(p); err != nil {
		return err
	}
	own, err := t.resolve(o, 0o644)
	if err != nil {
		return err
	}
	if makeDirs {
		parents := own
		parents.mode = 0o755
		if err := t.mkdirAll(path.Dir(path.Clean(p)), parents); err != nil {
			return err
		}
	}
	dir, base, err := t.parent(p)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := replace(int(dir.Fd()), base, r, own); err != nil {
		return &fs.PathError{Op: "write", Path: p, Err: err}
	}
	return nil
}

func replace(dir int, base string, r io.Reader, own ownership) (err error) {
	temp := base + "." + rand.Text()[:12] + "~"
	fd, err := unix.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temp)
	defer func() {
		f.Close()
		if err != nil {
			_ = unix.Unlinkat(dir, temp, 0)
		}
	}()
	if _, err = io.Copy(f, r); err != nil {
		return err
	}
	if err = own.apply(fd); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = unix.Renameat(dir, temp, dir, base); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}

// syncDir makes the rename durable where the file system can; the file is in
// place either way.
func syncDir(dir int) {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = unix.Fsync(fd)
	_ = unix.Close(fd)
}

// MakeDir makes a directory; with parents also those above it, and an existing one is fine.
func (t *Tree) MakeDir(p string, parents bool, o Owner) error {
	if err := absolute(p); err != nil {
		return err
	}
	own, err := t.resolve(o, 0o755)
	if err != nil {
		return err
	}
	if parents {
		return t.mkdirAll(path.Clean(p), own)
	}
	return t.mkdir(p, own)
}

func (t *Tree) mkdirAll(p string, own ownership) error {
	info, err := t.Stat(p)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: p, Err: unix.ENOTDIR}
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.mkdirAll(path.Dir(p), own); err != nil {
		return err
	}
	if err := t.mkdir(p, own); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (t *Tree) mkdir(p string, own ownership) error {
	dir, base, err := t.parent(p)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Mkdirat(int(dir.Fd()), base, 0o700); err != nil {
		return &fs.PathError{Op: "mkdir", Path: p, Err: err}
	}
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: p, Err: err}
	}
	defer unix.Close(fd)
	if err := own.apply(fd); err != nil {
		return &fs.PathError{Op: "chown", Path: p, Err: err}
	}
	return nil
}

// Remove removes a file or an empty directory; with recursive everything
// below too, and a missing path is fine. Links are removed, not followed.
func (t *Tree) Remove(p string, recursive bool) error {
	if err := absolute(p); err != nil {
		return err
	}
	dir, base, err := t.parent(p)
	if err == nil {
		defer dir.Close()
		err = remove(int(dir.Fd()), base, recursive)
	}
	if recursive && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var pe *fs.PathError
	if err != nil && !errors.As(err, &pe) {
		return &fs.PathError{Op: "remove", Path: p, Err: err}
	}
	return err
}

func remove(dir int, base string, recursive bool) error {
	err := unix.Unlinkat(dir, base, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return err
	}
	derr := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
	switch {
	case errors.Is(derr, unix.ENOTDIR):
		return err
	case derr == nil || !recursive || !errors.Is(derr, unix.ENOTEMPTY) && !errors.Is(derr, unix.EEXIST):
		return derr
	}
	fd, err := unix.Openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := remove(fd, n, true); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
}

// ErrNotRegular is returned when something else than a regular file is read.
var ErrNotRegular = errors.New("can only read a regular file")

// Read opens a regular file; links are followed inside the tree. A named pipe
// does not block it.
func (t *Tree) Read(p string) (io.ReadCloser, error) {
	if err := absolute(p); err != nil {
		return nil, err
	}
	f, err := t.open(p, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %q", ErrNotRegular, p)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
