package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/bangle-dev/bangle/supervisor/client"
)

// ttyFlags are the two pairs of switches that force and forbid a terminal.
type ttyFlags struct{ t, noT, i, noI bool }

// choose says whether the command gets a terminal for output, and for input too.
func (f ttyFlags) choose(stdin, stdout bool) (terminal, interactive bool, err error) {
	switch {
	case f.t && f.noT:
		return false, false, errors.New("cannot use -t and -T at the same time")
	case f.i && f.noI:
		return false, false, errors.New("cannot use -i and -I at the same time")
	}
	terminal = f.t || !f.noT && stdout
	interactive = f.i || !f.noI && stdin && terminal
	return terminal, interactive, nil
}

// execFlags declares the options of `exec`; the results are whole once parsed.
func (f *flags) execFlags(o *client.ExecOptions, tty *ttyFlags) {
	f.StringVar(&o.WorkingDir, "w", "", "directory to run it in").value = "directory"
	f.add("env", "NAME=VALUE", "set this variable; NAME alone takes it from here; may be repeated", func(kv string) error {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			v = os.Getenv(k)
		}
		o.Environment[k] = v
		return nil
	})
	f.intVar(&o.UserID, "uid", "id of the user to run it as")
	f.StringVar(&o.User, "user", "", "name of that user")
	f.intVar(&o.GroupID, "gid", "id of the group to run it as")
	f.StringVar(&o.Group, "group", "", "name of that group")
	f.DurationVar(&o.Timeout, "timeout", 0, "kill it after this time")
	f.StringVar(&o.ServiceContext, "context", "", "run it with the environment, user and directory of this service").value = "service"
	f.BoolVar(&tty.t, "t", false, "give it a terminal for its output (default: if this output is one)")
	f.BoolVar(&tty.noT, "T", false, "give it no terminal")
	f.BoolVar(&tty.i, "i", false, "give it a terminal for its input (default: if this input is one)")
	f.BoolVar(&tty.noI, "I", false, "give it a pipe for its input")
}

func (p Process) exec(args []string) (int, error) {
	f := p.flags("exec", "<command>")
	f.front, f.lax = true, true
	o := client.ExecOptions{Environment: map[string]string{}, Stdout: p.Stdout, Stderr: p.Stderr}
	var tty ttyFlags
	f.execFlags(&o, &tty)
	s, done, err := p.open(f, args)
	if err != nil {
		return 0, err
	}
	defer done()
	o.Command = s.args
	if p.Stdin != nil {
		o.Stdin = p.Stdin // an interface that holds a nil file is not nil
	}
	out, outTTY := terminal(p.Stdout)
	inTTY := p.Stdin != nil && term.IsTerminal(int(p.Stdin.Fd()))
	if o.Terminal, o.Interactive, err = tty.choose(inTTY, outTTY); err != nil {
		return 0, err
	}
	if o.Terminal {
		o.Stderr = nil
		if name := p.getenv("TERM"); name != "" && o.Environment["TERM"] == "" {
			o.Environment["TERM"] = name
		}
		if outTTY {
			o.Width, o.Height, _ = term.GetSize(int(out.Fd()))
		}
	}
	if o.Interactive && inTTY {
		old, err := term.MakeRaw(int(p.Stdin.Fd()))
		if err != nil {
			return 0, fmt.Errorf("cannot put the terminal into raw mode: %w", err)
		}
		defer func() { _ = term.Restore(int(p.Stdin.Fd()), old) }()
	}
	return s.attend(o, out)
}

// attend runs the command and hands it signals and sizes until it has ended.
func (s *session) attend(o client.ExecOptions, out *os.File) (int, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded()...)
	defer signal.Stop(signals)
	proc, err := s.c.Exec(ctx, o)
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			select {
			case sig := <-signals:
				_ = s.hand(ctx, proc, sig, o.Terminal, out)
			case <-ctx.Done():
				return
			}
		}
	}()
	err = proc.Wait(s.ctx)
	if exit, ok := errors.AsType[*client.ExitError](err); ok {
		return exit.Code, nil
	}
	return 0, err
}

// forwarded are the signals that the command gets instead of this process.
func forwarded() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH}
}

// hand passes one signal on; a change of the window is a new size for the terminal.
func (s *session) hand(ctx context.Context, proc *client.Process, sig os.Signal, pty bool, out *os.File) error {
	number, ok := sig.(syscall.Signal)
	if !ok {
		return nil
	}
	if number != syscall.SIGWINCH {
		return proc.Signal(ctx, unix.SignalName(number))
	}
	if !pty || out == nil {
		return nil
	}
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return err
	}
	return proc.Resize(ctx, width, height)
}
