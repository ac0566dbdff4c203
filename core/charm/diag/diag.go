// Package diag holds what is found wrong in the files of a charm or bundle: all
// of it, each with file, line, key, what is allowed and what to do.
package diag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Severity says whether a finding stops the operation.
type Severity string

// The severities. A Note and a Warning are shown, an Error stops the operation.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Diagnostic is one finding at one place.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// File is the name of the file inside the package, e.g. "metadata.yaml".
	File string `json:"file"`
	// Line counts from 1; 0 when the finding is about the whole file.
	Line int `json:"line,omitempty"`
	// Key is the dotted path of the key, "" when there is none.
	Key string `json:"key,omitempty"`
	// Message says what is wrong and what is allowed.
	Message string `json:"message"`
	// Hint says what to do, "" when the message says it.
	Hint string `json:"hint,omitempty"`
}

// String returns the whole finding on one line, in the form of all errors
// about files: "cannot read FILE: line N: MESSAGE; HINT".
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.Severity == Warning || d.Severity == Note {
		fmt.Fprintf(&b, "%s: %s: ", d.Severity, d.File)
	} else {
		fmt.Fprintf(&b, "cannot read %s: ", d.File)
	}
	if d.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", d.Line)
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString("; " + d.Hint)
	}
	return b.String()
}

// List is the findings about one package, in the order they are shown in.
type List []Diagnostic

// HasErrors reports whether anything in the list stops the operation.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Errors returns the findings that stop the operation, Warnings the others.
func (l List) Errors() List { return l.only(Error) }

// Warnings returns the findings that do not stop the operation.
func (l List) Warnings() List { return l.only(Warning) }

func (l List) only(s Severity) List {
	var out List
	for _, d := range l {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// String returns one line for each finding.
func (l List) String() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns nil without errors in the list, else one error of class
// errs.Invalid with a line for each of them.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return errs.E(errs.Invalid, "%s", l.Errors())
}

// AddYAML adds what decoding found: err (from sdk/yaml) as errors and unknown
// keys as warnings. An error that is not about YAML becomes one finding.
func (l *List) AddYAML(file string, unknown []yaml.Problem, err error) {
	problems := yaml.Problems(err)
	for _, p := range problems {
		*l = append(*l, Diagnostic{Severity: Error, File: file, Line: p.Line, Key: p.Key, Message: p.Message})
	}
	if err != nil && len(problems) == 0 {
		*l = append(*l, Diagnostic{Severity: Error, File: file, Message: err.Error()})
	}
	for _, p := range unknown {
		*l = append(*l, Diagnostic{Severity: Warning, File: file, Line: p.Line, Key: p.Key, Message: p.Message,
			Hint: "the key is ignored"})
	}
}

// Sort orders the findings of each file by line; files keep the order in which
// they first appear.
func (l List) Sort() {
	rank := map[string]int{}
	for _, d := range l {
		if _, ok := rank[d.File]; !ok {
			rank[d.File] = len(rank)
		}
	}
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		if a.File != b.File {
			return rank[a.File] - rank[b.File]
		}
		return a.Line - b.Line
	})
}

// Reporter adds findings about one document, with the lines of its keys.
type Reporter struct {
	// List receives the findings.
	List *List
	// Doc is the document the keys are looked up in.
	Doc *yaml.Document
}

// Errorf adds an error about the key at path.
func (r Reporter) Errorf(path []string, format string, args ...any) {
	r.add(Error, path, fmt.Sprintf(format, args...))
}

// Warnf adds a warning about the key at path.
func (r Reporter) Warnf(path []string, format string, args ...any) {
	r.add(Warning, path, fmt.Sprintf(format, args...))
}

func (r Reporter) add(s Severity, path []string, message string) {
	*r.List = append(*r.List, Diagnostic{Severity: s, File: r.Doc.File(), Line: r.Doc.Line(path...),
		Key: strings.Join(path, "."), Message: message})
}

// Names joins sorted names for a message, "(none)" when there are none.
func Names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "(none)"
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
