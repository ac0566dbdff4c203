// Package cli is the command line of the supervisor: `run`, and the verbs
// that drive a running one over its socket.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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

func (p Process) flags(verb, usage string) *flag.FlagSet {
	fs := flag.NewFlagSet(verb, flag.ContinueOnError)
	fs.SetOutput(p.Stderr)
	fs.Usage = func() {
		fmt.Fprintf(p.Stderr, "usage: %s %s %s\n", p.name(), verb, usage)
		fs.PrintDefaults()
	}
	return fs
}

// verb is one subcommand; the code is what the process exits with.
type verb struct {
	name, args, help string
	do               func(Process, []string) (int, error)
}

// Main runs one command line and returns the exit code.
func Main(p Process) int {
	if len(p.Args) < 2 {
		p.help(p.Stderr)
		return 2
	}
	name, args := p.Args[1], p.Args[2:]
	switch name {
	case "help", "-h", "--help":
		p.help(p.Stdout)
		return 0
	}
	for _, v := range verbs() {
		if v.name != name {
			continue
		}
		code, err := v.do(p, args)
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		if err != nil {
			fmt.Fprintf(p.Stderr, "error: %v\n", err)
			if code == 0 {
				code = daemon.ExitError
			}
		}
		return code
	}
	fmt.Fprintf(p.Stderr, "error: unknown command %q, see '%s help'\n", name, p.name())
	return 2
}

func (p Process) help(w io.Writer) {
	fmt.Fprintf(w, "usage: %s <command> [options]\n\n", p.name())
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-38s %s\n", strings.TrimSpace(v.name+" "+v.args), v.help)
	}
	fmt.Fprintln(w, "\nPEBBLE is the supervisor's directory, PEBBLE_SOCKET its socket ($PEBBLE/.pebble.socket).")
}
