package dispatch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// swap puts a prepared charm in the place of the one before, file by file, each by a rename: what runs from an old file
// goes on, and no name is missing for a moment. Every step can be taken back, and is when a later one fails.
type swap struct {
	target string // the unit's charm directory
	stage  string // the new charm's content, on the same file system
	trash  string // links to what was replaced
	undo   []func() error
}

// run replaces the files of the old charm by those of the new one. After an error everything is as before.
func (s *swap) run(old []string, files map[string]struct{}) error {
	err := os.MkdirAll(s.trash, 0o700)
	if err == nil {
		err = s.drop(old, files)
	}
	if err == nil {
		err = filepath.WalkDir(s.stage, s.place)
	}
	if err == nil {
		return nil
	}
	for _, back := range slices.Backward(s.undo) {
		err = errors.Join(err, back())
	}
	return err
}

// drop takes away what the new charm has no more. A directory in which the unit has files of its own stays.
func (s *swap) drop(old []string, files map[string]struct{}) error {
	for _, name := range slices.Backward(old) { // sorted: what is in a directory comes after it
		path := filepath.Join(s.target, name)
		info, err := os.Lstat(path)
		if _, stays := files[name]; stays || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.away(path, info); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return nil
}

// place puts one entry of the prepared charm where it belongs.
func (s *swap) place(from string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(s.stage, from)
	if err != nil || name == "." {
		return err
	}
	to := filepath.Join(s.target, name)
	had, err := os.Lstat(to)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if there && had.IsDir() != d.IsDir() {
		if err := s.away(to, had); errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("the charm has a file %s, where a directory with other files is; move them away", name)
		} else if err != nil {
			return err
		}
		there = false
	}
	if d.IsDir() {
		return s.directory(from, to, there)
	}
	if there {
		if err := s.keep(to); err != nil {
			return err
		}
	} else {
		s.undo = append(s.undo, func() error { return os.Remove(to) })
	}
	return os.Rename(from, to)
}

func (s *swap) directory(from, to string, there bool) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !there {
		s.undo = append(s.undo, func() error { return os.Remove(to) })
		return os.Mkdir(to, info.Mode().Perm())
	}
	return os.Chmod(to, info.Mode().Perm())
}

// keep remembers what a path holds, until it is replaced by a rename.
func (s *swap) keep(path string) error {
	kept := filepath.Join(s.trash, strconv.Itoa(len(s.undo)))
	if err := os.Link(path, kept); err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { return os.Rename(kept, path) })
	return nil
}

// away removes a path in a way that can be taken back.
func (s *swap) away(path string, info fs.FileInfo) error {
	if info.IsDir() {
		if err := os.Remove(path); err != nil {
			return err
		}
		s.undo = append(s.undo, func() error { return os.Mkdir(path, info.Mode().Perm()) })
		return nil
	}
	if err := s.keep(path); err != nil {
		return err
	}
	return os.Remove(path)
}
