package module

import "fmt"

const (
	// weightCall is what a call weighs for its caller; a function that is no longer than that, has no loop and calls
	// nothing is paid with it.
	weightCall = 32
	// stretch is how many simple instructions may run between two checks; unitWeight is how many of them cost one unit.
	stretch, unitWeight = 256, 32
	maxLocals           = 50_000
)

// frame is a block that is open. Distances are the most simple instructions that any path since a check has, -1 where
// none comes by.
type frame struct {
	op      byte
	isElse  bool
	reached int // of the branches to its end; for a loop, to its head
	entered int // at an if
	price   int // where the price of a loop's check stands in the output
}

// bodyWriter rewrites one function.
type bodyWriter struct {
	m        *meter
	r        *reader
	out      []byte
	function uint32 // index
	locals   uint32 // of the function, parameters included; the rewriter's own comes after
	frames   []frame
	distance int
	straight bool // no way yet but straight on
	free     bool // the first loop's check serves the whole function
	leaf     bool // no loop, call, or check
	total    int
	start    int   // of the instruction
	known    int64 // what is on the stack, where the instruction before was a constant; else -1
	before   int64 // known when the instruction began
}

// body rewrites what stands between the size and the end of one function.
func (m *meter) body(r *reader, function uint32, params int) ([]byte, error) {
	var groups []byte
	n := r.u32()
	locals := uint64(params)
	for range n {
		count := r.u32()
		kind := r.byte()
		if !isValueType(kind) {
			r.fail("function %d has locals of type 0x%x at byte %d: %w", function, kind, r.i-1, ErrNewer)
		}
		if r.err != nil {
			return nil, r.err
		}
		if locals += uint64(count); locals > maxLocals {
			return nil, fmt.Errorf("function %d has more than %d locals", function, maxLocals)
		}
		groups = append(appendU32(groups, count), kind)
	}
	w := &bodyWriter{m: m, r: r, function: function, locals: uint32(locals), straight: true, leaf: true, known: -1,
		frames: []frame{{op: opBlock, reached: -1}}}
	for len(w.frames) > 0 && r.err == nil {
		w.instruction()
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.i != len(r.b) {
		return nil, fmt.Errorf("function %d goes on after its end at byte %d", function, r.i)
	}
	out := appendU32(nil, n+1)
	out = append(append(out, groups...), 1, 0x7f)
	if !w.free && (!w.leaf || w.total > weightCall) {
		out, _ = w.m.check(out, w.locals, 1)
	}
	return append(out, w.out...), nil
}

// instruction reads one and writes it.
func (w *bodyWriter) instruction() {
	w.start = w.r.i
	op := w.r.byte()
	if w.r.err != nil {
		return
	}
	w.add(weight(op))
	w.before, w.known = w.known, -1
	kind := plain(op)
	if op == prefixVector {
		kind = w.vectorCode()
	}
	switch {
	case op == prefixMisc:
		w.misc()
	case kind == control:
		w.control(op)
	case kind == unknown:
		w.unsupported()
	default:
		w.skip(kind)
		w.copy()
		w.m.keeps = w.m.keeps || op == opTableSet
		if op == opI32Const {
			w.known = constantAt(w.r.b[w.start+1 : w.r.i])
		}
	}
	if w.distance >= stretch && len(w.frames) > 0 {
		w.leaf, w.straight = false, false
		w.out, _ = w.m.check(w.out, w.locals, 1+w.distance/unitWeight)
		w.distance = 0
	}
}

func (w *bodyWriter) unsupported() {
	at := w.r.i
	if w.r.err == nil {
		w.r.fail("function %d has instruction % x at byte %d: %w", w.function, w.r.b[w.start:at], w.start, ErrNewer)
	}
}

// vectorCode reads the code behind prefixVector. wazero reads one byte of it and takes a second one for a nop; so what is
// not written as short as can be would be read differently here and there, and is refused.
func (w *bodyWriter) vectorCode() immediate {
	code := w.r.byte()
	if code >= 0x80 && w.r.byte() != 1 {
		return unknown
	}
	return vector(code)
}

// add lets the distance grow, where anything comes by.
func (w *bodyWriter) add(n int) {
	w.total += n
	if w.distance >= 0 {
		w.distance += n
	}
}

func (w *bodyWriter) copy() {
	if w.r.err == nil {
		w.out = append(w.out, w.r.b[w.start:w.r.i]...)
	}
}

// skip reads an immediate.
func (w *bodyWriter) skip(kind immediate) {
	r := w.r
	switch kind {
	case oneIndex:
		r.u32()
	case twoIndexes:
		r.u32()
		r.u32()
	case signed:
		r.leb()
	case fourBytes:
		r.skip(4)
	case eightBytes:
		r.skip(8)
	case sixteenBytes:
		r.skip(16)
	case oneByte:
		r.skip(1)
	case zero, indexZero, twoZeros:
		if kind == indexZero {
			r.u32()
		}
		if r.byte() != 0 || kind == twoZeros && r.byte() != 0 {
			w.unsupported()
		}
	case memoryArg, memoryArgLane:
		r.u32()
		r.u32()
		if kind == memoryArgLane {
			r.skip(1)
		}
	case refType, valTypes:
		if kind == valTypes && r.byte() != 1 || !isValueType(r.byte()) {
			w.unsupported()
		}
	}
}
