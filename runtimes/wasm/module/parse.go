// Package module reads as much of a WASM module as can be judged without compiling it: what it imports and exports, and
// its mutable globals, which it can give names so that they can be saved and set back.
package module

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Module is what a WASM file declares.
type Module struct {
	Imports  []Import
	Exports  []Export
	Memories []Memory
	Start    bool // it has a start function, which runs before any export

	types     []string
	functions []string // signature of every function, imported ones first
	globals   []global
	source    []byte
	exportsAt span
	keeps     bool // Meter says so
}

// Import is one import. Kind is func, table, memory or global; Signature that of a function, "(i32,i32)i64".
type Import struct{ Module, Name, Kind, Signature string }

// Export is one export.
type Export struct{ Name, Kind, Signature string }

// Memory is one memory of the module, in pages of 64 KiB; Max 0 = none given.
type Memory struct{ Min, Max uint32 }

type global struct {
	mutable bool
	kind    string
}

type span struct{ from, to int } // of a section's body

// Reasons why a file is not read.
var (
	ErrNotWasm   = errors.New("it does not start with the four bytes of a WASM file")
	ErrComponent = errors.New("it is a component, not a core module")
)

// Parse reads a file.
func Parse(file []byte) (*Module, error) {
	if len(file) < 8 || string(file[:4]) != "\x00asm" {
		return nil, ErrNotWasm
	}
	version, layer := binary.LittleEndian.Uint16(file[4:6]), binary.LittleEndian.Uint16(file[6:8])
	if layer == 1 {
		return nil, ErrComponent
	}
	if version != 1 || layer != 0 {
		return nil, fmt.Errorf("its version is %d and its layer %d, allowed are version 1 and layer 0", version, layer)
	}
	m := &Module{source: file}
	r := &reader{b: file, i: 8}
	for r.i < len(file) && r.err == nil {
		id := r.byte()
		size := int(r.u32())
		if r.err != nil || size > len(file)-r.i {
			return nil, fmt.Errorf("section %d is cut off at byte %d", id, r.i)
		}
		body := &reader{b: file[:r.i+size], i: r.i}
		m.section(id, body, span{r.i, r.i + size})
		if body.err != nil {
			return nil, fmt.Errorf("section %d: %w", id, body.err)
		}
		r.i += size
	}
	return m, r.err
}

func (m *Module) section(id byte, r *reader, at span) {
	switch id {
	case 0:
		m.keeps = m.keeps || (&reader{b: r.b, i: r.i}).name() == keepsSection
	case 1:
		r.vector(func() { m.types = append(m.types, r.signature()) })
	case 2:
		r.vector(func() { m.readImport(r) })
	case 3:
		r.vector(func() { m.functions = append(m.functions, m.typeAt(r.u32())) })
	case 5:
		r.vector(func() { m.Memories = append(m.Memories, r.limits()) })
	case 6:
		r.vector(func() { m.globals = append(m.globals, r.global()) })
	case 7:
		m.exportsAt = at
		r.vector(func() { m.readExport(r) })
	case 8:
		m.Start = true
	}
}

func (m *Module) typeAt(i uint32) string {
	if int64(i) >= int64(len(m.types)) {
		return "?"
	}
	return m.types[i]
}

func (m *Module) readImport(r *reader) {
	in := Import{Module: r.name(), Name: r.name()}
	switch kind := r.byte(); kind {
	case 0:
		in.Kind, in.Signature = "func", m.typeAt(r.u32())
		m.functions = append(m.functions, in.Signature)
	case 1:
		in.Kind = "table"
		r.byte()
		r.limits()
	case 2:
		in.Kind = "memory"
		r.limits()
	case 3:
		in.Kind = "global"
		r.byte()
		r.byte()
	default:
		r.fail("import %s.%s is of unknown kind %d", in.Module, in.Name, kind)
	}
	m.Imports = append(m.Imports, in)
}

func (m *Module) readExport(r *reader) {
	out := Export{Name: r.name()}
	kind, index := r.byte(), r.u32()
	switch kind {
	case 0:
		out.Kind, out.Signature = "func", "?"
		if int64(index) < int64(len(m.functions)) {
			out.Signature = m.functions[index]
		}
	case 1:
		out.Kind = "table"
	case 2:
		out.Kind = "memory"
	case 3:
		out.Kind = "global"
	default:
		r.fail("export %q is of unknown kind %d", out.Name, kind)
	}
	m.Exports = append(m.Exports, out)
}

// export finds an export, nil when there is none.
func (m *Module) export(name string) *Export {
	for i := range m.Exports {
		if m.Exports[i].Name == name {
			return &m.Exports[i]
		}
	}
	return nil
}
