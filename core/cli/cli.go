// Package cli is the command line: verbs, their flags and how answers are shown. It decides nothing; the controller does.
// Verbs, flags, exit codes and JSON are those of Juju 3.6; linked as `juju` it answers under that name.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bangle-dev/bangle/core/home"
)

// app is what every command has at hand.
type app struct {
	name   string // bangle, or juju when linked so
	home   string
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	tty    bool // out is a terminal: progress is drawn, colours are used
	// dialer stands in for dial in tests; nil is dial.
	dialer func(ctx context.Context, controller, model string, needModel bool) (*target, error)
}

// Main runs one command line and returns the exit code: 0 done, 1 failed, 2 wrong use. What `bangle exec` ran gives its
// own code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{name: programName(args[0]), in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv,
		tty: term.IsTerminal(int(os.Stdout.Fd()))}
	return a.run(ctx, args[1:])
}

func programName(path string) string {
	if filepath.Base(path) == "juju" {
		return "juju"
	}
	return "bangle"
}

// exitCode is an error that only sets the exit code: everything was said already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is wrong use: exit code 2.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (a *app) run(ctx context.Context, args []string) int {
	dir, err := a.homeDir()
	if err != nil {
		fmt.Fprintln(a.err, "ERROR", err)
		return 1
	}
	a.home = dir
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err = root.ExecuteContext(ctx)
	var code exitCode
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &wrong):
		fmt.Fprintf(a.err, "ERROR %v\n", err)
		return 2
	}
	fmt.Fprintln(a.err, "ERROR", message(err))
	return 1
}

// homeDir is BANGLE_HOME and its defaults; as juju it is JUJU_DATA where that is set.
func (a *app) homeDir() (string, error) {
	if a.name == "juju" && a.getenv("BANGLE_HOME") == "" && a.getenv("JUJU_DATA") != "" {
		return filepath.Abs(a.getenv("JUJU_DATA"))
	}
	return home.Dir(a.getenv)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           a.name,
		Short:         "Run applications and their integrations on Kubernetes, machines and laptops",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unrecognized command: %s %s; see %s --help", a.name, args[0], a.name)
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	for _, group := range a.groups() {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	return root
}

// group is a heading of --help with its commands.
type group struct {
	id, title string
	commands  []*cobra.Command
}
