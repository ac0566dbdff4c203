// Package cli is the command line of the supervisor: `run`, and the verbs
// that drive a running one over its socket.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/supervisor/client"
	"github.com/bangle-dev/bangle/supervisor/daemon"
)

// Process is what a command line runs in.
type Process struct {
	Args           []string // as of os.Args
	Environ        []string
	Stdin          *os.File
	Stdout, Stderr io.Writer
}

const defaultDir = "/var/lib/pebble/default"

func (p Process) getenv(key string) string {
	value := ""
	for _, kv := range p.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			value = v
		}
	}
	return value
}

func (p Process) dir() string {
	if d := p.getenv("PEBBLE"); d != "" {
		return d
	}
	return defaultDir
}

func (p Process) socket() string {
	if s := p.getenv("PEBBLE_SOCKET"); s != "" {
		return s
	}
	return filepath.Join(p.dir(), ".pebble.socket")
}

// name is what the binary was called as.
func (p Process) name() string { return filepath.Base(p.Args[0]) }

// flags begins the declaration of a verb's options; params as of flags.expect.
func (p Process) flags(verb, params string) *flags {
	f := &flags{verb: verb, help: p.explain}
	f.expect(params)
	return f
}

// Main runs one command line and returns the exit code.
func Main(p Process) int {
	code, err := p.command(p.Args[1:])
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err == nil:
		return code
	}
	text := err.Error()
	if e, ok := errors.AsType[*client.Error](err); ok && text == e.Message {
		text = fill(text, screen-len("error: "), strings.Repeat(" ", len("error: ")))
	}
	fmt.Fprintf(p.Stderr, "error: %s\n", text)
	if code == 0 {
		code = daemon.ExitError
	}
	return code
}

// command runs one verb; the code counts even without an error.
func (p Process) command(args []string) (int, error) {
	if len(args) == 0 {
		p.help(p.Stdout, false)
		return 0, nil
	}
	switch args[0] {
	case "-h", "--help":
		p.help(p.Stdout, false)
		return 0, nil
	case "--version":
		fmt.Fprintln(p.Stdout, daemon.Version)
		return 0, nil
	}
	if strings.HasPrefix(args[0], "-") {
		return 0, fmt.Errorf("unknown flag `%s'", strings.TrimLeft(args[0], "-"))
	}
	v, err := p.find(args[0])
	if err != nil {
		return 0, err
	}
	return v.do(p, args[1:])
}

func (p Process) find(name string) (verb, error) {
	for _, v := range verbs() {
		if v.name == name {
			return v, nil
		}
	}
	return verb{}, fmt.Errorf("unknown command %q, see '%s help'", name, p.name())
}

func (p Process) helpVerb(args []string) (int, error) {
	f := p.flags("help", "[<command>...]")
	all := false
	f.BoolVar(&all, "all", false, "one line for each command")
	if err := f.Parse(args); err != nil {
		return 0, err
	}
	if len(f.args) != 1 {
		if len(f.args) > 1 {
			return 0, fmt.Errorf("unknown command %q, see '%s help'", f.args[0], p.name())
		}
		p.help(p.Stdout, all)
		return 0, nil
	}
	v, err := p.find(f.args[0])
	if err != nil {
		return 0, err
	}
	return v.do(p, []string{"--help"})
}
