package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func (p Process) add(args []string) (int, error) {
	fs := p.flags("add", "[--combine] [--inner] LABEL FILE")
	var o client.AddOptions
	fs.BoolVar(&o.Combine, "combine", false, "merge into the layer of that label")
	fs.BoolVar(&o.Inner, "inner", false, "allow a sub-directory layer before others")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if err := s.need(2, "LABEL FILE"); err != nil {
		return 2, err
	}
	data, err := os.ReadFile(s.args[1])
	if err != nil {
		return 1, err
	}
	return 0, s.c.AddLayer(s.ctx, s.args[0], string(data), o)
}

func (p Process) notify(args []string) (int, error) {
	fs := p.flags("notify", "[--repeat-after D] KEY [NAME=VALUE…]")
	repeat := fs.Duration("repeat-after", 0, "wake no one again within this time")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if err := s.need(1, "KEY"); err != nil {
		return 2, err
	}
	data := map[string]string{}
	for _, kv := range s.args[1:] {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return 2, fmt.Errorf("data must be NAME=VALUE, got %q", kv)
		}
		data[k] = v
	}
	id, err := s.c.Notify(s.ctx, s.args[0], client.NotifyOptions{Data: data, RepeatAfter: *repeat})
	if err == nil {
		fmt.Fprintf(s.Stdout, "Recorded notice %s\n", id)
	}
	return 0, err
}

func (p Process) notices(args []string) (int, error) {
	fs := p.flags("notices", "[--timeout D] [--type T] [--key K] [--users all]")
	var f client.NoticeFilter
	fs.DurationVar(&f.Timeout, "timeout", 0, "wait that long for a notice")
	typ := fs.String("type", "", "only this `type`")
	key := fs.String("key", "", "only this `key`")
	users := fs.String("users", "", "\"all\" for every user's")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if *typ != "" {
		f.Types = []string{*typ}
	}
	if *key != "" {
		f.Keys = []string{*key}
	}
	f.AllUsers = *users == "all"
	list, err := s.c.Notices(s.ctx, f)
	if err != nil {
		return 1, err
	}
	return 0, s.table("ID\tUser\tType\tKey\tFirst\tRepeated\tOccurrences", func(row func(...string)) {
		for _, n := range list {
			user := "public"
			if n.UserID != nil {
				user = strconv.FormatUint(uint64(*n.UserID), 10)
			}
			row(n.ID, user, n.Type, n.Key, when(n.FirstOccurred), when(n.LastRepeated), strconv.Itoa(n.Occurrences))
		}
	})
}

func (p Process) logs(args []string) (int, error) {
	fs := p.flags("logs", "[-f] [-n N|all] [NAME…]")
	var o client.LogOptions
	fs.BoolVar(&o.Follow, "f", false, "go on with new lines")
	n := fs.String("n", "", "`number` of lines, or all")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	switch *n {
	case "":
	case "all":
		o.N = -1
	default:
		if o.N, err = strconv.Atoi(*n); err != nil {
			return 2, fmt.Errorf("-n must be a number or \"all\", got %q", *n)
		}
	}
	o.Services = s.args
	return 0, s.c.Logs(s.ctx, o, func(e client.LogEntry) error {
		_, err := fmt.Fprintf(s.Stdout, "%s [%s] %s\n", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Service, e.Message)
		return err
	})
}

// pairs collects repeated --env NAME=VALUE.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(kv string) error {
	k, v, ok := strings.Cut(kv, "=")
	if !ok {
		v = os.Getenv(k)
	}
	p[k] = v
	return nil
}

// number is an optional integer flag.
type number struct{ v *int }

func (n *number) String() string { return "" }

func (n *number) Set(text string) error {
	v, err := strconv.Atoi(text)
	n.v = &v
	return err
}

