package crash

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Points lists the names of all crash points in the Go sources of a tree, sorted, so that a crash test has a row for
// each. Test files and folders named testdata are left out.
func Points(tree fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		found, err := pointsOf(tree, name)
		names = append(names, found...)
		return err
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// pointsOf parses one file.
func pointsOf(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot parse %s: %w", name, err)
	}
	var names []string
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && isAt(call) {
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					names = append(names, text)
				}
			}
		}
		return true
	})
	return names, nil
}

// isAt says whether the call is crash.At(x).
func isAt(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "At" || len(call.Args) != 1 {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == "crash"
}
