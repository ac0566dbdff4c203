// Package yaml is the one door through which YAML enters and leaves: strict by
// default, bounded, and with errors that name file, line, key and what is
// allowed. Only this package imports the YAML library.
//
// Differences from the plain library:
//   - an unknown key is an error that lists the allowed keys (Decode), or a
//     Problem given back beside the result (DecodeLenient);
//   - all problems of a document are reported, not only the first;
//   - keys are strings, dates stay text, numbers are finite, so that what is
//     decoded into an any can always be written as JSON;
//   - anchors, aliases and merge keys work, but the expanded document is bounded;
//   - a struct field tagged `short:"true"` takes a scalar given in place of the
//     whole struct; a slice field tagged so takes one scalar as a one-entry list.
package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Bounds of one input. They are far above any honest charm or bundle.
const (
	// MaxBytes is the size of an input in bytes.
	MaxBytes = 4 << 20
	// MaxNodes is the number of scalars, lists and mappings of one document
	// after its aliases are expanded.
	MaxNodes = 100_000
	// MaxKeys is the number of keys of one mapping; the library compares each
	// key with every other one.
	MaxKeys = 10_000
	// MaxDepth is the nesting of one document.
	MaxDepth = 64
	// MaxDocuments is the number of documents in one input.
	MaxDocuments = 100
)

// Problem is one thing wrong at one place of a document.
type Problem struct {
	// Line counts from 1; 0 means the whole document.
	Line int
	// Key is the dotted path of the key, "" for the document itself.
	Key string
	// Message says what is wrong and what is allowed.
	Message string
}

// String is the message with its line, where there is one.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

// Error is everything that is wrong with one file, in order of lines. Its
// class is errs.Invalid once it left this package.
type Error struct {
	File     string
	Problems []Problem
}

// Error returns one line per problem, each complete in itself.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("cannot read %s: %s", e.File, p)
	}
	return strings.Join(lines, "\n")
}

func newError(file string, problems ...Problem) error {
	return errs.With(errs.Invalid, &Error{File: file, Problems: problems})
}

// Problems returns what is wrong according to err, which may wrap an *Error;
// nil when it does not.
func Problems(err error) []Problem {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Problems
	}
	return nil
}

// Decode reads the single document of data strictly into the pointer into. An
// empty input is an empty document and leaves into as it is. Errors have class
// errs.Invalid and wrap *Error; into is then untouched.
func Decode(file string, data []byte, into any) error {
	doc, err := One(file, data)
	if err != nil {
		return err
	}
	return doc.Decode(into)
}

// DecodeLenient is Decode for files of which we do not own the format: unknown
// keys are given back, not refused. Everything else is as strict.
func DecodeLenient(file string, data []byte, into any) (unknown []Problem, err error) {
	doc, err := One(file, data)
	if err != nil {
		return nil, err
	}
	return doc.DecodeLenient(into)
}

// One parses data and refuses more than one document.
func One(file string, data []byte) (*Document, error) {
	docs, err := All(file, data)
	if err != nil {
		return nil, err
	}
	switch len(docs) {
	case 0:
		return &Document{file: file}, nil
	case 1:
		return docs[0], nil
	}
	return nil, newError(file, Problem{Line: docs[1].Line(),
		Message: fmt.Sprintf("has %d documents; one is allowed, remove the \"---\" between them", len(docs))})
}

// All parses every document of data, with aliases and merge keys expanded.
// Problems of all documents are reported together.
func All(file string, data []byte) ([]*Document, error) {
	if len(data) > MaxBytes {
		return nil, newError(file, Problem{Message: fmt.Sprintf("has %d bytes; at most %d are allowed", len(data), MaxBytes)})
	}
	var docs []*Document
	var problems []Problem
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var root yaml.Node
		err := dec.Decode(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, newError(file, syntaxProblem(err))
		}
		if len(docs) == MaxDocuments {
			return nil, newError(file, Problem{Line: root.Line,
				Message: fmt.Sprintf("has more than %d documents", MaxDocuments)})
		}
		node, bad := expand(&root)
		problems = append(problems, bad...)
		docs = append(docs, &Document{file: file, node: node})
	}
	if len(problems) > 0 {
		return nil, newError(file, problems...)
	}
	return docs, nil
}

// syntaxProblem takes the line out of the library's text, so that it stands
// where it stands in our other errors.
func syntaxProblem(err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if _, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return Problem{Line: line, Message: "not valid YAML: " + text}
}

// Encode writes v as one document with two spaces of indent and, for maps,
// sorted keys, so that equal values give equal bytes.
func Encode(v any) ([]byte, error) {
	return EncodeAll(v)
}

// EncodeAll writes each value as a document of its own, divided by "---".
func EncodeAll(values ...any) ([]byte, error) {
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return nil, errs.E(errs.Internal, "cannot write YAML: %w", err)
		}
	}
	if err := enc.Close(); err != nil {
		return nil, errs.E(errs.Internal, "cannot write YAML: %w", err)
	}
	return buf.Bytes(), nil
}
