package charm

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

const (
	// maxLink is the longest target a link may have, in bytes.
	maxLink = 4096
	// Only the owner may write what is unpacked, and can always clean it up.
	groupOtherWrite = 0o022
	ownerFile       = 0o600
	ownerDir        = 0o700
)

// UnpackFile is Unpack of a file.
func UnpackFile(archive, dir string, limits Limits) error {
	f, err := os.Open(archive)
	if err != nil {
		return errs.E(classOf(err), "cannot unpack charm %s: %w", archive, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return errs.E(errs.Invalid, "cannot unpack charm %s: %w", archive, err)
	}
	return Unpack(f, info.Size(), dir, limits)
}

// Unpack puts a zip of size bytes into dir, which must not exist or be empty:
// all of it or nothing, since it is unpacked beside dir and then renamed. Modes
// and links are kept, except that only the owner may write and that no link
// leads out. It does not wait for the disk. Errors: errs.Invalid for what is
// not a proper package, errs.Exhausted beyond the limits, errs.AlreadyExists
// when dir has content.
func Unpack(r io.ReaderAt, size int64, dir string, limits Limits) error {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return errs.E(errs.Invalid, "cannot unpack charm: it is no zip archive: %w", err)
	}
	entries, err := zipEntries(archive, limits)
	if err != nil {
		return errs.E(classOf(err), "cannot unpack charm: %w", err)
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-*")
	if err != nil {
		return errs.E(errs.Unavailable, "cannot unpack charm to %s: %w", dir, err)
	}
	defer os.RemoveAll(beside) // nothing is left of it after the rename
	if err := unpackInto(beside, entries, limits.filled().Bytes); err != nil {
		return errs.E(classOf(err), "cannot unpack charm to %s: %w", dir, err)
	}
	err = os.Rename(beside, dir)
	switch {
	case errors.Is(err, fs.ErrExist):
		return errs.E(errs.AlreadyExists, "cannot unpack charm to %s: it exists already and is not empty", dir)
	case err != nil:
		return errs.E(errs.Unavailable, "cannot unpack charm to %s: %w", dir, err)
	}
	return nil
}

// zipEntries lists an archive after checkArchive, with the targets of links.
func zipEntries(archive *zip.Reader, limits Limits) ([]entry, error) {
	if err := checkArchive(archive, limits); err != nil {
		return nil, err
	}
	var entries []entry
	for _, f := range archive.File {
		e := entry{name: strings.TrimSuffix(f.Name, "/"), mode: f.Mode(), open: f.Open}
		if e.mode&fs.ModeSymlink != 0 {
			target, err := readLink(f)
			if err != nil {
				return nil, err
			}
			e.target = target
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func readLink(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", errs.E(errs.Invalid, "link %q cannot be read: %w", f.Name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxLink+1))
	if err != nil {
		return "", errs.E(errs.Invalid, "link %q cannot be read: %w", f.Name, err)
	}
	target := string(data)
	if target == "" || len(target) > maxLink || path.IsAbs(target) || strings.ContainsAny(target, "\x00\\") ||
		!filepath.IsLocal(path.Join(path.Dir(f.Name), target)) {
		if len(target) > 100 {
			target = target[:100] + "…"
		}
		return "", errs.E(errs.Invalid, "link %q to %q leads out of the charm; allowed: relative links inside it", f.Name, target)
	}
	return target, nil
}

// checkArchive checks what the directory of the archive says: names, kinds and
// declared sizes. Nothing is read of the entries.
func checkArchive(archive *zip.Reader, limits Limits) error {
	count := meter{limits: limits.filled()}
	isDir := map[string]bool{}
	for _, f := range archive.File {
		name := strings.TrimSuffix(f.Name, "/")
		mode := f.Mode()
		switch {
		case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00"):
			return errs.E(errs.Invalid, "entry %q has no valid name; allowed: relative paths without \"..\" and \"\\\"", f.Name)
		case mode.Type() != 0 && mode.Type() != fs.ModeDir && mode.Type() != fs.ModeSymlink:
			return errs.E(errs.Invalid, "entry %q is neither a file, a directory nor a link", f.Name)
		}
		if _, twice := isDir[name]; twice {
			return errs.E(errs.Invalid, "entry %q is in the archive twice", f.Name)
		}
		isDir[name] = mode.IsDir()
		if err := count.add(f.Name, int64(min(f.UncompressedSize64, 1<<62))); err != nil {
			return err
		}
	}
	for name := range isDir {
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			if dir, listed := isDir[parent]; listed && !dir {
				return errs.E(errs.Invalid, "entry %q lies below %q, which is no directory", name, parent)
			}
		}
	}
	return nil
}

// unpackInto writes files first, links second and the modes of directories
// last, so that nothing is ever written through a link or into a closed directory.
func unpackInto(dir string, entries []entry, limit int64) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, e := range entries {
		if e.mode&fs.ModeSymlink != 0 {
			continue
		}
		n, err := e.unpack(root, limit)
		if err != nil {
			return err
		}
		limit -= n
	}
	if err := unpackLinks(root, entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.mode.IsDir() {
			if err := root.Chmod(e.name, e.mode.Perm()&^groupOtherWrite|ownerDir); err != nil {
				return err
			}
		}
	}
	return os.Chmod(dir, 0o755)
}

func (e entry) unpack(root *os.Root, limit int64) (int64, error) {
	if e.mode.IsDir() {
		return 0, root.MkdirAll(e.name, 0o755)
	}
	if err := root.MkdirAll(path.Dir(e.name), 0o755); err != nil {
		return 0, err
	}
	f, err := root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerFile)
	if err != nil {
		return 0, err
	}
	n, err := e.copyTo(f, limit)
	// The mode is set on the open file: it must not depend on the umask.
	err = errors.Join(err, f.Chmod(e.mode.Perm()&^groupOtherWrite|ownerFile), f.Close())
	return n, err
}

func unpackLinks(root *os.Root, entries []entry) error {
	for _, e := range entries {
		if e.mode&fs.ModeSymlink == 0 {
			continue
		}
		if err := root.MkdirAll(path.Dir(e.name), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(e.target, e.name); err != nil {
			return err
		}
	}
	for _, e := range entries { // only all links together can show a way out
		if e.mode&fs.ModeSymlink != 0 {
			if err := checkLink(root, e.name, e.target); err != nil {
				return err
			}
		}
	}
	return nil
}
