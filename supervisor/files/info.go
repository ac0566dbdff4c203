package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// Info is one entry of a listing.
type Info struct {
	Path         string    `json:"path"`
	Name         string    `json:"name"`
	Type         string    `json:"type"`
	Size         *int64    `json:"size,omitempty"` // regular files only
	Permissions  string    `json:"permissions"`    // three octal digits
	LastModified time.Time `json:"last-modified"`  // whole seconds
	UserID       *int      `json:"user-id"`
	User         string    `json:"user"`
	GroupID      *int      `json:"group-id"`
	Group        string    `json:"group"`
}

// List returns the entries of a directory that match pattern ("" for all),
// sorted by name. For a file, or with itself set, it returns just that.
func (t *Tree) List(p, pattern string, itself bool) ([]Info, error) {
	if err := absolute(p); err != nil {
		return nil, err
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("invalid pattern %q: %w", pattern, err)
	}
	info, err := t.Stat(p)
	if err != nil {
		return nil, err
	}
	names := &names{tree: t, users: map[int]string{}, groups: map[int]string{}}
	if !info.IsDir() || itself {
		if ok, _ := path.Match(pattern, path.Base(p)); pattern != "" && !ok {
			return []Info{}, nil
		}
		return []Info{names.describe(path.Clean(p), info)}, nil
	}
	dir, err := t.open(p, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	out := []Info{}
	for _, e := range entries {
		if ok, _ := path.Match(pattern, e.Name()); pattern != "" && !ok {
			continue
		}
		info, err := lstatAt(dir, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, names.describe(path.Join(p, e.Name()), info))
	}
	return out, nil
}

// lstatAt looks at an entry of an open directory, never through a link.
func lstatAt(dir *os.File, name string) (fs.FileInfo, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return f.Stat()
}

// names remembers user and group names during one listing.
type names struct {
	tree   *Tree
	users  map[int]string
	groups map[int]string
}

func (n *names) user(uid int) string {
	name, ok := n.users[uid]
	if !ok {
		if u, err := proc.FindUser(n.tree, func(u proc.User) bool { return u.UID == uid }); err == nil {
			name = u.Name
		}
		n.users[uid] = name
	}
	return name
}

func (n *names) group(gid int) string {
	name, ok := n.groups[gid]
	if !ok {
		name = proc.GroupName(n.tree, gid)
		n.groups[gid] = name
	}
	return name
}

func (n *names) describe(p string, info fs.FileInfo) Info {
	out := Info{
		Path: p, Name: path.Base(p), Type: kind(info.Mode()),
		Permissions:  fmt.Sprintf("%03o", info.Mode().Perm()),
		LastModified: info.ModTime().Truncate(time.Second),
	}
	if info.Mode().IsRegular() {
		size := info.Size()
		out.Size = &size
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		uid, gid := int(st.Uid), int(st.Gid)
		out.UserID, out.GroupID = &uid, &gid
		out.User, out.Group = n.user(uid), n.group(gid)
	}
	return out
}

func kind(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symlink"
	case fs.ModeSocket:
		return "socket"
	case fs.ModeNamedPipe:
		return "named-pipe"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "device"
	}
	return "unknown"
}
