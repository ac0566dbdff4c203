package charm

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	kzip "github.com/klauspost/compress/zip"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// entry is one file, link or directory of a package.
type entry struct {
	name   string // with "/", without one at the end
	mode   fs.FileMode
	target string // of a link
	open   func() (io.ReadCloser, error)
}

// Pack writes the charm at path, a directory, a zip or a bare charm.wasm, to w as a zip that
// depends on nothing but names, modes, links and contents: entries are sorted
// and have one fixed time. Files that only charmcraft.yaml holds are written
// out, and .jujuignore is obeyed. The digest is "sha256:" and the hex sum of
// the bytes written.
func Pack(path string, w io.Writer, limits Limits) (digest string, err error) {
	sum := sha256.New()
	if err := pack(path, io.MultiWriter(w, sum), limits.filled()); err != nil {
		return "", errs.E(classOf(err), "cannot pack charm %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// Digest returns the digest Pack would, and writes nothing.
func Digest(path string, limits Limits) (string, error) {
	return Pack(path, io.Discard, limits)
}

// classOf keeps the class of our own errors and calls those of the file system
// errs.Invalid: the input is what cannot be read.
func classOf(err error) errs.Kind {
	if k := errs.Class(err); k != errs.Internal {
		return k
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errs.NotFound
	}
	return errs.Invalid
}

func pack(path string, w io.Writer, limits Limits) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() && isModule(path) {
		one := []entry{{name: wasmFile, mode: 0o644, open: func() (io.ReadCloser, error) { return os.Open(path) }}}
		return writeZip(withGenerated(one, module{path}), w, limits)
	}
	if !info.IsDir() {
		archive, err := zip.OpenReader(path)
		if err != nil {
			return errs.E(errs.Invalid, "it is neither a directory nor a zip archive: %w", err)
		}
		defer archive.Close()
		entries, err := zipEntries(&archive.Reader, limits)
		if err != nil {
			return err
		}
		return writeZip(withGenerated(entries, archive), w, limits)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := dirEntries(root, limits)
	if err != nil {
		return err
	}
	return writeZip(withGenerated(entries, root.FS()), w, limits)
}

// withGenerated adds the files of charmcraft.yaml where there are none.
func withGenerated(entries []entry, fsys fs.FS) []entry {
	for name, data := range generated(fsys) {
		mode := fs.FileMode(0o644)
		if name == dispatchFile {
			mode = 0o755
		}
		if slices.ContainsFunc(entries, func(e entry) bool { return e.name == name }) {
			continue
		}
		entries = append(entries, entry{name: name, mode: mode,
			open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }})
	}
	return entries
}

// dirEntries lists a directory without what is ignored.
func dirEntries(root *os.Root, limits Limits) ([]entry, error) {
	data, err := root.ReadFile(ignoreFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	rules, err := parseIgnore(string(data))
	if err != nil {
		return nil, err
	}
	count := meter{limits: limits}
	var entries []entry
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if rules.match(name, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		e, size, err := dirEntry(root, name, d)
		if err != nil {
			return err
		}
		entries = append(entries, e)
		return count.add(name, size)
	})
	return entries, err
}

func dirEntry(root *os.Root, name string, d fs.DirEntry) (entry, int64, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, 0, err
	}
	e := entry{name: name, mode: info.Mode()}
	switch {
	case strings.Contains(name, "\\"):
		return e, 0, errs.E(errs.Invalid, "file name %q is not valid; allowed: names without \"\\\"", name)
	case info.IsDir():
		return e, 0, nil
	case info.Mode()&fs.ModeSymlink != 0:
		if e.target, err = root.Readlink(name); err != nil {
			return e, 0, err
		}
		return e, 0, checkLink(root, name, e.target)
	case info.Mode().IsRegular():
		e.open = func() (io.ReadCloser, error) { return root.Open(name) }
		return e, info.Size(), nil
	}
	return e, 0, errs.E(errs.Invalid, "%q is neither a file, a directory nor a link; remove it or name it in %s", name, ignoreFile)
}

// checkLink refuses a link that leaves the charm. Root follows the whole chain,
// so that links cannot leave it together either. A dangling link may stay.
func checkLink(root *os.Root, name, target string) error {
	_, err := root.Stat(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errs.E(errs.Invalid, "link %q to %q leads out of the charm; allowed: relative links inside it; replace it by a file or name it in %s",
		name, target, ignoreFile)
}

// writeZip writes the entries. The bytes are counted again as they are read:
// a file may have grown, a zip may lie about its sizes.
func writeZip(entries []entry, w io.Writer, limits Limits) error {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	out := kzip.NewWriter(w)
	left := limits.Bytes
	for _, e := range entries {
		header := &kzip.FileHeader{Name: e.name, Method: kzip.Deflate,
			Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(e.mode & (fs.ModePerm | fs.ModeDir | fs.ModeSymlink))
		if e.mode.IsDir() || e.target != "" {
			header.Method = kzip.Store
		}
		if e.mode.IsDir() {
			header.Name += "/"
		}
		dst, err := out.CreateHeader(header)
		if err != nil {
			return err
		}
		n, err := e.copyTo(dst, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return out.Close()
}

// copyTo writes the content of the entry, at most limit bytes of it.
func (e entry) copyTo(dst io.Writer, limit int64) (int64, error) {
	switch {
	case e.mode.IsDir():
		return 0, nil
	case e.mode&fs.ModeSymlink != 0:
		n, err := io.WriteString(dst, e.target)
		return int64(n), err
	}
	src, err := e.open()
	if err != nil {
		return 0, err
	}
	defer src.Close()
	n, err := io.Copy(dst, io.LimitReader(src, limit+1))
	if err == nil && n > limit {
		err = errs.E(errs.Exhausted, "at %q its files have more bytes than allowed", e.name)
	}
	return n, err
}
