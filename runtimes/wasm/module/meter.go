package module

import (
	"errors"
	"fmt"
)

// The function that a metered module imports and calls, without arguments, whenever it has used up its fuel.
const (
	YieldModule = "bangle/fuel"
	YieldName   = "yield"
)

// MeterVersion changes with what Meter makes of a module, and TakeData.
const MeterVersion = "4"

const (
	// fuel is what a guest may use between two calls of yield. One unit is up to 32 simple instructions or 64 bytes that
	// are copied, so that a call comes at least every half a million instructions, and at most every 16,384 rounds of a loop.
	fuel = 16_384
	// priceImport makes a guest yield in every fourth call of the host: what the host does for it may take its time.
	priceImport = fuel / 4
	// maxTable is how many references the tables of one instance may hold; they lie in the host's heap.
	maxTable = 1 << 20
)

// Reasons why a module is not rewritten although it may be valid.
var (
	ErrTooLarge = errors.New("it is too large")
	ErrNewer    = errors.New("not of WASM 2.0")
)

// meter rewrites one module. Its functions are: the imported ones, yield, the module's own, refuel, one in front of
// each imported function, and those that work on large ranges. Wherever the module names an imported function, the
// rewritten one names that in front of it.
type meter struct {
	params    []int    // how many parameters each type has
	void      uint32   // type without parameters and results
	newVoid   bool     // the module has none
	triple    uint32   // type of three i32 without results
	newTriple bool     // the module has none
	memory    bool     // it has one
	counted   bool     // it says how many segments of data it has, without which it has no use for the next
	inits     []uint32 // segments of data that are longer than a piece
	imported  []uint32 // types of the imported functions
	own       []uint32 // types of the module's own functions
	fuel      uint32   // index of the global that counts, after all others
	tables    uint32
	tableMins uint64
	keeps     bool // it has an instruction that changes what lies neither in memory nor in globals
	out       []byte
	done      int // the rank of the last section that was written
}

// Meter returns the module with fuel: at the head of every loop, at the start of every function, in long stretches of code
// and in front of what works on large ranges a counter goes down, and where it is used up YieldName of YieldModule is
// called, from which a host can return or not. Large ranges of the memory are worked on in pieces. So nothing of the module runs for long without the host, and what is run
// is otherwise the same. Everything that wazero will make room for has been counted then. Names of functions stay; other
// debugging information is left out. Errors name the function, the instruction and the byte.
func Meter(file []byte) ([]byte, error) {
	sections, err := split(file)
	if err != nil {
		return nil, err
	}
	m := &meter{out: append([]byte(nil), file[:8]...)}
	if err := m.count(file, sections); err != nil {
		return nil, err
	}
	for _, s := range sections {
		if err := m.section(s.id, &reader{b: file[:s.to], i: s.from}); err != nil {
			return nil, fmt.Errorf("section %d: %w", s.id, err)
		}
	}
	m.fill(len(ranks()))
	if m.keeps {
		m.write(0, append(appendText(nil, keepsSection), 1)) // an engine may want content
	}
	return m.out, nil
}

// ranks is the order of sections, by id; 0 is the custom one, which may stand anywhere.
func ranks() []int { return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10} }

// rankOf is a section's place, 0 when it has none.
func rankOf(id byte) int {
	if r := ranks(); int(id) < len(r) {
		return r[id]
	}
	return 0
}

// section is where a section's body stands.
type section struct {
	id byte
	span
}

// split finds the sections and holds them against their order.
func split(file []byte) ([]section, error) {
	if len(file) < 8 || string(file[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, ErrNotWasm
	}
	var list []section
	last := 0
	for r := (&reader{b: file, i: 8}); r.i < len(file); {
		at := r.i
		id := r.byte()
		size := r.u32()
		from := r.i
		r.skip(size)
		if r.err != nil {
			return nil, r.err
		}
		if id != 0 {
			if rankOf(id) <= last {
				return nil, fmt.Errorf("section %d at byte %d is not known, or not in its place", id, at)
			}
			last = rankOf(id)
		}
		if id == 12 && size == 0 { // it counts nothing, and wazero takes it where nothing follows
			if r.i < len(file) {
				return nil, fmt.Errorf("section 12 at byte %d is empty", at)
			}
			break
		}
		list = append(list, section{id, span{from, r.i}})
	}
	return list, nil
}

// check appends the payment of a fixed price and returns where it stands, so that it can be changed.
func (m *meter) check(out []byte, local uint32, price int) ([]byte, int) {
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = append(out, opI32Const, byte(price)) // less than 64, which is one byte
	at := len(out) - 1
	return m.pay(out, local), at
}

// pay appends: counter - price, both of which are on the stack, and the call when it is below zero.
func (m *meter) pay(out []byte, local uint32) []byte {
	out = appendU32(append(out, opI32Sub, opLocalTee), local)
	out = appendU32(append(out, opGlobalSet), m.fuel)
	out = appendU32(append(out, opLocalGet), local)
	out = append(out, opI32Const, 0, opI32LtS, opIf, emptyBlock)
	out = appendU32(append(out, opCall), m.refuel())
	return append(out, opEnd)
}

// refuel is the index of the function that fills up and yields.
func (m *meter) refuel() uint32 { return uint32(len(m.imported) + 1 + len(m.own)) }

// functionIndex is where a function of the module is now.
func (m *meter) functionIndex(r *reader, index uint32) uint32 {
	switch {
	case r.err != nil:
		return 0
	case int64(index) < int64(len(m.imported)):
		return m.refuel() + 1 + index
	case int64(index) < int64(len(m.imported)+len(m.own)):
		return index + 1
	}
	r.fail("function %d is named before byte %d, and there are %d", index, r.i, len(m.imported)+len(m.own))
	return 0
}

// helpers are the bodies of refuel and of the functions in front of the imported ones.
func (m *meter) helpers() [][]byte {
	body := appendSigned([]byte{0, opI32Const}, fuel)
	body = appendU32(append(body, opGlobalSet), m.fuel)
	body = appendU32(append(body, opCall), uint32(len(m.imported)))
	list := [][]byte{append(body, opEnd)}
	for i, kind := range m.imported {
		params := uint32(m.params[kind])
		body := []byte{1, 1, 0x7f}
		body = appendU32(append(body, opGlobalGet), m.fuel)
		body = appendSigned(append(body, opI32Const), priceImport)
		body = m.pay(body, params)
		for p := range params {
			body = appendU32(append(body, opLocalGet), p)
		}
		body = appendU32(append(body, opCall), uint32(i))
		list = append(list, append(body, opEnd))
	}
	return append(list, m.ranges()...)
}

func appendSigned(b []byte, n int64) []byte {
	for n >= 64 || n < -64 {
		b = append(b, byte(n&0x7f)|0x80)
		n >>= 7
	}
	return append(b, byte(n&0x7f))
}

func isValueType(b byte) bool { return b >= 0x7b && b <= 0x7f || b == 0x70 || b == 0x6f }
