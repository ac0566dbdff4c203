package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// worldSource is the name under which the built root stands in mountinfo.
const worldSource = "bangle-world"

// buildRoot gives the calling thread, which is alone in its mount namespace, a new root directory: a tmpfs with every
// top-level entry of the old one bound there, submounts included, and an empty /charm.
//
// Nothing of it can be seen outside the namespace, so nothing is left behind whatever dies when: no /charm directory
// and no mount on the host. The bound trees stay in their peer groups, so that what root mounts below /mnt, /srv …
// reaches the host where the host's root is shared, as systemd makes it. The root itself is read-only: a new top-level
// name would exist for one hook alone, so making one fails instead of vanishing.
func buildRoot() error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return fmt.Errorf("cannot list /: %w", err)
	}
	trees := map[string]int{}
	for _, e := range entries {
		if e.Name() == "charm" || e.Type()&os.ModeSymlink != 0 {
			continue
		}
		if trees[e.Name()], err = cloneTree("/" + e.Name()); err != nil {
			return err
		}
	}
	links, err := rootLinks(entries)
	if err != nil {
		return err
	}
	// Only now: the trees were taken out while they were still in their peer groups. From here on nothing that is done
	// to the old root reaches the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make / private: %w", err)
	}
	base := baseDir()
	if err := unix.Mount(worldSource, base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("cannot mount a root directory: %w", err)
	}
	if err := fillRoot(base, entries, trees, links); err != nil {
		return err
	}
	return switchRoot(base)
}

// baseDir is any directory that can be mounted over for a moment.
func baseDir() string {
	for _, dir := range []string{"/tmp", "/mnt", "/var"} {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "/usr"
}

func rootLinks(entries []os.DirEntry) (map[string]string, error) {
	links := map[string]string{}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 || e.Name() == "charm" {
			continue
		}
		target, err := os.Readlink("/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("cannot copy link: %w", err)
		}
		links[e.Name()] = target
	}
	return links, nil
}

// fillRoot makes the new root's entries.
func fillRoot(base string, entries []os.DirEntry, trees map[string]int, links map[string]string) error {
	for _, e := range entries {
		at := base + "/" + e.Name()
		tree, bound := trees[e.Name()]
		var err error
		switch {
		case links[e.Name()] != "":
			err = os.Symlink(links[e.Name()], at)
		case !bound:
		case e.IsDir():
			if err = os.Mkdir(at, 0o755); err == nil {
				err = place(tree, at)
			}
		default:
			if err = touch(at); err == nil {
				err = place(tree, at)
			}
		}
		if err != nil {
			return fmt.Errorf("cannot build a root directory: %w", err)
		}
	}
	if err := os.Mkdir(base+"/charm", 0o755); err != nil {
		return fmt.Errorf("cannot build a root directory: %w", err)
	}
	return nil
}

// switchRoot makes base the root directory and lets go of the old one.
func switchRoot(base string) error {
	if err := unix.Chdir(base); err != nil {
		return fmt.Errorf("cannot switch to the built root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("cannot switch to the built root: %w", err)
	}
	// The old root lies over the new one now; "." is still below it.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("cannot let go of the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("cannot switch to the built root: %w", err)
	}
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV)
	if err := unix.Mount("", "/", "", flags, ""); err != nil {
		return fmt.Errorf("cannot make the built root read-only: %w", err)
	}
	return nil
}

// cloneTree takes a copy of a mount with all below it, to be placed later, also after the root has changed.
func cloneTree(path string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, fmt.Errorf("cannot bind %s: %w", path, err)
	}
	return fd, nil
}

// place puts a cloned tree at a path.
func place(tree int, at string) error {
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("cannot bind at %s: %w", at, err)
	}
	return nil
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
