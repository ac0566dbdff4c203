package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// The limits of size. The median of good Go is 7–15 lines a function and 60–200 a file; only the tail needs a law.
const (
	MaxFunctionLines    = 50
	MaxFileLines        = 400
	MaxInterfaceMethods = 5
	MaxMainLines        = 30
	MaxPluginLines      = 20
	MaxStepLines        = 40
)

// Sizes reports every function, file and interface over its limit.
func Sizes(files []*File) []Violation {
	var found []Violation
	for _, f := range files {
		if !f.Handwritten() {
			continue
		}
		if n := f.Lines(); n > MaxFileLines {
			found = append(found, f.at(1, "file has %d lines, the limit is %d", n, MaxFileLines))
		}
		for _, decl := range f.AST.Decls {
			found = append(found, longFunctions(f, decl)...)
		}
		found = append(found, wideInterfaces(f)...)
	}
	return found
}

// longFunctions looks at a function, or at the function literals of a variable.
func longFunctions(f *File, decl ast.Decl) []Violation {
	if fn, ok := decl.(*ast.FuncDecl); ok {
		if n := f.Span(fn); n > MaxFunctionLines {
			return []Violation{f.at(f.Line(fn.Pos()), "function %s has %d lines, the limit is %d", fn.Name.Name, n, MaxFunctionLines)}
		}
		return nil
	}
	var found []Violation
	ast.Inspect(decl, func(node ast.Node) bool {
		lit, ok := node.(*ast.FuncLit)
		if ok && f.Span(lit) > MaxFunctionLines {
			found = append(found, f.at(f.Line(lit.Pos()), "function literal has %d lines, the limit is %d", f.Span(lit), MaxFunctionLines))
		}
		return !ok
	})
	return found
}

// wideInterfaces counts methods; an embedded interface counts for the methods it has in the same file, else for one.
func wideInterfaces(f *File) []Violation {
	named := map[string]*ast.InterfaceType{}
	ast.Inspect(f.AST, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok {
			if t, ok := spec.Type.(*ast.InterfaceType); ok {
				named[spec.Name.Name] = t
			}
		}
		return true
	})
	var found []Violation
	ast.Inspect(f.AST, func(node ast.Node) bool {
		t, ok := node.(*ast.InterfaceType)
		if !ok {
			return true
		}
		if n := methods(t, named, 0); n > MaxInterfaceMethods {
			found = append(found, f.at(f.Line(t.Pos()), "interface has %d methods, the limit is %d", n, MaxInterfaceMethods))
		}
		return true
	})
	return found
}

// methods counts; depth ends a cycle that would not compile anyway.
func methods(t *ast.InterfaceType, named map[string]*ast.InterfaceType, depth int) int {
	n := 0
	for _, field := range t.Methods.List {
		embedded, isName := field.Type.(*ast.Ident)
		switch inner := named[nameOf(embedded)]; {
		case len(field.Names) > 0:
			n += len(field.Names)
		case isName && inner != nil && depth < 8:
			n += methods(inner, named, depth+1)
		case !constraint(field.Type):
			n++
		}
	}
	return n
}

// constraint says whether an element is a set of types (~string | ~int), which has no methods.
func constraint(expr ast.Expr) bool {
	switch expr.(type) {
	case *ast.UnaryExpr, *ast.BinaryExpr:
		return true
	}
	return false
}

func nameOf(id *ast.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}

// Mains reports mains that do more than call one function, and plugins with more than one implementation.
func Mains(files []*File) []Violation {
	var found []Violation
	implementations := map[string][]string{}
	for _, f := range files {
		if f.AST == nil || f.Test() || f.Nested {
			continue
		}
		plugin := below(f.Dir(), "plugins")
		switch lines := f.Lines() - f.Line(f.AST.Package) + 1; {
		case f.Path == "main.go" && f.Lines() > MaxMainLines:
			found = append(found, f.at(1, "main.go has %d lines, the limit is %d", f.Lines(), MaxMainLines))
		case plugin && f.AST.Name.Name != "main":
			found = append(found, f.at(f.Line(f.AST.Package), "plugins holds mains only; logic belongs to substrates or runtimes"))
		case plugin && lines > MaxPluginLines:
			found = append(found, f.at(1, "a plugin's main has %d lines from its package clause on, the limit is %d", lines, MaxPluginLines))
		}
		if !plugin || f.Dir() == "plugins/bangle-agent" {
			continue
		}
		for _, imp := range f.Imports() {
			dir, _ := inModule(imp.Path)
			part := strings.Split(dir, "/")
			if len(part) < 2 || part[0] != "substrates" && part[0] != "runtimes" {
				continue
			}
			one := part[0] + "/" + part[1]
			if had := implementations[f.Dir()]; len(had) > 0 && !slices.Contains(had, one) {
				found = append(found, f.at(imp.Line, "serves %s beside %s: a plugin has one implementation", one, had[0]))
			}
			implementations[f.Dir()] = append(implementations[f.Dir()], one)
		}
	}
	return found
}

// Step reports a missing or long core/agent step: who has read that function has read the product.
func Step(files []*File) []Violation {
	var found []Violation
	var wiring *File
	steps := 0
	for _, f := range files {
		if f.AST == nil || f.Test() || f.Dir() != "core/agent" {
			continue
		}
		wiring = f
		for _, decl := range f.AST.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "step" || f.Path != "core/agent/step.go" {
				continue
			}
			steps++
			if n := f.Span(fn); n > MaxStepLines {
				found = append(found, f.at(f.Line(fn.Pos()), "step has %d lines, the limit is %d", n, MaxStepLines))
			}
		}
	}
	if wiring != nil && steps == 0 {
		found = append(found, Violation{Path: "core/agent/step.go", Line: 1, Text: "has no function step, the one that reads like the picture"})
	}
	return found
}

// Documented reports exported names of sdk/ without a doc comment.
func Documented(files []*File) []Violation {
	var found []Violation
	for _, f := range files {
		if !f.Handwritten() || !below(f.Dir(), "sdk") || f.AST.Name.Name == "main" {
			continue
		}
		for _, decl := range f.AST.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
					found = append(found, f.at(f.Line(d.Pos()), "exported %s has no doc comment", d.Name.Name))
				}
			case *ast.GenDecl:
				found = append(found, undocumented(f, d)...)
			}
		}
	}
	return found
}

// undocumented looks at types, constants and variables; a comment on the group or at the line's end counts.
func undocumented(f *File, d *ast.GenDecl) []Violation {
	if d.Tok == token.IMPORT || d.Doc != nil {
		return nil
	}
	var found []Violation
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				found = append(found, f.at(f.Line(s.Pos()), "exported %s has no doc comment", s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if s.Doc == nil && s.Comment == nil && name.IsExported() {
					found = append(found, f.at(f.Line(s.Pos()), "exported %s has no doc comment", name.Name))
				}
			}
		}
	}
	return found
}

// exportedReceiver says whether a method can be seen; a function has no receiver and can.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch t := expr.(type) {
		case *ast.StarExpr:
			expr = t.X
		case *ast.IndexExpr:
			expr = t.X
		case *ast.IndexListExpr:
			expr = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}
