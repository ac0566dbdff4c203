package module

import "slices"

const (
	// piece is how many bytes of the memory one instruction works on at most; a larger range is worked on in pieces of that
	// size, each of which is paid before it is done. A host that is waited for waits for one of them.
	piece = 64 << 10
	// bytesPerUnit is the power of two of the bytes that one unit of fuel pays for, refsPerUnit that of the references.
	bytesPerUnit, refsPerUnit = 6, 3
	// shortRange is how many bytes are weighed like simple instructions, two to each, where the module says the number.
	shortRange = 256
	tripleType = "\x60\x03\x7f\x7f\x7f\x00"
)

// constantAt is the number that an i32.const gives, -1 when that is none of an acceptable range.
func constantAt(immediate []byte) int64 {
	r := &reader{b: immediate}
	n := r.s33()
	if r.err != nil || n < 0 || n > piece {
		return -1
	}
	return n
}

// misc writes an instruction behind prefixMisc. What works on a range pays for its length before: 64 bytes a unit, which
// takes as long as 32 simple instructions. Of the memory a range longer than a piece is left to a function that works on it
// piece by piece. Tables are small enough to be worked on at once: maxTable bounds them.
func (w *bodyWriter) misc() {
	op := w.r.u32()
	kind := misc(op)
	if kind == unknown {
		w.unsupported()
		return
	}
	at := w.r.i
	w.skip(kind)
	if w.r.err != nil {
		return
	}
	w.m.keeps = w.m.keeps || keeps(op)
	inPieces, ok := uint32(0), false
	switch op {
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill:
		if w.before >= 0 && w.before <= shortRange {
			w.add(int(w.before) / 2)
			w.copy()
			return
		}
		if w.before < 0 { // it may be longer than a piece
			inPieces, ok = w.m.rangeFunction(op, (&reader{b: w.r.b, i: at}).u32())
		}
		w.paid(bytesPerUnit, inPieces, ok)
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		w.paid(refsPerUnit, 0, false)
	default:
		w.copy()
	}
}

// paid writes the instruction behind the payment for the number on the stack, or behind the question whether that is more
// than a piece, for which there is a function then.
func (w *bodyWriter) paid(shift byte, inPieces uint32, ok bool) {
	w.leaf, w.straight = false, false
	w.out = appendU32(append(w.out, opLocalTee), w.locals)
	if ok {
		w.out = appendU32(append(w.out, opLocalGet), w.locals)
		w.out = append(appendSigned(append(w.out, opI32Const), piece), opI32GtU, opIf)
		w.out = appendSigned(w.out, int64(w.m.triple))
		w.out = appendU32(append(w.out, opCall), inPieces)
		w.out = append(w.out, opElse)
	}
	w.out = w.m.payFor(w.out, w.locals, w.locals, shift)
	w.copy()
	if ok {
		w.out = append(w.out, opEnd)
	}
	if w.distance >= 0 {
		w.distance = weight(prefixMisc)
	}
}

// payFor appends the payment for as much as a local says.
func (m *meter) payFor(out []byte, amount, scratch uint32, shift byte) []byte {
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = appendU32(append(out, opLocalGet), amount)
	return m.pay(append(out, opI32Const, shift, opI32ShrU), scratch)
}

// countData finds the segments that are longer than a piece, if there may be an instruction that copies from them.
func (m *meter) countData(r *reader) {
	index := uint32(0)
	r.vector(func() {
		if size := m.data(r); size > piece && m.counted && m.memory {
			m.inits = append(m.inits, index)
		}
		index++
	})
}

// rangeFunctions is how many functions work on ranges: fill, copy, and one for each long segment of data.
func (m *meter) rangeFunctions() uint32 {
	if !m.memory {
		return 0
	}
	return uint32(2 + len(m.inits))
}

// rangeFunction is the index of the one that does what an instruction does, for a range that may be longer than a piece.
func (m *meter) rangeFunction(op, segment uint32) (uint32, bool) {
	first := m.refuel() + 1 + uint32(len(m.imported))
	if !m.memory {
		return 0, false
	}
	switch op {
	case miscMemoryFill:
		return first, true
	case miscMemoryCopy:
		return first + 1, true
	}
	n, ok := slices.BinarySearch(m.inits, segment)
	return first + 2 + uint32(n), ok
}

// ranges are the bodies of the functions that work on ranges longer than a piece. Like the instructions they trap before
// anything is written, by the instruction itself.
func (m *meter) ranges() [][]byte {
	if !m.memory {
		return nil
	}
	list := [][]byte{m.filling(), m.copying()}
	for _, segment := range m.inits {
		list = append(list, m.initialising(segment))
	}
	return list
}

