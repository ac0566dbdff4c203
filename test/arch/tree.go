package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of the module whose tree is checked.
const Module = "github.com/bangle-dev/bangle"

// File is one file of the tree. AST is nil for what is not Go.
type File struct {
	Path   string // relative to the root, with slashes
	Source []byte
	AST    *ast.File
	Nested bool // belongs to a Go module of its own below the root

	fset *token.FileSet
}

// Violation is one broken rule at one place.
type Violation struct {
	Path string
	Line int
	Text string
}

// String is the form that editors jump to.
func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.Path, v.Line, v.Text) }

// Import is one import of a file.
type Import struct {
	Path string
	Line int
}

// Parse makes a File of one source; only names ending in .go are parsed.
func Parse(name string, source []byte) (*File, error) {
	f := &File{Path: name, Source: source, fset: token.NewFileSet()}
	if !strings.HasSuffix(name, ".go") {
		return f, nil
	}
	tree, err := parser.ParseFile(f.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("cannot parse %s: %w", name, err)
	}
	f.AST = tree
	return f, nil
}

// Load reads every text file below root that a rule looks at. A file that vanishes while the tree is walked is left out.
func Load(root string) ([]*File, error) {
	var files []*File
	var nested []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case entry.IsDir() && skipped(rel):
			return filepath.SkipDir
		case entry.Name() == "go.mod" && rel != "go.mod":
			nested = append(nested, path.Dir(rel)+"/")
			return nil
		case entry.IsDir() || !entry.Type().IsRegular() || !looked(rel):
			return nil
		}
		f, err := read(name, rel)
		if f != nil {
			files = append(files, f)
		}
		return err
	})
	for _, f := range files {
		f.Nested = slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(f.Path, dir) })
	}
	return files, err
}

// read returns nil, nil for a file that is gone again.
func read(name, rel string) (*File, error) {
	source, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return Parse(rel, source)
}

// skipped folders hold what nobody here wrote, or inputs of tests that are broken on purpose.
func skipped(dir string) bool {
	switch path.Base(dir) {
	case ".git", ".task", ".cache", "testdata", "vendor", "node_modules", "__pycache__":
		return true
	case "target": // Rust's build folder
		return below(dir, "charms") || below(dir, "sdk/wasm")
	}
	return dir == "bin"
}

// looked says which files are read at all.
func looked(name string) bool {
	switch path.Ext(name) {
	case ".go", ".py", ".proto", ".sh", ".md", ".yml", ".yaml", ".rs", ".c", ".h", ".ts", ".js", ".html":
		return true
	}
	return name == ".ci/run"
}

// Dir is the folder of the file, "" for the root.
func (f *File) Dir() string {
	if dir := path.Dir(f.Path); dir != "." {
		return dir
	}
	return ""
}

// Test says whether the file is compiled for tests only.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Generated says whether a program wrote the file.
func (f *File) Generated() bool { return f.AST != nil && ast.IsGenerated(f.AST) }

// Handwritten says whether the limits of size and the bans apply: Go, by people, not a test.
func (f *File) Handwritten() bool { return f.AST != nil && !f.Test() && !f.Generated() }

// Lines counts the lines of the file.
func (f *File) Lines() int {
	n := bytes.Count(f.Source, []byte("\n"))
	if len(f.Source) > 0 && f.Source[len(f.Source)-1] != '\n' {
		n++
	}
	return n
}

// Line is the line of a position.
func (f *File) Line(pos token.Pos) int { return f.fset.Position(pos).Line }

// Span counts the lines of a node, first and last included.
func (f *File) Span(node ast.Node) int { return f.Line(node.End()) - f.Line(node.Pos()) + 1 }

// Imports lists what the file imports.
func (f *File) Imports() []Import {
	if f.AST == nil {
		return nil
	}
	var list []Import
	for _, spec := range f.AST.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, Import{Path: name, Line: f.Line(spec.Pos())})
		}
	}
	return list
}

// at makes a violation.
func (f *File) at(line int, format string, args ...any) Violation {
	return Violation{Path: f.Path, Line: line, Text: fmt.Sprintf(format, args...)}
}
