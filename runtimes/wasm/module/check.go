package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// Rules is what a module is checked against.
type Rules struct {
	File     string                     // named in every diagnostic
	WASI     map[string]map[string]bool // functions outside the ABI that exist: module → name
	Grants   []string                   // capabilities that are allowed; empty = all
	MaxPages uint32                     // of memory
}

const (
	callSignature = "(i32,i32,i32,i32)i32"
	page          = 64 << 10
)

// exports lists what ABI 1 asks for, with the signatures.
func exports() [][2]string {
	return [][2]string{{abi.Alloc, "(i32)i32"}, {abi.Dispatch, "(i32,i32)i64"}, {abi.LastError, "()i64"}}
}

// Unreadable is the diagnostic of a file that Parse refused.
func Unreadable(file string, err error) *charmruntimev1.Diagnostic {
	d := problem(file, "", "this is not a WASM module: %v", err)
	switch {
	case errors.Is(err, ErrComponent):
		d.Message = "this is a WASM component, and only core modules can be run"
		d.Hint = "build a core module: for Go GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared, for Rust the target " +
			"wasm32-unknown-unknown or wasm32-wasip1 without wasm-tools component new"
	case errors.Is(err, ErrNotWasm):
		d.Hint = "charm.wasm must be what the compiler wrote; a text (.wat) file has to be assembled first"
	default:
		d.Hint = "build the module again; the file may be cut off"
	}
	return d
}

// Check finds everything that is wrong with a module before any of its code runs.
func (m *Module) Check(rules Rules) []*charmruntimev1.Diagnostic {
	found := m.checkImports(rules)
	found = append(found, m.checkExports(rules)...)
	return append(found, m.checkMemory(rules)...)
}

func (m *Module) checkImports(rules Rules) []*charmruntimev1.Diagnostic {
	var found []*charmruntimev1.Diagnostic
	known := map[abi.Function]bool{}
	for _, f := range abi.Functions() {
		known[f] = true
	}
	for _, in := range m.Imports {
		key := in.Module + "." + in.Name
		switch {
		case in.Kind != "func":
			found = append(found, hinted(problem(rules.File, key, "imports %s %s: only functions can be imported", in.Kind, key),
				"let the module define and export its own %s", in.Kind))
		case rules.WASI[in.Module][in.Name]:
		case !known[abi.Function{Module: in.Module, Name: in.Name}]:
			found = append(found, hinted(problem(rules.File, key, "imports %s, which does not exist", key), "%s", available(in.Module, rules)))
		case in.Signature != callSignature:
			found = append(found, problem(rules.File, key, "imports %s as %s; its signature is %s", key, in.Signature, callSignature))
		case in.Module != abi.Answer && len(rules.Grants) > 0 && !slices.Contains(rules.Grants, in.Module):
			found = append(found, hinted(problem(rules.File, key, "imports %s, and %s was not granted", key, in.Module),
				"%s", Granted(in.Module, rules.Grants)))
		}
	}
	return found
}

// Granted says which capabilities were granted, and what is to be done about one that was not.
func Granted(module string, grants []string) string {
	names := slices.DeleteFunc(slices.Clone(grants), func(g string) bool { return !strings.HasPrefix(g, "charm/") })
	text := "granted are: " + strings.Join(names, ", ")
	if slices.Contains(grant.Outside(), module) {
		text += "; a charm declares what it needs of it under permissions in its charmcraft.yaml, and the user gives that with bangle trust"
	}
	return text
}

// available says what could have been meant: the module's functions, or all modules.
func available(module string, rules Rules) string {
	var names []string
	for _, f := range abi.Functions() {
		if f.Module == module {
			names = append(names, f.String())
		}
	}
	if len(names) > 0 {
		return module + " has: " + strings.Join(names, ", ")
	}
	names = append(abi.Modules(), abi.Answer)
	for name := range rules.WASI {
		names = append(names, name)
	}
	return "modules that exist: " + strings.Join(names, ", ")
}

