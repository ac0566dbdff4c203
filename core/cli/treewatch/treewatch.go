// Package treewatch says when a file below a directory changed, for as long as somebody edits it. Changes that come in a
// burst, as editors and compilers make them, are one.
package treewatch

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// settle is how long a burst must be quiet to be over.
const settle = 60 * time.Millisecond

// interesting adds to a watch that is there: one that is replaced sees nothing for a moment.
const interesting = unix.IN_MASK_ADD | unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ATTRIB

// Watcher watches one tree.
type Watcher struct {
	file *os.File
	dirs map[int32]string
}

// New watches dir and everything below it from now on. Directories whose names begin with a dot, and __pycache__, are
// left out.
func New(dir string) (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot watch %s: %w", dir, err)
	}
	w := &Watcher{file: os.NewFile(uintptr(fd), "inotify"), dirs: map[int32]string{}}
	if err := w.add(dir); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close ends a Next that waits.
func (w *Watcher) Close() error { return w.file.Close() }

func (w *Watcher) add(root string) error {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && path != root {
				return nil // it went while we looked
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if path != root && ignored(d.Name()) {
			return filepath.SkipDir
		}
		conn, err := w.file.SyscallConn()
		if err != nil {
			return err
		}
		var wd int
		var failed error
		if err := conn.Control(func(fd uintptr) { wd, failed = unix.InotifyAddWatch(int(fd), path, interesting) }); err != nil {
			return err
		}
		if failed == nil {
			w.dirs[int32(wd)] = path
		}
		return failed
	})
	if err != nil {
		return errs.E(errs.Unavailable, "cannot watch %s: %w", root, err)
	}
	return nil
}

func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__pycache__" || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".swp")
}

// Next waits for a burst of changes to end and names the files.
func (w *Watcher) Next(ctx context.Context) ([]string, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }) // wakes the read below
	defer stop()
	changed := map[string]bool{}
	buffer := make([]byte, 64<<10)
	for {
		deadline := time.Time{}
		if len(changed) > 0 {
			deadline = time.Now().Add(settle)
		}
		if err := w.file.SetReadDeadline(deadline); err != nil {
			return nil, errs.E(errs.Unavailable, "cannot watch files: %w", err)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n, err := w.file.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && len(changed) > 0 {
			return list(changed), nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, errs.E(errs.Unavailable, "cannot watch files: %w", err)
		}
		if err := w.take(buffer[:n], changed); err != nil {
			return nil, err
		}
	}
}

// take reads the kernel's records: watch, mask, cookie, length, and a name padded with zeros.
func (w *Watcher) take(b []byte, changed map[string]bool) error {
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		name := strings.TrimRight(string(b[:length]), "\x00")
		b = b[length:]
		dir, known := w.dirs[wd]
		if !known || ignored(name) || name == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if mask&unix.IN_ISDIR != 0 {
			if mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0 {
				if err := w.add(path); err != nil {
					return err
				}
			}
		}
		changed[path] = true
	}
	return nil
}

func list(m map[string]bool) []string {
	var out []string
	for path := range m {
		out = append(out, path)
	}
	return out
}
