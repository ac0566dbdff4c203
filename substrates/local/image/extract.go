package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// extractFile extracts a tar into dir. Nothing is written outside it, whatever
// names and links the tar has. As a layer, whiteouts remove what is there.
func extractFile(ctx context.Context, file string, dir *os.Root, layer bool) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("cannot read image: %w", err)
	}
	defer f.Close()
	plain, err := inflate(&until{ctx, f})
	if err != nil {
		return fmt.Errorf("cannot unpack %s: %w", file, err)
	}
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = extract(dir, h, t, layer)
		}
		if err != nil {
			return fmt.Errorf("cannot unpack %s: %w", file, err)
		}
	}
}

// extract writes one entry.
func extract(dir *os.Root, h *tar.Header, content io.Reader, layer bool) error {
	name := strings.Trim(path.Clean("/"+h.Name), "/")
	if name == "" {
		return nil
	}
	parent, base := path.Split(name)
	if layer && strings.HasPrefix(base, ".wh.") {
		return whiteout(dir, parent, base)
	}
	if parent != "" {
		if err := dir.MkdirAll(path.Clean(parent), 0o755); err != nil {
			return err
		}
	}
	if h.Typeflag != tar.TypeDir {
		if err := dir.RemoveAll(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := directory(dir, name); err != nil {
			return err
		}
	case tar.TypeReg:
		if err := write(dir, name, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := dir.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeLink:
		return dir.Link(strings.Trim(path.Clean("/"+h.Linkname), "/"), name)
	default:
		return nil // devices come from the host's /dev, sockets and pipes from programs
	}
	return attributes(dir, name, h)
}

// whiteout removes what lower layers have.
func whiteout(dir *os.Root, parent, base string) error {
	if base != ".wh..wh..opq" {
		return dir.RemoveAll(path.Join(parent, strings.TrimPrefix(base, ".wh.")))
	}
	entries, err := fs.ReadDir(dir.FS(), path.Clean(path.Join(".", parent)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err := dir.RemoveAll(path.Join(parent, e.Name())); err != nil {
			return err
		}
	}
	return err
}

func directory(dir *os.Root, name string) error {
	if info, err := dir.Lstat(name); err == nil && !info.IsDir() {
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	return dir.MkdirAll(name, 0o755)
}

func write(dir *os.Root, name string, content io.Reader) error {
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// attributes sets owner and mode. An ordinary user owns all of it, and can
// always enter and write what it owns.
func attributes(dir *os.Root, name string, h *tar.Header) error {
	root := os.Geteuid() == 0
	if root {
		if err := dir.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	mode := h.FileInfo().Mode()
	if !root {
		mode = mode.Perm() | 0o600
		if h.Typeflag == tar.TypeDir {
			mode |= 0o700
		}
	}
	return dir.Chmod(name, mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}
