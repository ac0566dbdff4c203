package tool

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errHelp says that the user asked for help.
var errHelp = errors.New("help requested")

// option is one flag under one or more names.
type option struct {
	names   []string
	usage   string
	boolean bool
	value   string
	preset  string // shown by --help as the default
	set     bool   // said on the command line
}

// flags parses the way Juju's tools do: flags and positional arguments in any order, "--flag v" and "--flag=v",
// booleans with an optional "=value", "--" ends the flags, a lone "-" is an argument.
type flags struct {
	byName map[string]*option
	order  []*option
}

func newFlags() *flags { return &flags{byName: map[string]*option{}} }

func (f *flags) add(o *option) {
	for _, n := range o.names {
		f.byName[n] = o
	}
	f.order = append(f.order, o)
}

// str declares a flag with a value; the first name is the one it is asked by.
func (f *flags) str(preset, usage string, names ...string) {
	f.add(&option{names: names, usage: usage, value: preset, preset: preset})
}

// flag declares a boolean.
func (f *flags) flag(usage string, names ...string) {
	f.add(&option{names: names, usage: usage, boolean: true, value: "false"})
}

// format declares --format with its default.
func (f *flags) format(preset string) {
	f.str(preset, "Specify output format (json|smart|yaml)", "format")
}

func (f *flags) text(name string) string {
	if o := f.byName[name]; o != nil {
		return o.value
	}
	return ""
}

// presetStorage makes the hook's storage the default of storage-get's -s. Charms with ops below 2.24 read it from --help.
func (f *flags) presetStorage(id string) {
	if o := f.byName["s"]; o != nil && id != "" {
		o.value, o.preset = id, id
	}
}

// given is a flag's value if the command line has it.
func (f *flags) given(name string) *string {
	if o := f.byName[name]; o != nil && o.set {
		return &o.value
	}
	return nil
}

func (f *flags) on(name string) bool { return f.text(name) == "true" }

// parse sorts argv into flags and arguments.
func (f *flags) parse(argv []string) ([]string, error) {
	var rest []string
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		if a == "--" {
			return append(rest, argv[i+1:]...), nil
		}
		if len(a) < 2 || a[0] != '-' {
			rest = append(rest, a)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name == "help" || name == "h" {
			return nil, errHelp
		}
		o := f.byName[name]
		if o == nil {
			return nil, fmt.Errorf("option provided but not defined: %s", flagText(a, name))
		}
		if !hasValue && !o.boolean {
			if i+1 >= len(argv) {
				return nil, fmt.Errorf("option needs an argument: %s", flagText(a, name))
			}
			i++
			value = argv[i]
		}
		if err := o.take(a, value, hasValue); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (o *option) take(given, value string, hasValue bool) error {
	if o.boolean {
		if !hasValue {
			value = "true"
		}
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("invalid value %q for option %s: expected true or false", value, given)
		}
		value = strconv.FormatBool(b)
	}
	o.value, o.set = value, true
	return nil
}

func flagText(given, name string) string {
	if strings.HasPrefix(given, "--") {
		return "--" + name
	}
	return "-" + name
}

func (o *option) help() string {
	var names []string
	for _, n := range o.names {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	preset := ""
	if !o.boolean {
		preset = fmt.Sprintf(" (= %s)", quoted(o.preset))
	}
	return fmt.Sprintf("%s%s\n    %s\n", strings.Join(names, ", "), preset, o.usage)
}

func quoted(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
