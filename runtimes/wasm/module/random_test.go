package module_test

import (
	"math"
	"math/rand/v2"
	"strings"
)

// longSegment is the length of the third segment of a program's data, more than a piece of the rewriter's.
const longSegment = 90_006

// Types of values; v is a vector.
const (
	vi32 = 0x7f
	vi64 = 0x7e
	vf32 = 0x7d
	vf64 = 0x7c
	v128 = 0x7b
)

// operation is an instruction that takes values and gives one.
type operation struct {
	code  []byte
	takes []byte
	gives byte
	lanes int // an immediate below that, 0 = none
}

// operations lists the instructions without labels, indexes and memory.
func operations() []operation {
	var list []operation
	add := func(from, to int, gives byte, takes ...byte) {
		for op := from; op <= to; op++ {
			list = append(list, operation{[]byte{byte(op)}, takes, gives, 0})
		}
	}
	add(0x45, 0x45, vi32, vi32)
	add(0x46, 0x4f, vi32, vi32, vi32)
	add(0x50, 0x50, vi32, vi64)
	add(0x51, 0x5a, vi32, vi64, vi64)
	add(0x5b, 0x60, vi32, vf32, vf32)
	add(0x61, 0x66, vi32, vf64, vf64)
	add(0x67, 0x69, vi32, vi32)
	add(0x6a, 0x78, vi32, vi32, vi32)
	add(0x79, 0x7b, vi64, vi64)
	add(0x7c, 0x8a, vi64, vi64, vi64)
	add(0x8b, 0x91, vf32, vf32)
	add(0x92, 0x98, vf32, vf32, vf32)
	add(0x99, 0x9f, vf64, vf64)
	add(0xa0, 0xa6, vf64, vf64, vf64)
	for op, pair := range [][2]byte{{vi32, vi64}, {vi32, vf32}, {vi32, vf32}, {vi32, vf64}, {vi32, vf64}, {vi64, vi32}, {vi64, vi32}, {vi64, vf32}, {vi64, vf32},
		{vi64, vf64}, {vi64, vf64}, {vf32, vi32}, {vf32, vi32}, {vf32, vi64}, {vf32, vi64}, {vf32, vf64}, {vf64, vi32}, {vf64, vi32}, {vf64, vi64}, {vf64, vi64},
		{vf64, vf32}, {vi32, vf32}, {vi64, vf64}, {vf32, vi32}, {vf64, vi64}, {vi32, vi32}, {vi32, vi32}, {vi64, vi64}, {vi64, vi64}, {vi64, vi64}} {
		add(0xa7+op, 0xa7+op, pair[0], pair[1])
	}
	for op, pair := range [][2]byte{{vi32, vf32}, {vi32, vf32}, {vi32, vf64}, {vi32, vf64}, {vi64, vf32}, {vi64, vf32}, {vi64, vf64}, {vi64, vf64}} {
		list = append(list, operation{[]byte{0xfc, byte(op)}, []byte{pair[1]}, pair[0], 0})
	}
	return append(list, vectors()...)
}

