package tool

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/bangle-dev/bangle/sdk/hook"
)

// Result is what the caller of a tool sees.
type Result struct {
	Stdout []byte
	Stderr []byte
	Exit   int
}

// call is one invocation of one tool.
type call struct {
	ctx   context.Context
	hook  *hook.Context
	flags *flags
	args  []string
	stdin []byte
	out   any  // what the tool answers; rendered in the chosen format
	set   bool // out is to be printed
	files func(name string) ([]byte, error)
}

// print hands over the answer; it is rendered by --format when the tool has that flag.
func (c *call) print(v any) { c.out, c.set = v, true }

// spec describes one tool: everything that --help says and what to run.
type spec struct {
	args    string // "[flags] <key>" part after the name
	purpose string
	flags   func(*flags)
	run     func(*call) error
}

// usageError is a failure that exits with 2.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Names lists all tools in order.
func Names() []string {
	var names []string
	for name := range tools() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Links lists every name that must be on a hook's PATH: the tools, and those of the program that processes outside of hooks
// ask for a hook of their own with.
func Links() []string { return append(Names(), "juju-exec", "juju-run") }

// Files reads a file for flags such as --file; the hook tool's client reads them on its own side, because the charm may
// live in another mount namespace.
type Files func(name string) ([]byte, error)

// Run answers one tool. A name that is no tool exits with 127; a nil files refuses to read files.
func Run(ctx context.Context, h *hook.Context, name string, argv []string, stdin []byte, files Files) Result {
	t, ok := tools()[name]
	if !ok {
		return failure(127, fmt.Errorf("%q is not a hook tool", name))
	}
	f := newFlags()
	if t.flags != nil {
		t.flags(f)
	}
	f.presetStorage(h.Event().GetStorageId())
	rest, err := f.parse(argv)
	if errors.Is(err, errHelp) {
		return Result{Stdout: []byte(help(name, t, f))}
	}
	if err != nil {
		return failure(2, err)
	}
	c := &call{ctx: ctx, hook: h, flags: f, args: rest, stdin: stdin, files: files}
	if err := t.run(c); err != nil {
		if _, ok := errors.AsType[usageError](err); ok {
			return failure(2, err)
		}
		return failure(1, err)
	}
	if !c.set {
		return Result{}
	}
	text, err := render(f.text("format"), c.out)
	if err != nil {
		return failure(2, err)
	}
	return Result{Stdout: text}
}

func failure(exit int, err error) Result {
	return Result{Exit: exit, Stderr: []byte("ERROR " + strings.TrimSpace(err.Error()) + "\n")}
}

func help(name string, t spec, f *flags) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [options]", name)
	if t.args != "" {
		b.WriteString(" " + t.args)
	}
	fmt.Fprintf(&b, "\n\nSummary:\n%s\n", t.purpose)
	if len(f.order) > 0 {
		b.WriteString("\nOptions:\n")
		for _, o := range f.order {
			b.WriteString(o.help())
		}
	}
	return b.String()
}

// none refuses arguments that a tool does not take.
func (c *call) none(from int) error {
	if len(c.args) > from {
		return usage("unrecognized args: %q", c.args[from:])
	}
	return nil
}

// read returns the content of --file, "-" being the standard input.
func (c *call) read(name string) ([]byte, error) {
	if name == "-" {
		return c.stdin, nil
	}
	if c.files == nil {
		return nil, fmt.Errorf("cannot read file %q: files cannot be read from here", name)
	}
	return c.files(name)
}
