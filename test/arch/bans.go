package arch

import (
	"bytes"
	"go/ast"
	"regexp"
	"strconv"
	"strings"
)

// leftover matches the words that mark unfinished work; spelled in parts so that this file does not match itself.
var leftover = regexp.MustCompile(`\b(` + "TO" + `DO|` + "FIX" + `ME|` + "XX" + `X)\b`)

// Bans reports what no file may hold: init functions, sleeping tests, marks of unfinished work.
func Bans(files []*File) []Violation {
	var found []Violation
	for _, f := range files {
		if f.Generated() {
			continue
		}
		for i, line := range bytes.Split(f.Source, []byte("\n")) {
			if word := leftover.Find(line); word != nil {
				found = append(found, f.at(i+1, "%s: finish it, or say in the docs what is missing", word))
			}
		}
		if f.AST == nil {
			continue
		}
		for _, decl := range f.AST.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, f.at(f.Line(fn.Pos()), "func init: lists of parts are literals that somebody calls"))
			}
		}
		if f.Test() {
			found = append(found, sleeps(f)...)
		}
	}
	return found
}

// sleeps finds time.Sleep in tests. Inside the function given to synctest.Test the clock is not the real one and a
// sleep is exact, so there it may stand.
func sleeps(f *File) []Violation {
	var found []Violation
	ast.Inspect(f.AST, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		switch {
		case ok && called(call, "synctest", "Test"):
			return false
		case ok && called(call, "time", "Sleep"):
			found = append(found, f.at(f.Line(call.Pos()), "time.Sleep in a test: wait on the condition, or use testing/synctest"))
		}
		return true
	})
	return found
}

// called says whether the call is pkg.name(…).
func called(call *ast.CallExpr, pkg, name string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// crashStages are the packages that must hold a crash point, and the stage their points are named after.
var crashStages = [...]string{
	"core/agent/source", "core/agent/queue", "core/agent/resolver", "core/agent/dispatch", "core/agent/changeset",
	"core/controller/commit", "core/controller/store", "core/controller/watch",
}

var pointName = regexp.MustCompile(`^[a-z]+\.[a-z][a-z0-9-]*$`)

// CrashPoints reports crash points that the crash table could not name, and stages that exist without one.
func CrashPoints(files []*File) []Violation {
	var found []Violation
	seen := map[string]string{}
	exists, has := map[string]*File{}, map[string]bool{}
	for _, f := range files {
		if f.AST == nil || f.Test() || f.Nested || !below(f.Dir(), "core") {
			continue
		}
		exists[f.Dir()] = f
		ast.Inspect(f.AST, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || !called(call, "crash", "At") {
				return true
			}
			name, line := literal(call), f.Line(call.Pos())
			switch had := seen[name]; {
			case !pointName.MatchString(name):
				found = append(found, f.at(line, `crash.At wants a literal "<stage>.<what>"`))
			case had != "":
				found = append(found, f.at(line, "crash point %q stands at %s already", name, had))
			default:
				seen[name] = f.at(line, "").Path + ":" + strconv.Itoa(line)
				if stage, _, _ := strings.Cut(name, "."); strings.HasSuffix(f.Dir(), "/"+stage) {
					has[f.Dir()] = true
				}
			}
			return true
		})
	}
	for _, dir := range crashStages {
		if f := exists[dir]; f != nil && !has[dir] {
			found = append(found, Violation{Path: dir, Line: 1, Text: "a stage without a crash point cannot be crash-tested"})
		}
	}
	return found
}

// literal is the call's only argument if it is a string literal, else "".
func literal(call *ast.CallExpr) string {
	if len(call.Args) != 1 {
		return ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}
