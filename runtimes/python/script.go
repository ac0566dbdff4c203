package python

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// A charm's dispatch is a shell script that somebody's tool wrote: some variables, then the charm's Python program. Where it
// says no more than that, what it would start can be started without a shell. script understands exactly the statements of
// the scripts that are in use; any other makes the charm run as it always did.

// pythonProgram is a Python program as an interpreter would be given it.
type pythonProgram struct {
	interpreter string   // absolute path
	options     []string // of the interpreter
	argv        []string // sys.argv
	orig        []string // sys.orig_argv
	env         map[string]string
}

// errOther is a dispatch that does something of its own.
var errOther = errors.New("dispatch is not the usual script")

func other(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errOther}, args...)...)
}

// script is a shell script that is being understood.
type script struct {
	path string // $0
	vars map[string]string
	env  map[string]string // exported
}

// understand finds what a program of a charm would start, in the environment and the directory it would be started in.
func understand(path, dir string, env map[string]string) (pythonProgram, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return pythonProgram{}, err
	}
	s := script{path: path, vars: map[string]string{}, env: map[string]string{}}
	for k, v := range env {
		s.vars[k], s.env[k] = v, v
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if first != "#!/bin/sh" && first != "#! /bin/sh" {
		return s.python([]string{path}, dir)
	}
	s.vars["PWD"], s.env["PWD"] = dir, dir // as the shell does
	return s.run(strings.ReplaceAll(rest, "\\\n", " "), dir)
}

var (
	assignment = regexp.MustCompile(`^(export )?([A-Za-z_]\w*)=`)
	missing    = regexp.MustCompile(`^if \[ ! -e (.+) \]; then$`)
	prefix     = regexp.MustCompile(`^([A-Za-z_]\w*)=`)
)

// run goes through the statements to the last one, which is the program.
func (s *script) run(text, dir string) (pythonProgram, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := missing.FindStringSubmatch(line); m != nil {
			end, err := s.skip(m[1], lines[i:])
			if err != nil {
				return pythonProgram{}, err
			}
			i += end
			continue
		}
		words, err := s.words(line)
		if err != nil {
			return pythonProgram{}, err
		}
		if s.assign(line, words) {
			continue
		}
		if i != len(lines)-1 {
			return pythonProgram{}, other("%q is followed by more", line)
		}
		return s.command(line, words, dir)
	}
	return pythonProgram{}, other("it starts nothing")
}

// skip passes over the making of a link to the interpreter that is there already.
func (s *script) skip(word string, lines []string) (int, error) {
	words, err := s.words(word)
	if err != nil || len(words) != 1 {
		return 0, other("%q", lines[0])
	}
	if _, err := os.Stat(words[0]); err != nil {
		return 0, other("%s is not there yet", words[0])
	}
	for i, line := range lines {
		if line == "fi" {
			return i, nil
		}
		if line == "else" || i > 0 && strings.HasPrefix(line, "if ") {
			break
		}
	}
	return 0, other("%q has no plain end", lines[0])
}

// assign carries an assignment out; false when the line is something else.
func (s *script) assign(line string, words []string) bool {
	m := assignment.FindStringSubmatch(line)
	if m == nil || m[1] == "" && len(words) != 1 || m[1] != "" && len(words) != 2 {
		return false
	}
	name, value, _ := strings.Cut(words[len(words)-1], "=")
	s.vars[name] = value
	if _, exported := s.env[name]; exported || m[1] != "" {
		s.env[name] = value
	}
	return true
}

// command is the last line: variables for the program, and the program.
func (s *script) command(line string, words []string, dir string) (pythonProgram, error) {
	for len(words) > 0 && prefix.MatchString(words[0]) {
		name, value, _ := strings.Cut(words[0], "=")
		s.env[name] = value
		words = words[1:]
	}
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 {
		return pythonProgram{}, other("%q starts nothing", line)
	}
	return s.python(words, dir)
}

var (
	interpreter = regexp.MustCompile(`^python(3(\.\d+)?)?$`)
	option      = regexp.MustCompile(`^-[BObqsu]+$`) // those that say nothing of where modules are
	shebang     = regexp.MustCompile(`^#! ?(\S+)(?: (\S+))?$`)
)

// python says which interpreter runs which file: the words of a command are an interpreter and a file, or the file.
func (s *script) python(words []string, dir string) (pythonProgram, error) {
	p := pythonProgram{argv: words, env: s.env}
	switch {
	case filepath.Base(words[0]) == "env" && filepath.IsAbs(words[0]) && len(words) > 2 && interpreter.MatchString(words[1]):
		p.interpreter, p.argv = words[1], words[2:]
	case interpreter.MatchString(filepath.Base(words[0])) && len(words) > 1:
		p.interpreter, p.argv = words[0], words[1:]
	default:
		m := shebang.FindStringSubmatch(firstLine(absolute(words[0], dir)))
		switch {
		case m == nil:
			return p, other("%s is no Python program", words[0])
		case filepath.Base(m[1]) == "env" && m[2] != "":
			p.interpreter = m[2]
		case m[2] == "":
			p.interpreter = m[1]
		}
		info, err := os.Stat(absolute(words[0], dir))
		if err != nil || info.Mode()&0o111 == 0 || !strings.Contains(words[0], "/") {
			return p, other("%s cannot be started", words[0])
		}
	}
	p.orig = append([]string{p.interpreter}, p.argv...)
	for len(p.argv) > 1 && option.MatchString(p.argv[0]) {
		p.options, p.argv = append(p.options, p.argv[0]), p.argv[1:]
	}
	if !interpreter.MatchString(filepath.Base(p.interpreter)) || strings.HasPrefix(p.argv[0], "-") {
		return p, other("%s %s", p.interpreter, p.argv[0])
	}
	if info, err := os.Stat(absolute(p.argv[0], dir)); err != nil || !info.Mode().IsRegular() || filepath.Ext(p.argv[0]) == ".pyz" {
		return p, other("%s is not a file", p.argv[0])
	}
	var list []string
	for k, v := range s.env {
		list = append(list, k+"="+v)
	}
	found, err := lookPath(p.interpreter, list)
	if err != nil {
		return p, other("%v", err)
	}
	if strings.Contains(found, "/") {
		found = absolute(found, dir)
	}
	p.interpreter = found
	return p, nil
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// firstLine is the first line of a file, "" when it cannot be read.
func firstLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head) // what cannot be read has no first line
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	return line
}

// machine is what `uname -m` prints.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return runtime.GOARCH
}
