// Package files serves the files API and lets the rest of the supervisor look
// into the tree that services run in.
//
// Every path is resolved by the kernel with the tree's root as "/", so that
// neither ".." nor a symbolic link leads out of it, also while somebody
// exchanges directories for links.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a file tree. "/" is the whole file system.
type Tree struct {
	root   int  // descriptor of the root directory
	whole  bool // the root is "/"
	opened *os.File
}

// New opens a tree. root must be an existing directory.
func New(root string) (*Tree, error) {
	f, err := os.OpenFile(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open root directory: %w", err)
	}
	return &Tree{root: int(f.Fd()), whole: path.Clean(root) == "/", opened: f}, nil
}

// Close releases the tree.
func (t *Tree) Close() error { return t.opened.Close() }

const retries = 8 // of lookups that raced with a rename

// open opens a path inside the tree.
func (t *Tree) open(p string, flags int, mode uint32) (*os.File, error) {
	flags |= unix.O_CLOEXEC
	if flags&unix.O_PATH == 0 {
		flags |= unix.O_NOCTTY // openat2 refuses it beside O_PATH
	}
	if t.whole {
		return os.OpenFile(p, flags, os.FileMode(mode))
	}
	how := &unix.OpenHow{Flags: uint64(flags), Mode: uint64(mode), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for i := 0; ; i++ {
		fd, err := unix.Openat2(t.root, p, how)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) && i < retries {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: p, Err: err}
		}
		return os.NewFile(uintptr(fd), p), nil
	}
}

// Open opens a file for reading, following links inside the tree.
func (t *Tree) Open(p string) (io.ReadCloser, error) {
	f, err := t.open(p, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Stat follows links inside the tree.
func (t *Tree) Stat(p string) (fs.FileInfo, error) {
	if t.whole {
		return os.Stat(p)
	}
	f, err := t.open(p, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// parent opens the directory that holds p and returns the name in it.
func (t *Tree) parent(p string) (*os.File, string, error) {
	p = path.Clean(p)
	if p == "/" {
		return nil, "", &fs.PathError{Op: "open", Path: p, Err: errors.New("the root directory cannot be changed")}
	}
	dir, err := t.open(path.Dir(p), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", err
	}
	return dir, path.Base(p), nil
}

func absolute(p string) error {
	if !strings.HasPrefix(p, "/") {
		return fmt.Errorf("paths must be absolute, got %q", p)
	}
	return nil
}
