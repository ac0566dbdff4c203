package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// container is the file system that a program is to run in.
type container struct {
	world   bool // build a root with /charm
	told    bool // whoever made the namespaces waits on failureFD and mappedFD
	root    string
	binds   [][2]string
	record  string // file that names this process for whoever has to end it
	program []string
}

// contain is the inner half of a namespace's start; nobody types it.
//
//	contain --world PROGRAM…                   inside new namespaces: build the root, then run
//	contain [--told] [--root DIR] [--bind SOURCE=TARGET]… [--pid-file FILE] -- PROGRAM…
//
// The second form is for a workload's supervisor: what is bound exists in its mount namespace alone and is gone with
// the last process in it.
func contain(args []string) error {
	runtime.LockOSThread()
	c, err := parseContainer(args)
	if err != nil {
		return err
	}
	if !c.told {
		return c.run()
	}
	failure := os.NewFile(failureFD, "failure")
	unix.CloseOnExec(failureFD)
	mapped := os.NewFile(mappedFD, "mapped")
	if _, err = io.Copy(io.Discard, mapped); err == nil {
		_ = mapped.Close()
		err = c.run()
	}
	fmt.Fprintf(failure, "%v; %s", err, mends)
	os.Exit(1)
	return nil
}

func parseContainer(args []string) (container, error) {
	var c container
	for len(args) > 0 {
		switch {
		case args[0] == "--world":
			c.world, c.told, c.program = true, true, args[1:]
			return c, nil
		case args[0] == "--":
			c.program = args[1:]
			if len(c.program) == 0 {
				return c, errors.New("cannot contain nothing: give -- PROGRAM ARGUMENT…")
			}
			return c, nil
		case args[0] == "--told":
			c.told, args = true, args[1:]
		case args[0] == "--root" && len(args) > 1:
			c.root, args = args[1], args[2:]
		case args[0] == "--pid-file" && len(args) > 1:
			c.record, args = args[1], args[2:]
		case args[0] == "--bind" && len(args) > 1:
			source, target, ok := strings.Cut(args[1], "=")
			if !ok {
				return c, fmt.Errorf("cannot bind %q: want SOURCE=TARGET", args[1])
			}
			c.binds, args = append(c.binds, [2]string{source, target}), args[2:]
		default:
			return c, fmt.Errorf("cannot contain: unknown argument %q", args[0])
		}
	}
	return c, errors.New("cannot contain nothing: give -- PROGRAM ARGUMENT…")
}

// run furnishes the namespace and becomes the program.
func (c container) run() error {
	if c.world {
		return c.runWorld()
	}
	if err := writeRecord(c.record); err != nil {
		return err
	}
	// Slave, not private: what the host mounts later is to be seen, what is bound here not.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("cannot part from the host's mounts: %w", err)
	}
	if c.root == "" {
		_ = ownProc("/proc") // that of the host serves too: it only shows more
	} else if err := c.system(); err != nil {
		return err
	}
	for _, b := range c.binds {
		target, err := inRoot(c.root, b[1])
		if err != nil {
			return err
		}
		if err := bind(b[0], target); err != nil {
			return err
		}
	}
	return execute(c.program)
}

func (c container) runWorld() error {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	if err := buildRoot(); err != nil {
		return err
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("cannot go back to %s: %w", dir, err)
	}
	return execute(c.program)
}

// system binds what every program expects of the kernel below the root.
func (c container) system() error {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		target, err := inRoot(c.root, dir)
		if err != nil {
			return err
		}
		if dir == "/proc" && os.MkdirAll(target, 0o755) == nil && ownProc(target) == nil {
			continue
		}
		if err := bind(dir, target); err != nil {
			return err
		}
	}
	target, err := inRoot(c.root, "/etc/resolv.conf")
	if err != nil {
		return err
	}
	if _, err := os.Stat("/etc/resolv.conf"); err == nil {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err == nil && touch(target) == nil {
			return bind("/etc/resolv.conf", target)
		}
	}
	return nil
}

// inRoot makes a path of the container one of the host; a link in it must not lead out of the root.
func inRoot(root, path string) (string, error) {
	at := root
	for part := range strings.SplitSeq(strings.Trim(filepath.Clean("/"+path), "/"), "/") {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(at); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return "", fmt.Errorf("cannot bind at %s: %s is a symbolic link in the container's root; replace it by a directory", path, at)
		}
	}
	return at, nil
}

// bind mounts a tree at a path, which it makes.
func bind(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("cannot bind %s: %w", source, err)
	}
	if err := makePoint(target, info.IsDir()); err != nil {
		return fmt.Errorf("cannot bind %s: %w", source, err)
	}
	tree, err := cloneTree(source)
	if err != nil {
		return err
	}
	return place(tree, target)
}

// ownProc mounts the view of this process namespace. Where parts of the host's
// /proc are covered, as in many containers, the kernel refuses it.
func ownProc(at string) error {
	return unix.Mount("proc", at, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}
