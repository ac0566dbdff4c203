package module_test

import "slices"

// address writes one that is mostly within the memory.
func (w *writer) address() {
	w.value(vi32)
	if !w.chance(3) {
		w.emit(append([]byte{0x41}, sleb(0xfff)...)...)
		w.emit(0x71)
	}
}

// value writes one value of the type.
func (w *writer) value(kind byte) {
	w.depth++
	defer func() { w.depth-- }()
	choice := w.IntN(16)
	if w.depth > 7 || len(w.out) > 12_000 {
		choice = w.IntN(3)
	}
	switch choice {
	case 0:
		w.constant(kind)
	case 1, 2:
		if i := w.some(w.locals, kind, 0); i >= 0 {
			w.index(0x20, i)
		} else if i := w.some(w.globals, kind, 0); i >= 0 {
			w.index(0x23, i)
		} else {
			w.constant(kind)
		}
	case 3:
		w.load(kind)
	case 4:
		w.block(0x02, []byte{kind})
	case 5:
		w.block(0x03, []byte{kind})
	case 6:
		w.value(vi32)
		w.block(0x04, []byte{kind})
	case 7:
		w.value(kind)
		if i := w.some(w.locals, kind, 0); i >= 0 {
			w.index(0x22, i)
		}
	case 8:
		w.values([]byte{kind, kind, vi32})
		if w.chance(50) {
			w.emit(0x1b)
		} else {
			w.emit(0x1c, 1, kind)
		}
	case 9:
		w.called(kind)
	default:
		op := w.ops[kind][w.IntN(len(w.ops[kind]))]
		w.values(op.takes)
		w.emit(op.code...)
		if op.lanes > 0 {
			w.emit(byte(w.IntN(op.lanes)))
		}
	}
}

func (w *writer) load(kind byte) {
	w.address()
	switch kind {
	case vi32:
		w.emit([]byte{0x28, 0x2c, 0x2d, 0x2e, 0x2f}[w.IntN(5)], 0, byte(w.IntN(100)))
	case vi64:
		w.emit([]byte{0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35}[w.IntN(7)], 0, byte(w.IntN(100)))
	case vf32, vf64:
		w.emit(0x2a+vf32-kind, 0, byte(w.IntN(100)))
	case v128:
		if op := w.IntN(13); op < 11 {
			w.emit(0xfd, byte(op), 0, byte(w.IntN(100)))
		} else {
			w.value(v128)
			lane := w.IntN(4)
			w.emit(0xfd, byte(84+lane), 0, byte(w.IntN(100)), byte(w.IntN(16>>lane)))
		}
	}
}

// called writes a value that a function gives, or what the memory or table says of itself.
func (w *writer) called(kind byte) {
	for i, s := range w.functions {
		if len(s.results) > 0 && s.results[0] == kind && w.chance(60) {
			w.call(i, s)
			for range s.results[1:] {
				w.emit(0x1a)
			}
			return
		}
	}
	if kind != vi32 {
		w.constant(kind)
		return
	}
	switch w.IntN(3) {
	case 0:
		w.emit(0x3f, 0)
	case 1:
		w.emit(0x41, byte(w.IntN(2)), 0x40, 0)
	case 2:
		w.emit(0xfc, 16, 0)
	}
}

func (w *writer) call(i int, s shape) {
	w.values(s.params)
	if w.chance(30) {
		w.emit(0x41, byte(w.IntN(12)))
		w.index(0x11, i) // types and functions have the same numbers
		w.emit(0)
		return
	}
	w.index(0x10, i)
}

// block writes one with its statements and results.
func (w *writer) block(op byte, results []byte) {
	blockType := byte(0x40)
	if len(results) == 1 {
		blockType = results[0]
	}
	w.emit(op, blockType)
	label := results
	if op == 0x03 {
		label = nil
		w.spend()
	}
	w.labels = append(w.labels, label)
	w.statements(w.IntN(4))
	w.values(results)
	if op == 0x04 && (len(results) > 0 || w.chance(50)) {
		w.emit(0x05)
		w.statements(w.IntN(3))
		w.values(results)
	}
	w.labels = w.labels[:len(w.labels)-1]
	w.emit(0x0b)
}

func (w *writer) statements(n int) {
	w.depth++
	defer func() { w.depth-- }()
	for range n {
		if w.depth > 9 || len(w.out) > 12_000 {
			return
		}
		w.statement()
	}
}

