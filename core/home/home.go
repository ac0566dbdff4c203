// Package home knows where everything lies: BANGLE_HOME with the state of the command line and of local controllers, and
// the short directory for their sockets.
package home

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// maxRunDir is how long the path of the directory for sockets may be: a socket's whole path ends at 107 bytes.
const maxRunDir = 40

// Dir is the home: BANGLE_HOME, else $XDG_DATA_HOME/bangle, else ~/.local/share/bangle. It is absolute; it need not exist.
func Dir(getenv func(string) string) (string, error) {
	dir := getenv("BANGLE_HOME")
	if dir == "" {
		base := getenv("XDG_DATA_HOME")
		if base == "" {
			user := getenv("HOME")
			if user == "" {
				return "", errs.E(errs.Invalid, "cannot find home: set BANGLE_HOME, XDG_DATA_HOME or HOME")
			}
			base = filepath.Join(user, ".local", "share")
		}
		dir = filepath.Join(base, "bangle")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", errs.E(errs.Invalid, "cannot find home: %w", err)
	}
	return dir, nil
}

// Controller is the directory of one controller.
func Controller(home, name string) string { return filepath.Join(home, "controllers", name) }

// RunDir makes, and links from home/run, the 0700 directory for the sockets of a home: below $XDG_RUNTIME_DIR where that
// is short and ours, else below the directory for temporary files. It refuses a directory that belongs to somebody else.
func RunDir(home string, getenv func(string) string) (string, error) {
	sum := sha256.Sum256([]byte(home))
	id := hex.EncodeToString(sum[:4])
	var candidates []string
	if base := getenv("XDG_RUNTIME_DIR"); base != "" {
		candidates = append(candidates, filepath.Join(base, "bangle"))
	}
	candidates = append(candidates, filepath.Join(os.TempDir(), fmt.Sprintf("bangle-%d", os.Getuid())), fmt.Sprintf("/tmp/bangle-%d", os.Getuid()))
	var last error
	for _, base := range candidates {
		dir := filepath.Join(base, id)
		if len(dir) > maxRunDir {
			last = fmt.Errorf("%s is longer than %d bytes", dir, maxRunDir)
			continue
		}
		if last = private(base); last != nil {
			continue
		}
		if last = private(dir); last != nil {
			continue
		}
		return dir, link(dir, filepath.Join(home, "run"))
	}
	return "", errs.E(errs.Unavailable, "cannot make the directory for sockets: %w", last)
}

// private makes a directory that only we can enter, or checks that it is one.
func private(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", dir)
	case int(st.Uid) != os.Getuid():
		return fmt.Errorf("%s belongs to user %d", dir, st.Uid)
	case st.Mode&0o077 != 0:
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// link points name at dir, replacing an older link only.
func link(dir, name string) error {
	if old, err := os.Readlink(name); err == nil && old == dir {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errs.E(errs.Internal, "cannot link %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return errs.E(errs.Internal, "cannot link %s: %w", name, err)
	}
	if err := os.Symlink(dir, name); err != nil {
		return errs.E(errs.Internal, "cannot link %s: %w", name, err)
	}
	return nil
}
