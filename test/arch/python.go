package arch

import (
	"maps"
	"slices"
	"strings"
)

// Long are the Python files that may have more lines than others, each with the reason.
func Long() map[string]string {
	return map[string]string{
		"sdk/wasm/micropython/bangle/bangle.py": "the engine evaluates one text, and `bangle init` lays one file beside a charm",
	}
}

// Python reports every Python file and function over the limits of Go's, and exceptions that are none any more. Tests
// are no exception: what reads them is a person too.
func Python(files []*File) []Violation {
	var found []Violation
	for _, f := range files {
		if !strings.HasSuffix(f.Path, ".py") {
			continue
		}
		n, why := f.Lines(), Long()[f.Path]
		switch {
		case n > MaxFileLines && why == "":
			found = append(found, f.at(1, "file has %d lines, the limit is %d", n, MaxFileLines))
		case n <= MaxFileLines && why != "":
			found = append(found, f.at(1, "file has %d lines: it needs no exception from the limit", n))
		}
		for _, fn := range pythonFunctions(string(f.Source)) {
			if fn.lines > MaxFunctionLines {
				found = append(found, f.at(fn.line, "function %s has %d lines, the limit is %d", fn.name, fn.lines, MaxFunctionLines))
			}
		}
	}
	return found
}

// Exceptions reports entries of Long whose file is not in the tree.
func Exceptions(files []*File) []Violation {
	var found []Violation
	for _, name := range slices.Sorted(maps.Keys(Long())) {
		if !slices.ContainsFunc(files, func(f *File) bool { return f.Path == name }) {
			found = append(found, Violation{Path: name, Line: 1, Text: "has an exception from the limit of lines and is not there"})
		}
	}
	return found
}

// pythonFunction is one `def`, from its own line to its last statement's.
type pythonFunction struct {
	name        string
	line, lines int
}

// pythonFunctions finds every function of a source, those within others too.
func pythonFunctions(source string) []pythonFunction {
	var found []pythonFunction
	statements := pythonStatements(source)
	for i, s := range statements {
		rest, isDef := strings.CutPrefix(strings.TrimPrefix(s.text, "async "), "def ")
		if !isDef {
			continue
		}
		end := s.end
		for _, inner := range statements[i+1:] {
			if inner.indent <= s.indent {
				break
			}
			end = inner.end
		}
		name, _, _ := strings.Cut(rest, "(")
		found = append(found, pythonFunction{name: strings.TrimSpace(name), line: s.line, lines: end - s.line + 1})
	}
	return found
}

// pythonStatement is one logical line: brackets, texts of several lines and backslashes make it go on.
type pythonStatement struct {
	text              string // how its first line begins
	indent, line, end int
}

func pythonStatements(source string) []pythonStatement {
	var found []pythonStatement
	open, depth := "", 0 // the quotes of a text that goes on, and the brackets
	goesOn := false
	for n, line := range strings.Split(source, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case open == "" && depth == 0 && !goesOn:
			if text == "" || text[0] == '#' {
				continue
			}
			found = append(found, pythonStatement{text: text, indent: len(line) - len(strings.TrimLeft(line, " \t")), line: n + 1, end: n + 1})
		case text != "" || open != "":
			found[len(found)-1].end = n + 1
		}
		open, depth, goesOn = pythonLine(line, open, depth)
	}
	return found
}

// pythonLine says what is open after a line: the quotes of a text, brackets, and whether a backslash ends it.
func pythonLine(line, open string, depth int) (string, int, bool) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && (open != "" || i == len(line)-1):
			i++
		case open != "":
			if strings.HasPrefix(line[i:], open) {
				i += len(open) - 1
				open = ""
			}
		case c == '#':
			return open, depth, false
		case c == '"' || c == '\'':
			open = string(c)
			if triple := strings.Repeat(open, 3); strings.HasPrefix(line[i:], triple) {
				open = triple
				i += 2
			}
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	goesOn := strings.HasSuffix(line, "\\") && len(open) != 3
	if len(open) == 1 && !goesOn {
		open = "" // a text of one line ends with it
	}
	return open, max(depth, 0), goesOn
}