func (p Process) exec(args []string) (int, error) {
	fs := p.flags("exec", "[options] [--] COMMAND…")
	o := client.ExecOptions{Environment: map[string]string{}, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr}
	var uid, gid number
	fs.StringVar(&o.WorkingDir, "w", "", "working `directory`")
	fs.Var(pairs(o.Environment), "env", "`NAME=VALUE`, may be repeated")
	fs.StringVar(&o.User, "user", "", "user `name`")
	fs.StringVar(&o.Group, "group", "", "group `name`")
	fs.Var(&uid, "uid", "user `id`")
	fs.Var(&gid, "gid", "group `id`")
	fs.DurationVar(&o.Timeout, "timeout", 0, "kill it after this time")
	fs.StringVar(&o.ServiceContext, "context", "", "take environment, user and directory of this `service`")
	fs.BoolVar(&o.Terminal, "t", false, "output through a terminal")
	fs.BoolVar(&o.Interactive, "i", false, "input from a terminal, with -t")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if err := s.need(1, "COMMAND"); err != nil {
		return 2, err
	}
	o.Command, o.UserID, o.GroupID = s.args, uid.v, gid.v
	if o.Terminal {
		o.Stderr = nil
	}
	if p.Stdin == nil {
		o.Stdin = nil // an interface that holds a nil file is not nil
	}
	proc, err := s.c.Exec(s.ctx, o)
	if err != nil {
		return 1, err
	}
	err = proc.Wait(s.ctx)
	if exit, ok := errors.AsType[*client.ExitError](err); ok {
		return exit.Code, nil
	}
	return 0, err
}

func (p Process) ls(args []string) (int, error) {
	fs := p.flags("ls", "[-d] [-l] PATH")
	itself := fs.Bool("d", false, "the directory itself")
	long := fs.Bool("l", false, "with details")
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	if err := s.need(1, "PATH"); err != nil {
		return 2, err
	}
	list, err := s.c.ListFiles(s.ctx, s.args[0], "", *itself)
	if err != nil {
		return 1, err
	}
	if !*long {
		for _, f := range list {
			fmt.Fprintln(s.Stdout, f.Name)
		}
		return 0, nil
	}
	return 0, s.table("Type\tPermissions\tUser\tGroup\tSize\tModified\tName", func(row func(...string)) {
		for _, f := range list {
			row(f.Type, f.Permissions, f.User, f.Group, strconv.FormatInt(f.Size, 10), f.LastModified.Format(time.RFC3339), f.Name)
		}
	})
}

// file is what push, mkdir and rm share: one switch, and for the first two an owner.
func (p Process) file(verb, usage string, n int, args []string, do func(s *session, flag bool, o client.Owner) error) (int, error) {
	fs := p.flags(verb, usage)
	var o client.Owner
	var uid, gid number
	short := map[string]string{"rm": "r"}[verb]
	if short == "" {
		short = "p"
		fs.StringVar(&o.Permissions, "m", "", "`mode`, three octal digits")
		fs.StringVar(&o.User, "user", "", "user `name`")
		fs.StringVar(&o.Group, "group", "", "group `name`")
		fs.Var(&uid, "uid", "user `id`")
		fs.Var(&gid, "gid", "group `id`")
	}
	flag := fs.Bool(short, false, map[string]string{"r": "with everything below", "p": "make parents"}[short])
	s, done, err := p.connect(fs, args)
	if err != nil {
		return 2, err
	}
	defer done()
	o.UserID, o.GroupID = uid.v, gid.v
	if err := s.need(n, usage); err != nil {
		return 2, err
	}
	return 0, do(s, *flag, o)
}

func (p Process) push(args []string) (int, error) {
	return p.file("push", "[-p] [-m MODE] LOCAL REMOTE", 2, args, func(s *session, parents bool, o client.Owner) error {
		f, err := os.Open(s.args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		return s.c.Push(s.ctx, s.args[1], f, parents, o)
	})
}

func (p Process) mkdir(args []string) (int, error) {
	return p.file("mkdir", "[-p] [-m MODE] PATH", 1, args, func(s *session, parents bool, o client.Owner) error {
		return s.c.MakeDir(s.ctx, s.args[0], parents, o)
	})
}

func (p Process) rm(args []string) (int, error) {
	return p.file("rm", "[-r] PATH", 1, args, func(s *session, recursive bool, _ client.Owner) error {
		return s.c.Remove(s.ctx, s.args[0], recursive)
	})
}

// pull writes beside the target first, so a failed transfer leaves nothing half done.
func (p Process) pull(args []string) (int, error) {
	s, done, err := p.connect(p.flags("pull", "REMOTE LOCAL"), args)
	if err != nil {
		return 2, err
	}
	defer done()
	if err := s.need(2, "REMOTE LOCAL"); err != nil {
		return 2, err
	}
	temp := s.args[1] + "~"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return 1, err
	}
	err = errors.Join(s.c.Pull(s.ctx, s.args[0], io.Writer(f)), f.Close())
	if err != nil {
		_ = os.Remove(temp)
		return 1, err
	}
	return 0, os.Rename(temp, s.args[1])
}