func (w *writer) statement() {
	switch w.IntN(16) {
	case 0, 1:
		if len(w.locals) > 0 {
			i := w.IntN(len(w.locals))
			w.value(w.locals[i])
			w.index(0x21, i)
		}
	case 2, 3:
		if len(w.globals) > 1 {
			i := 1 + w.IntN(len(w.globals)-1)
			w.value(w.globals[i])
			w.index(0x24, i)
		}
	case 4, 5:
		w.store()
	case 6:
		w.block(0x02, nil)
	case 7, 8:
		w.block(0x03, nil)
	case 9:
		w.value(vi32)
		w.block(0x04, nil)
	case 10:
		i := w.IntN(len(w.functions))
		w.call(i, w.functions[i])
		for range w.functions[i].results {
			w.emit(0x1a)
		}
	case 11, 12, 13:
		w.jump()
	case 14:
		w.bulk()
	case 15:
		w.value(w.kind())
		w.emit(0x1a)
	}
}

func (w *writer) store() {
	kind := w.kind()
	w.address()
	w.value(kind)
	switch kind {
	case vi32:
		w.emit([]byte{0x36, 0x3a, 0x3b}[w.IntN(3)], 0, byte(w.IntN(100)))
	case vi64:
		w.emit([]byte{0x37, 0x3c, 0x3d, 0x3e}[w.IntN(4)], 0, byte(w.IntN(100)))
	case vf32, vf64:
		w.emit(0x38+vf32-kind, 0, byte(w.IntN(100)))
	case v128:
		if w.chance(50) {
			w.emit(0xfd, 11, 0, byte(w.IntN(100)))
		} else {
			lane := w.IntN(4)
			w.emit(0xfd, byte(88+lane), 0, byte(w.IntN(100)), byte(w.IntN(16>>lane)))
		}
	}
}

// jump writes a branch, one by a table, or a return.
func (w *writer) jump() {
	depth := w.IntN(len(w.labels))
	label := w.labels[len(w.labels)-1-depth]
	switch w.IntN(5) {
	case 0:
		w.values(label)
		w.index(0x0c, depth)
	case 1:
		w.values(w.shape.results)
		w.emit(0x0f)
	case 2:
		var same []int
		for d := range w.labels {
			if slices.Equal(w.labels[len(w.labels)-1-d], label) {
				same = append(same, d)
			}
		}
		n := w.IntN(5)
		w.values(label)
		w.value(vi32)
		w.emit(0x0e, byte(n))
		for range n + 1 {
			w.emit(leb(uint32(same[w.IntN(len(same))]))...)
		}
	default:
		w.values(label)
		w.value(vi32)
		w.index(0x0d, depth)
		for range label {
			w.emit(0x1a)
		}
	}
}

// bulk writes what works on a range of the memory or the table.
func (w *writer) bulk() {
	if w.chance(30) {
		w.large()
		return
	}
	w.address()
	switch w.IntN(6) {
	case 0:
		w.value(vi32)
		w.address()
		w.emit(0xfc, 11, 0)
	case 1:
		w.address()
		w.address()
		w.emit(0xfc, 10, 0, 0)
	case 2:
		w.emit(0x41, byte(w.IntN(6)), 0x41, byte(w.IntN(6)), 0xfc, 8, 1, 0)
	case 3:
		w.emit(0x1a, 0x41, byte(w.IntN(6)), 0x41, byte(w.IntN(6)), 0x41, byte(w.IntN(6)), 0xfc, 14, 0, 0)
	case 4:
		w.emit(0x1a, 0x41, byte(w.IntN(6)), 0xd2, byte(w.IntN(len(w.functions))), 0x41, byte(w.IntN(6)), 0xfc, 17, 0)
	case 5:
		w.emit(0x1a, 0x41, byte(w.IntN(12)), 0x41, byte(w.IntN(12)), 0x25, 0, 0x26, 0)
	}
}

// large writes what works on a range that may be longer than a piece of the rewriter's: within the memory, across its end,
// or with an address that overflows.
func (w *writer) large() {
	pick := func(list ...uint32) {
		n := list[w.IntN(len(list))]
		if w.chance(20) {
			n += uint32(w.IntN(200))
		}
		w.emit(append([]byte{0x41}, sleb(int64(int32(n)))...)...)
		if w.chance(30) { // a number that the rewriter does not know
			w.emit(0x41, 0, 0x6a)
		}
	}
	const kib = 1 << 10
	to := []uint32{0, 1, 100, 64 * kib, 64*kib + 1, 100 * kib, 128 * kib, 192 * kib, 0xffffffff}
	n := []uint32{0, 1, 255, 256, 64*kib - 1, 64 * kib, 64*kib + 1, 90_000, 128 * kib, 128*kib + 1, 192 * kib, 0xffff0000}
	pick(to...)
	switch w.IntN(5) {
	case 0:
		w.value(vi32)
		pick(n...)
		w.emit(0xfc, 11, 0)
	case 1, 2:
		pick(to...)
		pick(n...)
		w.emit(0xfc, 10, 0, 0)
	case 3:
		pick(0, 1, 24_000, 90_000, 0xffffffff)
		pick(n...)
		w.emit(0xfc, 8, 2, 0)
	default:
		w.emit(0x1a)
		if w.chance(20) {
			w.emit(0xfc, 9, 2) // data.drop
		}
	}
}