// Command says whether the module is a WASI command: the event on its standard input, the changeset on its standard output.
func (m *Module) Command() bool {
	return m.export(abi.Start) != nil && m.export(abi.Marker) == nil && m.export(abi.Dispatch) == nil
}

func (m *Module) checkExports(rules Rules) []*charmruntimev1.Diagnostic {
	if m.Command() {
		return append(m.checkStart(rules), m.checkNames(rules)...)
	}
	var found []*charmruntimev1.Diagnostic
	if m.export(abi.Marker) == nil {
		d := problem(rules.File, abi.Marker, "does not export %s: it was not built for ABI 1", abi.Marker)
		if m.export(abi.Start) != nil {
			hinted(d, "it exports _start and charm_dispatch; build a reactor (for Go -buildmode=c-shared, for C -mexec-model=reactor), or a command that has only _start")
		} else {
			hinted(d, "use a guest library (sdk/wasm), or export the functions of sdk/wasm/abi.md")
		}
		found = append(found, d)
	}
	for _, want := range exports() {
		switch got := m.export(want[0]); {
		case got == nil || got.Kind != "func":
			found = append(found, problem(rules.File, want[0], "does not export function %s %s", want[0], want[1]))
		case got.Signature != want[1]:
			found = append(found, problem(rules.File, want[0], "exports %s as %s; its signature is %s", want[0], got.Signature, want[1]))
		}
	}
	for _, name := range []string{abi.Initial, abi.Warm} {
		if got := m.export(name); got != nil && got.Signature != "()" {
			found = append(found, problem(rules.File, name, "exports %s as %s; its signature is ()", name, got.Signature))
		}
	}
	return append(found, m.checkNames(rules)...)
}

// checkStart is what a command must export.
func (m *Module) checkStart(rules Rules) []*charmruntimev1.Diagnostic {
	if got := m.export(abi.Start); got.Kind != "func" || got.Signature != "()" {
		return []*charmruntimev1.Diagnostic{problem(rules.File, abi.Start, "exports %s as %s %s; a command's is a func ()", abi.Start, got.Kind, got.Signature)}
	}
	return nil
}

func (m *Module) checkNames(rules Rules) []*charmruntimev1.Diagnostic {
	var found []*charmruntimev1.Diagnostic
	for _, e := range m.Exports {
		if strings.HasPrefix(e.Name, GlobalPrefix) {
			found = append(found, problem(rules.File, e.Name, "exports %q: names that begin with %q are the host's", e.Name, GlobalPrefix))
		}
	}
	return found
}

func (m *Module) checkMemory(rules Rules) []*charmruntimev1.Diagnostic {
	if e := m.export(abi.Memory); e == nil || e.Kind != "memory" {
		return []*charmruntimev1.Diagnostic{problem(rules.File, abi.Memory, "does not export its memory as %q", abi.Memory)}
	}
	var found []*charmruntimev1.Diagnostic
	for _, mem := range m.Memories {
		if mem.Min > rules.MaxPages {
			found = append(found, hinted(problem(rules.File, abi.Memory, "asks for %d bytes of memory at its start, allowed are %d",
				uint64(mem.Min)*page, uint64(rules.MaxPages)*page), "build it with less initial memory, or raise the limit for this application"))
		}
	}
	return found
}

func problem(file, key, format string, args ...any) *charmruntimev1.Diagnostic {
	return &charmruntimev1.Diagnostic{Severity: "error", File: file, Key: key, Message: fmt.Sprintf(format, args...),
		Hint: "build the charm with a guest library of sdk/wasm, or as sdk/wasm/abi.md says"}
}

func hinted(d *charmruntimev1.Diagnostic, format string, args ...any) *charmruntimev1.Diagnostic {
	d.Hint = fmt.Sprintf(format, args...)
	return d
}