// vectors are those of SIMD.
func vectors() []operation {
	var list []operation
	add := func(lanes int, gives byte, takes []byte, ranges ...[2]int) {
		for _, r := range ranges {
			for op := r[0]; op <= r[1]; op++ {
				list = append(list, operation{append([]byte{0xfd}, leb(uint32(op))...), takes, gives, lanes})
			}
		}
	}
	v := byte(v128)
	add(0, v, []byte{v, v}, [2]int{0x0e, 0x0e}, [2]int{0x23, 0x4c}, [2]int{0x4e, 0x51}, [2]int{0x65, 0x66}, [2]int{0x6e, 0x73}, [2]int{0x76, 0x79}, [2]int{0x7b, 0x7b},
		[2]int{0x82, 0x82}, [2]int{0x85, 0x86}, [2]int{0x8e, 0x93}, [2]int{0x95, 0x99}, [2]int{0x9b, 0x9f}, [2]int{0xae, 0xae}, [2]int{0xb1, 0xb1}, [2]int{0xb5, 0xba},
		[2]int{0xbc, 0xbf}, [2]int{0xce, 0xce}, [2]int{0xd1, 0xd1}, [2]int{0xd5, 0xdf}, [2]int{0xe4, 0xeb}, [2]int{0xf0, 0xf7})
	add(0, v, []byte{v}, [2]int{0x4d, 0x4d}, [2]int{0x5e, 0x62}, [2]int{0x67, 0x6a}, [2]int{0x74, 0x75}, [2]int{0x7a, 0x7a}, [2]int{0x7c, 0x81}, [2]int{0x87, 0x8a},
		[2]int{0x94, 0x94}, [2]int{0xa0, 0xa1}, [2]int{0xa7, 0xaa}, [2]int{0xc0, 0xc1}, [2]int{0xc7, 0xca}, [2]int{0xe0, 0xe1}, [2]int{0xe3, 0xe3}, [2]int{0xec, 0xed},
		[2]int{0xef, 0xef}, [2]int{0xf8, 0xff})
	add(0, v, []byte{v, vi32}, [2]int{0x6b, 0x6d}, [2]int{0x8b, 0x8d}, [2]int{0xab, 0xad}, [2]int{0xcb, 0xcd})
	add(0, v, []byte{v, v, v}, [2]int{0x52, 0x52})
	add(0, vi32, []byte{v}, [2]int{0x53, 0x53}, [2]int{0x63, 0x64}, [2]int{0x83, 0x84}, [2]int{0xa3, 0xa4}, [2]int{0xc3, 0xc4})
	add(0, v, []byte{vi32}, [2]int{0x0f, 0x11})
	add(0, v, []byte{vi64}, [2]int{0x12, 0x12})
	add(0, v, []byte{vf32}, [2]int{0x13, 0x13})
	add(0, v, []byte{vf64}, [2]int{0x14, 0x14})
	add(16, vi32, []byte{v}, [2]int{0x15, 0x16})
	add(8, vi32, []byte{v}, [2]int{0x18, 0x19})
	add(4, vi32, []byte{v}, [2]int{0x1b, 0x1b})
	add(2, vi64, []byte{v}, [2]int{0x1d, 0x1d})
	add(4, vf32, []byte{v}, [2]int{0x1f, 0x1f})
	add(2, vf64, []byte{v}, [2]int{0x21, 0x21})
	add(16, v, []byte{v, vi32}, [2]int{0x17, 0x17})
	add(8, v, []byte{v, vi32}, [2]int{0x1a, 0x1a})
	add(4, v, []byte{v, vf32}, [2]int{0x20, 0x20})
	return list
}

// shape is a function's type.
type shape struct{ params, results []byte }

func (s shape) bytes() []byte {
	out := append([]byte{0x60, byte(len(s.params))}, s.params...)
	return append(append(out, byte(len(s.results))), s.results...)
}

// writer makes up a valid program. Every loop and function takes one of the program's own budget and traps when there is
// none, so that every program ends.
type writer struct {
	*rand.Rand
	ops       map[byte][]operation // by what they give
	functions []shape              // imported ones first
	imported  int
	globals   []byte
	budget    int

	out    []byte
	locals []byte
	labels [][]byte
	shape  shape
	depth  int
}

func newWriter(seed uint64, budget int) *writer {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 1)), ops: map[byte][]operation{}, budget: budget, imported: 2}
	for _, op := range operations() {
		w.ops[op.gives] = append(w.ops[op.gives], op)
	}
	w.functions = []shape{{[]byte{vi32}, nil}, {[]byte{vi64, vi32}, []byte{vi64}}, {}} // two imported ones, and main
	for range 2 + w.IntN(6) {
		w.functions = append(w.functions, shape{w.types(3), w.types(2)})
	}
	w.globals = append([]byte{vi32}, w.types(6)...)
	return w
}

func (w *writer) kind() byte { return byte(vi32 - w.IntN(5)) }

func (w *writer) types(n int) []byte {
	list := make([]byte, w.IntN(n+1))
	for i := range list {
		list[i] = w.kind()
	}
	return list
}

func (w *writer) emit(b ...byte)          { w.out = append(w.out, b...) }
func (w *writer) index(op byte, n int)    { w.out = append(append(w.out, op), leb(uint32(n))...) }
func (w *writer) chance(percent int) bool { return w.IntN(100) < percent }

