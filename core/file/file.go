// Package file replaces files whole: who reads one sees the old content or the new, never a part of either. A file has
// one writer at a time, which the caller sees to.
package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts data into path with the given permissions. A crash of the process leaves the old content or the new; a
// crash of the machine may lose both, which is what a file costs that can be written again.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return replace(path, data, mode, func(*os.File) error { return nil })
}

// ReplaceSynced is Replace that returns once the new content would survive a crash of the machine too.
func ReplaceSynced(path string, data []byte, mode fs.FileMode) error {
	if err := replace(path, data, mode, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// replace writes beside the file, since a rename is one step only inside one directory. The name is always the same, so
// that what a crash left is written over.
func replace(path string, data []byte, mode fs.FileMode, settle func(*os.File) error) error {
	beside, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = beside.Write(data)
	if err == nil {
		err = beside.Chmod(mode) // an older one keeps its permissions, and a mask takes some from a new one
	}
	if err == nil {
		err = settle(beside)
	}
	err = errors.Join(err, beside.Close())
	if err == nil {
		err = os.Rename(beside.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", path, err), os.Remove(beside.Name()))
	}
	return nil
}

// SyncDir makes what was renamed in dir survive a crash of the machine.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cannot sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("cannot sync %s: %w", dir, err)
	}
	return nil
}
