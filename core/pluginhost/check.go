package pluginhost

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Check refuses a file that nobody trusted in its present form, or that others
// may exchange. The error is Denied and names both sums and what to do. It
// returns the file's sum also when it refuses.
func (c Catalog) Check(file string) (sum string, err error) {
	sum, err = c.sums.of(file)
	if err != nil {
		return "", err
	}
	if err := closed(file); err != nil {
		return sum, err
	}
	entries, locks, err := c.entries(file)
	if err != nil {
		return sum, err
	}
	var known []string
	for _, entry := range entries {
		if entry.SHA256 == sum {
			return sum, nil
		}
		known = append(known, entry.SHA256)
	}
	if len(known) == 0 {
		return sum, errs.E(errs.Denied, "cannot start plugin %s: it is not trusted: its sha256 is %s and %s does not list it; if it is yours run: bangle plugins trust %s",
			file, sum, strings.Join(locks, ", "), file)
	}
	return sum, errs.E(errs.Denied, "cannot start plugin %s: it was changed: its sha256 is %s and %s says %s; if you changed it run: bangle plugins trust %s",
		file, sum, strings.Join(locks, ", "), strings.Join(known, ", "), file)
}

// entries finds what the locks say about a file, and which were asked.
func (c Catalog) entries(file string) (found []Entry, locks []string, err error) {
	add := func(lockFile, name string) error {
		lock, err := ReadLock(lockFile)
		locks = append(locks, lockFile)
		for _, entry := range lock.Plugins {
			if entry.File == name {
				found = append(found, entry)
			}
		}
		return err
	}
	beside := lockBeside(filepath.Dir(file))
	if err := add(beside, filepath.Base(file)); err != nil {
		return nil, nil, err
	}
	if c.Home == "" {
		return found, locks, nil
	}
	home := filepath.Join(c.Home, LockName)
	if home == beside {
		locks = nil
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, errs.E(errs.Invalid, "cannot check plugin %s: %w", file, err)
	}
	return found, locks, add(home, absolute)
}

// closed refuses a file or directory that others can write: they could exchange
// the plugin after its sum was taken. The caller's own group counts as the
// caller, because with a umask of 002 that is where private groups lead.
func closed(file string) error {
	for _, path := range []string{filepath.Dir(file), file} {
		info, err := os.Stat(path)
		if err != nil {
			return errs.E(errs.NotFound, "cannot check plugin %s: %w", file, err)
		}
		mode := info.Mode().Perm()
		if mode&0o002 != 0 || mode&0o020 != 0 && groupOf(info) != os.Getgid() {
			return errs.E(errs.Denied, "cannot start plugin %s: %s can be written by others (mode %04o); run: chmod go-w %s", file, path, mode, path)
		}
	}
	return nil
}