// program writes the module.
func (w *writer) program() []byte {
	var types, functions, globals, exports, code []byte
	for i, s := range w.functions {
		types = append(types, s.bytes()...)
		if i >= w.imported {
			functions = append(functions, byte(i))
			body := w.function(s)
			code = append(append(code, leb(uint32(len(body)))...), body...)
		}
	}
	for i, kind := range w.globals {
		w.out = nil
		if i == 0 {
			w.emit(append([]byte{0x41}, sleb(int64(w.budget))...)...)
		} else {
			w.constant(kind)
		}
		globals = append(append(globals, kind, 1), append(w.out, 0x0b)...)
		exports = append(exports, 1, 'g'+byte(i), 3, byte(i))
	}
	exports = append(exports, "\x04main\x00\x02\x06memory\x02\x00"...)
	out := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, n int, body []byte) {
		out = append(out, section(id, string(append(leb(uint32(n)), body...)))...)
	}
	n := len(w.functions)
	add(1, n, types)
	out = append(out, section(2, "\x02\x01h\x01c\x00\x00\x01h\x01d\x00\x01")...)
	add(3, n-w.imported, functions)
	out = append(out, section(4, "\x01\x70\x00\x0c")...)
	out = append(out, section(5, "\x01\x01\x03\x05")...)
	add(6, len(w.globals), globals)
	add(7, len(w.globals)+2, exports)
	elements := []byte{0, 0x41, 0, 0x0b, 10}
	for range 10 {
		elements = append(elements, byte(w.IntN(n)))
	}
	elements = append(elements, 3, 0, byte(n)) // all are declared
	for i := range n {
		elements = append(elements, byte(i))
	}
	add(9, 2, elements)
	out = append(out, section(12, "\x03")...)
	add(10, n-w.imported, code)
	long := string(leb(longSegment)) + strings.Repeat("a long segment", longSegment/14)
	return append(out, section(11, "\x03\x00\x41\x08\x0b\x06abcdef\x01\x09passively\x01"+long)...)
}

// spend writes the payment from the program's own budget.
func (w *writer) spend() {
	w.emit(0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x41, 0, 0x48, 0x04, 0x40, 0x00, 0x0b)
}

func (w *writer) function(s shape) []byte {
	w.out, w.shape, w.depth = nil, s, 0
	w.locals = append(append([]byte(nil), s.params...), w.types(5)...)
	w.labels = [][]byte{s.results}
	if !w.chance(20) || len(s.params) == 0 { // some are leaves that cannot be the only thing that goes round
		w.spend()
	}
	w.statements(1 + w.IntN(8))
	w.values(s.results)
	extra := w.locals[len(s.params):]
	head := leb(uint32(len(extra)))
	for _, kind := range extra {
		head = append(head, 1, kind)
	}
	return append(append(head, w.out...), 0x0b)
}

func (w *writer) values(kinds []byte) {
	for _, kind := range kinds {
		w.value(kind)
	}
}

func (w *writer) constant(kind byte) {
	pick := []uint64{0, 1, math.MaxUint64, 1 << 31, 1 << 63, uint64(w.IntN(1000)), w.Uint64(), math.Float64bits(1.5), uint64(math.Float32bits(2.5))}
	n := pick[w.IntN(len(pick))]
	switch kind {
	case vi32:
		w.emit(append([]byte{0x41}, sleb(int64(int32(n)))...)...)
	case vi64:
		w.emit(append([]byte{0x42}, sleb(int64(n))...)...)
	case vf32:
		w.emit(0x43, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	case vf64, v128:
		if kind == vf64 {
			w.emit(0x44)
		} else {
			w.emit(0xfd, 0x0c, 1, 2, 3, 4, 0xff, 0xff, 0, byte(n))
		}
		w.emit(byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
	}
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

// some is the index of one that has the type, -1 when none has.
func (w *writer) some(list []byte, kind byte, from int) int {
	var have []int
	for i := from; i < len(list); i++ {
		if list[i] == kind {
			have = append(have, i)
		}
	}
	if len(have) == 0 {
		return -1
	}
	return have[w.IntN(len(have))]
}
