package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errHelp ends a verb that was asked to explain itself.
var errHelp = errors.New("help was asked for")

// option is one switch of a verb.
type option struct {
	short, long string
	value       string   // what the value is called, "" for a switch without one
	allowed     []string // the only values, nil for any
	usage       string
	set         func(string) error
}

// title names the option as messages do.
func (o *option) title() string {
	switch {
	case o.long == "":
		return "-" + o.short
	case o.short == "":
		return "--" + o.long
	}
	return "-" + o.short + ", --" + o.long
}

// param is one positional argument.
type param struct {
	name           string
	optional, many bool
}

// flags are the options and arguments of one verb. The standard library's
// package knows neither clusters (-ld) nor options after arguments.
type flags struct {
	verb    string
	params  []param
	options []*option
	front   bool // options end at the first argument
	lax     bool // the daemon judges how many arguments there are
	help    func(*flags)
	args    []string
}

// expect declares positional arguments: "<a> <b>...", "[<c>...]".
func (f *flags) expect(text string) {
	for word := range strings.FieldsSeq(text) {
		p := param{optional: strings.HasPrefix(word, "["), many: strings.Contains(word, "...")}
		p.name = strings.TrimSuffix(strings.Trim(word, "[]"), "...")
		f.params = append(f.params, p)
	}
}

func (f *flags) add(name, value, usage string, set func(string) error) *option {
	o := &option{value: value, usage: usage, set: set}
	short, long, both := strings.Cut(name, ",")
	switch {
	case both:
		o.short, o.long = short, long
	case len(name) == 1:
		o.short = name
	default:
		o.long = name
	}
	f.options = append(f.options, o)
	return o
}

// BoolVar declares a switch; name is "x", "long" or "x,long".
func (f *flags) BoolVar(p *bool, name string, value bool, usage string) {
	*p = value
	f.add(name, "", usage, func(string) error { *p = true; return nil })
}

// StringVar declares an option with a value.
func (f *flags) StringVar(p *string, name, value, usage string) *option {
	*p = value
	return f.add(name, "value", usage, func(s string) error { *p = s; return nil })
}

// DurationVar declares an option such as 1m30s.
func (f *flags) DurationVar(p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	o := f.add(name, "duration", usage, nil)
	o.set = func(s string) (err error) {
		if *p, err = time.ParseDuration(s); err != nil {
			return fmt.Errorf("invalid argument for flag `%s' (expected time.Duration): %w", o.title(), err)
		}
		return nil
	}
}

// intVar declares a number that may be absent.
func (f *flags) intVar(p **int, name, usage string) {
	o := f.add(name, "number", usage, nil)
	o.set = func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("invalid argument for flag `%s' (expected a number, 0 or more): %q", o.title(), s)
		}
		*p = &n
		return nil
	}
}

// choice declares an option with few values; the first is the default if dflt is set.
func (f *flags) choice(p *string, name, dflt, usage string, allowed ...string) {
	o := f.StringVar(p, name, dflt, usage)
	o.allowed = allowed
	o.set = func(s string) error {
		if !slices.Contains(allowed, s) {
			last := len(allowed) - 1
			return fmt.Errorf("Invalid value `%s' for option `%s'. Allowed values are: %s or %s", //nolint:staticcheck // as other clients say it
				s, o.title(), strings.Join(allowed[:last], ", "), allowed[last])
		}
		*p = s
		return nil
	}
}

func (f *flags) find(short, long string) *option {
	for _, o := range f.options {
		if short != "" && o.short == short || long != "" && o.long == long {
			return o
		}
	}
	return nil
}

// Parse reads the arguments of the verb.
func (f *flags) Parse(args []string) error {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			f.args = append(f.args, args...)
			args = nil
		case len(word) < 2 || word[0] != '-':
			f.args = append(f.args, word)
			if f.front {
				f.args = append(f.args, args...)
				args = nil
			}
		case strings.HasPrefix(word, "--"):
			args, err = f.parseLong(word[2:], args)
		default:
			args, err = f.parseShort(word[1:], args)
		}
		if err != nil {
			return err
		}
	}
	return f.count()
}

func (f *flags) parseLong(word string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	o := f.find("", name)
	switch {
	case o == nil && name == "help":
		f.help(f)
		return nil, errHelp
	case o == nil:
		return nil, fmt.Errorf("unknown flag `%s'", name)
	case o.value == "" && given:
		return nil, fmt.Errorf("bool flag `%s' cannot have an argument", o.title())
	case o.value == "" || given:
		return rest, o.set(value)
	}
	return o.take(rest)
}

// parseShort reads a cluster: switches, then perhaps one option whose value is the rest of the word.
func (f *flags) parseShort(word string, rest []string) ([]string, error) {
	for i, c := range word {
		o, tail := f.find(string(c), ""), word[i+len(string(c)):]
		switch {
		case o == nil && c == 'h':
			f.help(f)
			return nil, errHelp
		case o == nil:
			return nil, fmt.Errorf("unknown flag `%c'", c)
		case o.value == "" && strings.HasPrefix(tail, "="):
			return nil, fmt.Errorf("bool flag `%s' cannot have an argument", o.title())
		case o.value == "":
			if err := o.set(""); err != nil {
				return nil, err
			}
			continue
		case tail != "":
			return rest, o.set(strings.TrimPrefix(tail, "="))
		}
		return o.take(rest)
	}
	return rest, nil
}

// take uses the next word as the value.
func (o *option) take(rest []string) ([]string, error) {
	if len(rest) == 0 {
		return nil, fmt.Errorf("expected argument for flag `%s'", o.title())
	}
	if len(rest[0]) > 1 && rest[0][0] == '-' && (rest[0] == "--" || o.value != "count" && o.value != "NAME=VALUE") {
		return nil, fmt.Errorf("expected argument for flag `%s', but got option `%s'", o.title(), rest[0])
	}
	return rest[1:], o.set(rest[0])
}

// count compares the arguments with what is expected.
func (f *flags) count() error {
	var missing []string
	most := 0
	for i, p := range f.params {
		if p.many {
			most = len(f.args)
		} else {
			most++
		}
		if i < len(f.args) || p.optional || f.lax && i > 0 {
			continue
		}
		name := "`" + p.name + "`"
		if p.many {
			name = "`" + p.name + " (at least 1 argument)`"
		}
		missing = append(missing, name)
	}
	switch {
	case len(missing) == 1:
		return fmt.Errorf("the required argument %s was not provided", missing[0])
	case len(missing) > 1:
		last := len(missing) - 1
		return fmt.Errorf("the required arguments %s and %s were not provided", strings.Join(missing[:last], ", "), missing[last])
	case len(f.args) > most && !f.lax:
		return errors.New("too many arguments for command")
	}
	return nil
}

// arg returns the i-th argument, "" when it was left out.
func (f *flags) arg(i int) string {
	if i < len(f.args) {
		return f.args[i]
	}
	return ""
}
