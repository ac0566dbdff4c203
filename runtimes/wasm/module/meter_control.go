package module

// control writes an instruction that the way goes through, or that has an index which moves.
func (w *bodyWriter) control(op byte) {
	switch op {
	case opBlock, opLoop, opIf:
		w.open(op)
	case opElse:
		w.otherwise()
	case opEnd:
		w.end()
	case opBr, opBrIf, opBrTable:
		w.branch(op)
	case opCall, opCallIndirect, opRefFunc:
		w.refer(op)
	case opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet:
		w.variable(op)
	case opReturn, opUnreachable:
		w.copy()
		w.leave()
	default: // nop
		w.copy()
	}
}

// leave says that nothing comes by any more until the block ends.
func (w *bodyWriter) leave() { w.distance, w.straight = -1, false }

func (w *bodyWriter) open(op byte) {
	w.blockType()
	w.copy()
	f := frame{op: op, reached: -1, entered: w.distance}
	if op == opIf {
		w.straight = false
	}
	if op == opLoop && w.distance >= 0 && w.r.err == nil {
		if w.straight && w.total <= weightCall {
			w.free = true
		}
		w.leaf, w.straight = false, false
		f.reached = w.distance
		w.out, f.price = w.m.check(w.out, w.locals, 1)
		w.distance = 0
	}
	w.frames = append(w.frames, f)
}

// blockType reads a block's type: none, a value type, or an index.
func (w *bodyWriter) blockType() {
	if w.r.i < len(w.r.b) {
		if b := w.r.b[w.r.i]; b == emptyBlock || isValueType(b) {
			w.r.i++
			return
		}
	}
	at := w.r.i
	if index := w.r.s33(); w.r.err == nil && (index < 0 || index >= int64(len(w.m.params))) {
		w.r.fail("function %d has a block of type %d at byte %d, and there are %d types", w.function, index, at, len(w.m.params))
	}
}

func (w *bodyWriter) otherwise() {
	f := &w.frames[len(w.frames)-1]
	if f.op != opIf || f.isElse {
		w.r.fail("function %d has an else without an if at byte %d", w.function, w.start)
		return
	}
	w.copy()
	f.isElse = true
	f.reached = max(f.reached, w.distance)
	w.distance = f.entered
}

func (w *bodyWriter) end() {
	f := w.frames[len(w.frames)-1]
	w.frames = w.frames[:len(w.frames)-1]
	w.copy()
	switch {
	case f.op == opLoop && f.price > 0:
		w.out[f.price] = byte(1 + f.reached/unitWeight) // one byte: the distance is less than a stretch and a call
	case f.op == opLoop: // nothing comes by
	case f.op == opIf && !f.isElse:
		w.distance = max(w.distance, f.reached, f.entered)
	default:
		w.distance = max(w.distance, f.reached)
	}
}

func (w *bodyWriter) branch(op byte) {
	w.straight = false
	if op == opBrTable {
		for n := w.r.u32(); n > 0 && w.r.err == nil; n-- {
			w.target()
		}
	}
	w.target()
	w.copy()
	if op != opBrIf {
		w.leave()
	}
}

// target reads a label and lets the distance so far go there.
func (w *bodyWriter) target() {
	label := w.r.u32()
	if int64(label) >= int64(len(w.frames)) {
		w.r.fail("function %d has a branch out of %d blocks at byte %d, and is %d deep", w.function, label, w.start, len(w.frames))
		return
	}
	f := &w.frames[len(w.frames)-1-int(label)]
	f.reached = max(f.reached, w.distance)
}

// refer writes an instruction with the index of a function or type.
func (w *bodyWriter) refer(op byte) {
	index := w.r.u32()
	if op != opRefFunc {
		w.leaf, w.straight = false, false
	}
	if op == opCallIndirect {
		if w.r.err == nil && int64(index) >= int64(len(w.m.params)) {
			w.r.fail("function %d calls type %d at byte %d, and there are %d types", w.function, index, w.start, len(w.m.params))
		}
		w.r.u32()
		w.copy()
		return
	}
	index = w.m.functionIndex(w.r, index)
	w.out = appendU32(append(w.out, op), index)
}

// variable copies the access to a local or global, which must not be one of the rewriter's own.
func (w *bodyWriter) variable(op byte) {
	index, have := w.r.u32(), w.locals
	what := "local"
	if op >= opGlobalGet {
		what, have = "global", w.m.fuel
	}
	if index >= have {
		w.r.fail("function %d has %s %d at byte %d, and there are %d", w.function, what, index, w.start, have)
	}
	w.copy()
}
