package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func (p Process) ls(args []string) (int, error) {
	f := p.flags("ls", "<path>")
	abs, format := f.timeFlag(), f.formatFlag()
	var itself, long bool
	f.BoolVar(&itself, "d", false, "the directory itself, not what is in it")
	f.BoolVar(&long, "l", false, "one line each with type, permissions, owner, size and time")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	dir, pattern := s.args[0], ""
	if base := path.Base(dir); strings.ContainsAny(base, "*?[") {
		dir, pattern = path.Dir(dir), base
	}
	list, err := s.c.ListFiles(s.ctx, dir, pattern, itself)
	if err != nil {
		return 0, err
	}
	if *format != "text" {
		return 0, s.encode(*format, map[string]any{"files": append([]client.FileInfo{}, list...)})
	}
	if !long {
		for _, e := range list {
			fmt.Fprintln(s.Stdout, e.Name)
		}
		return 0, nil
	}
	return 0, s.long(list, clock{time.Now(), *abs})
}

// long prints a long listing.
func (s *session) long(list []client.FileInfo, when clock) error {
	return s.rows(func(row func(...string)) {
		for _, e := range list {
			bytes := "-"
			if e.Type == "file" {
				bytes = size(e.Size)
			}
			row(mode(e), owner(e.User, e.UserID), owner(e.Group, e.GroupID), fmt.Sprintf("%6s", bytes), when.format(e.LastModified), e.Name)
		}
	})
}

func owner(name string, id *int) string {
	switch {
	case name != "":
		return name
	case id != nil:
		return strconv.Itoa(*id)
	}
	return "-"
}

// mode is a file's type and permissions as ten letters.
func mode(e client.FileInfo) string {
	kind, known := map[string]string{"file": "-", "directory": "d", "symlink": "L", "socket": "S", "named-pipe": "p", "device": "D"}[e.Type]
	if !known {
		kind = "?"
	}
	bits, err := strconv.ParseUint(e.Permissions, 8, 32)
	if err != nil {
		return kind + "?????????"
	}
	text := []byte("rwxrwxrwx")
	for i := range text {
		if bits&(1<<(len(text)-1-i)) == 0 {
			text[i] = '-'
		}
	}
	return kind + string(text)
}

// ownerFlags declares whose a new file is.
func (f *flags) ownerFlags(o *client.Owner) {
	f.StringVar(&o.Permissions, "m", "", "permissions, three octal digits").value = "mode"
	f.intVar(&o.UserID, "uid", "id of the user it shall belong to")
	f.StringVar(&o.User, "user", "", "name of that user")
	f.intVar(&o.GroupID, "gid", "id of the group it shall belong to")
	f.StringVar(&o.Group, "group", "", "name of that group")
}

func (p Process) push(args []string) (int, error) {
	f := p.flags("push", "<local-path> <remote-path>")
	var o client.Owner
	parents := false
	f.BoolVar(&parents, "p", false, "make missing directories above it")
	f.ownerFlags(&o)
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	local, err := os.Open(s.args[0])
	if err != nil {
		return 0, err
	}
	defer local.Close()
	return 0, s.c.Push(s.ctx, s.args[1], local, parents, o)
}

func (p Process) mkdir(args []string) (int, error) {
	f := p.flags("mkdir", "<path>")
	var o client.Owner
	parents := false
	f.BoolVar(&parents, "p", false, "make missing directories above it, and accept one that is there")
	f.ownerFlags(&o)
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	if _, err := strconv.ParseUint(o.Permissions, 8, 32); o.Permissions != "" && err != nil {
		return 0, fmt.Errorf("invalid mode for directory: %q", o.Permissions)
	}
	return 0, s.c.MakeDir(s.ctx, s.args[0], parents, o)
}

func (p Process) rm(args []string) (int, error) {
	f := p.flags("rm", "<path>")
	recursive := false
	f.BoolVar(&recursive, "r", false, "with everything below; a missing path is fine")
	s, done, err := p.connect(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	return 0, s.c.Remove(s.ctx, s.args[0], recursive)
}

// pull writes beside the target first, so a failed transfer leaves nothing half done.
func (p Process) pull(args []string) (int, error) {
	s, done, err := p.connect(p.flags("pull", "<remote-path> <local-path>"), args)
	if err != nil {
		return 0, err
	}
	defer done()
	if info, err := os.Stat(s.args[1]); err == nil && !info.Mode().IsRegular() {
		return 0, s.pullInto(s.args[1])
	}
	temp := s.args[1] + "~"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			e.Path = s.args[1]
		}
		return 0, err
	}
	err = errors.Join(s.c.Pull(s.ctx, s.args[0], io.Writer(f)), f.Close())
	if err == nil {
		err = os.Rename(temp, s.args[1])
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return 0, err
}

// pullInto writes to what is no regular file, such as /dev/stdout.
func (s *session) pullInto(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(s.c.Pull(s.ctx, s.args[0], f), f.Close())
}
