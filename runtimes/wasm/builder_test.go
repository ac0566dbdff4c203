package wasm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
)

// Types of the modules that tests build by hand, by index.
const (
	typeMarker   = iota // ()
	typeAlloc           // (i32)i32
	typeDispatch        // (i32,i32)i64
	typeError           // ()i64
	typeCall            // (i32,i32,i32,i32)i32
	typeRandom          // (i32,i32)i32
)

const (
	i32 = 0x7f
	i64 = 0x7e
)

// guestModule describes a module of ABI 1; zero values are those of a charm that writes nothing.
type guestModule struct {
	pages, maxPages uint32 // of memory, 0 = 1 and none
	imports         [][2]string
	importType      byte            // of all imports, 0 = typeCall
	alloc           []byte          // body, default: return 1024
	dispatch        []byte          // body; locals 2 and 3 are an i32 and an i64
	lastError       []byte          // body
	initial         []byte          // body of _initialize, nil = none
	start           []byte          // body of the start function, nil = none
	skip            map[string]bool // exports to leave out
	rename          map[string]string
	data            map[uint32]string // what the memory holds at the start
	vector          bool              // it has a mutable vector, which cannot be set back
	table           bool              // it has a table of one function, which is null
}

// build writes the module. Function 0.. are the imports, then marker, alloc, dispatch, last_error, _initialize.
func (g guestModule) build() []byte {
	if g.pages == 0 {
		g.pages = 1
	}
	if g.importType == 0 {
		g.importType = typeCall
	}
	or := func(body, other []byte) []byte {
		if body == nil {
			return other
		}
		return body
	}
	bodies := [][]byte{{}, or(g.alloc, i32Const(1024)), or(g.dispatch, result(512, 2)), or(g.lastError, i64Const(0))}
	types := []byte{typeMarker, typeAlloc, typeDispatch, typeError}
	names := []string{"charm_abi_1", "charm_alloc", "charm_dispatch", "charm_last_error"}
	if g.initial != nil {
		bodies, types, names = append(bodies, g.initial), append(types, typeMarker), append(names, "_initialize")
	}
	if g.start != nil {
		bodies, types = append(bodies, g.start), append(types, typeMarker)
	}
	if g.data == nil {
		g.data = map[uint32]string{512: "{}"}
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = section(out, 1, vec([][]byte{{0x60, 0, 0}, {0x60, 1, i32, 1, i32}, {0x60, 2, i32, i32, 1, i64}, {0x60, 0, 1, i64},
		{0x60, 4, i32, i32, i32, i32, 1, i32}, {0x60, 2, i32, i32, 1, i32}}))
	var imports [][]byte
	for _, in := range g.imports {
		imports = append(imports, append(append(str(in[0]), str(in[1])...), 0, g.importType))
	}
	out = section(out, 2, vec(imports))
	out = section(out, 3, append(leb(uint32(len(types))), types...))
	if g.table {
		out = section(out, 4, vec([][]byte{{0x70, 0, 1}}))
	}
	limits := append([]byte{0}, leb(g.pages)...)
	if g.maxPages > 0 {
		limits = append(append([]byte{1}, leb(g.pages)...), leb(g.maxPages)...)
	}
	out = section(out, 5, vec([][]byte{limits}))
	globals := [][]byte{{i32, 1, 0x41, 0, 0x0b}} // one is mutable
	if g.vector {
		globals = append(globals, append([]byte{0x7b, 1, 0xfd, 12}, append(make([]byte, 16), 0x0b)...))
	}
	out = section(out, 6, vec(globals))
	out = section(out, 7, vec(g.exports(names)))
	if g.start != nil {
		out = section(out, 8, leb(uint32(len(g.imports)+len(bodies)-1)))
	}
	var code, data [][]byte
	for _, b := range bodies {
		body := append([]byte{2, 1, i32, 1, i64}, append(b, 0x0b)...)
		code = append(code, append(leb(uint32(len(body))), body...))
	}
	out = section(out, 10, vec(code))
	for at, text := range g.data {
		data = append(data, append(append([]byte{0}, append(i32Const(at), 0x0b)...), str(text)...))
	}
	return section(out, 11, vec(data))
}

func (g guestModule) exports(names []string) [][]byte {
	list := [][]byte{}
	add := func(name string, kind byte, index int) {
		if to, ok := g.rename[name]; ok {
			name = to
		}
		if !g.skip[name] {
			list = append(list, append(append(str(name), kind), leb(uint32(index))...))
		}
	}
	add("memory", 2, 0)
	for i, name := range names {
		add(name, 0, len(g.imports)+i)
	}
	return list
}

func section(out []byte, id byte, body []byte) []byte {
	return append(append(append(out, id), leb(uint32(len(body)))...), body...)
}

func vec(items [][]byte) []byte {
	out := leb(uint32(len(items)))
	for _, i := range items {
		out = append(out, i...)
	}
	return out
}

func str(s string) []byte { return append(leb(uint32(len(s))), s...) }

func leb(n uint32) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

func sleb(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func i32Const(n uint32) []byte { return append([]byte{0x41}, sleb(int64(int32(n)))...) }

func i64Const(n uint64) []byte { return append([]byte{0x42}, sleb(int64(n))...) }

// result is a packed pointer and length.
func result(at, n uint32) []byte { return i64Const(uint64(at)<<32 | uint64(n)) }

// call calls function f with four numbers and leaves its answer.
func call(f byte, a, b, c, d uint32) []byte {
	out := append(i32Const(a), i32Const(b)...)
	out = append(append(out, i32Const(c)...), i32Const(d)...)
	return append(out, 0x10, f)
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

var (
	drop        = []byte{0x1a}
	unreachable = []byte{0x00}
	forever     = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b} // loop br 0 end
)

// loadBuilt writes the module as a charm and loads it.
func loadBuilt(t testing.TB, r *wasm.Runtime, g guestModule) string {
	t.Helper()
	return load(t, r, t.Name(), packed(t, g.build()))
}

// packed is a charm directory with that module.
func packed(t testing.TB, module []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, wasm.File), module, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