// The locals of those functions: where to, where from (or what), how many, and one for payments.
const (
	rangeTo, rangeFrom, rangeLeft, rangeScratch = 0, 1, 2, 3
)

// whole appends the instruction for all that is left.
func whole(out []byte, instruction string) []byte {
	return append(append(out, opLocalGet, rangeTo, opLocalGet, rangeFrom, opLocalGet, rangeLeft), instruction...)
}

// move appends: local + or - a piece.
func move(out []byte, local, op byte) []byte {
	return append(appendSigned(append(out, opLocalGet, local, opI32Const), piece), op, opLocalSet, local)
}

// beyond appends whether a range ends behind the memory.
func beyond(out []byte, local byte) []byte {
	out = append(out, opLocalGet, local, opI64ExtendU, opLocalGet, rangeLeft, opI64ExtendU, opI64Add)
	return append(out, opMemorySize, 0, opI64ExtendU, opI64Const, 16, opI64Shl, opI64GtU)
}

// refuse appends the instruction as it stands, which traps, where the condition on the stack holds.
func refuse(out []byte, instruction string) []byte {
	return append(whole(append(out, opIf, emptyBlock), instruction), opEnd)
}

// pieces appends a loop over pieces that leaves no more than one. It is entered with more.
func (m *meter) pieces(out, before []byte, one string, after ...byte) []byte {
	out = append(append(out, opLoop, emptyBlock), before...)
	out = appendU32(append(out, opGlobalGet), m.fuel)
	out = m.pay(appendSigned(append(out, opI32Const), piece>>bytesPerUnit), rangeScratch)
	out = append(out, one...)
	out = append(out, after...)
	out = appendSigned(append(out, opLocalGet, rangeLeft, opI32Const), piece)
	return append(out, opI32GtU, opBrIf, 0, opEnd)
}

// onwards appends a loop over pieces from the first to the one before the last, and then the last.
func (m *meter) onwards(out []byte, instruction string, from bool) []byte {
	one := string(appendSigned([]byte{opLocalGet, rangeTo, opLocalGet, rangeFrom, opI32Const}, piece)) + instruction
	after := move(nil, rangeTo, opI32Add)
	if from {
		after = move(after, rangeFrom, opI32Add)
	}
	return m.pieces(out, nil, one, move(after, rangeLeft, opI32Sub)...)
}

// last appends the work on what the pieces left, and the end.
func (m *meter) last(out []byte, instruction string) []byte {
	out = m.payFor(out, rangeLeft, rangeScratch, bytesPerUnit)
	return append(whole(out, instruction), opEnd)
}

func (m *meter) filling() []byte {
	const fill = "\xfc\x0b\x00"
	out := refuse(beyond([]byte{1, 1, 0x7f}, rangeTo), fill)
	return m.last(m.onwards(out, fill, false), fill)
}

// copying goes from the end to the start where it would overwrite otherwise what is still to be read.
func (m *meter) copying() []byte {
	const copies = "\xfc\x0a\x00\x00"
	out := refuse(append(beyond(beyond([]byte{1, 1, 0x7f}, rangeTo), rangeFrom), opI32Or), copies)
	out = append(out, opLocalGet, rangeFrom, opLocalGet, rangeTo, opI32LtU, opIf, emptyBlock)
	one := string([]byte{opLocalGet, rangeTo, opLocalGet, rangeLeft, opI32Add, opLocalGet, rangeFrom, opLocalGet, rangeLeft, opI32Add, opI32Const}) +
		string(appendSigned(nil, piece)) + copies
	out = m.pieces(out, move(nil, rangeLeft, opI32Sub), one)
	out = m.onwards(append(out, opElse), copies, true)
	return m.last(append(out, opEnd), copies)
}

// initialising asks by a range of no length whether the segment, which may have been dropped, is as long as that.
func (m *meter) initialising(segment uint32) []byte {
	init := "\xfc\x08" + string(appendU32(nil, segment)) + "\x00"
	out := append([]byte{1, 1, 0x7f}, opLocalGet, rangeFrom, opLocalGet, rangeLeft, opI32Add, opLocalGet, rangeFrom, opI32LtU)
	out = refuse(append(beyond(out, rangeTo), opI32Or), init)
	out = append(out, opI32Const, 0, opLocalGet, rangeFrom, opLocalGet, rangeLeft, opI32Add, opI32Const, 0)
	return m.last(m.onwards(append(out, init...), init, true), init)
}
