package module

// clamp writes a table and lets it grow no further than to its share of maxTable.
func (m *meter) clamp(r *reader, out []byte) []byte {
	kind := r.at(r.i)
	least, most := m.table(r)
	share := max(int64(least), maxTable/int64(m.tables))
	if most < 0 || most > share {
		most = share
	}
	return appendU32(appendU32(append(out, kind, 1), least), uint32(most))
}

// export writes one export.
func (m *meter) export(r *reader, out []byte) []byte {
	start := r.i
	r.name()
	kind := r.byte()
	if r.err != nil {
		return out
	}
	out = append(out, r.b[start:r.i]...)
	index := r.u32()
	switch {
	case kind == 0:
		index = m.functionIndex(r, index)
	case kind == 3 && index >= m.fuel:
		r.fail("global %d is exported before byte %d, and there are %d", index, r.i, m.fuel)
	case kind > 3:
		r.fail("an export before byte %d is of unknown kind %d", r.i, kind)
	}
	return appendU32(out, index)
}

// constant writes a constant expression, its end included.
func (m *meter) constant(r *reader, out []byte) []byte {
	for r.err == nil {
		start := r.i
		op := r.byte()
		switch op {
		case opEnd:
			return append(out, op)
		case opRefFunc:
			out = appendU32(append(out, op), m.functionIndex(r, r.u32()))
			continue
		case opI32Const, 0x42:
			r.leb()
		case opGlobalGet:
			r.u32()
		case 0x43:
			r.skip(4)
		case 0x44:
			r.skip(8)
		case 0xd0:
			if kind := r.byte(); kind != 0x70 && kind != 0x6f {
				r.fail("a constant at byte %d is a reference of type 0x%x: %w", start, kind, ErrNewer)
			}
		case prefixVector:
			if sub := r.u32(); sub != 12 {
				r.fail("a constant at byte %d is instruction 0xfd 0x%x, which is none", start, sub)
			}
			r.skip(16)
		default:
			r.fail("a constant at byte %d is instruction 0x%x: %w", start, op, ErrNewer)
		}
		if r.err == nil {
			out = append(out, r.b[start:r.i]...)
		}
	}
	return out
}

// elements writes one segment of elements.
func (m *meter) elements(r *reader, out []byte) []byte {
	form := r.u32()
	out = appendU32(out, form)
	if form > 7 {
		r.fail("elements of form %d before byte %d are not known", form, r.i)
		return out
	}
	active, indexed, expressions := form&1 == 0, form&2 != 0, form&4 != 0
	if active && indexed {
		out = appendU32(out, r.u32())
	}
	if active {
		out = m.constant(r, out)
	}
	if !active || indexed {
		out = append(out, r.byte()) // what kind of elements
	}
	n := r.u32()
	out = appendU32(out, n)
	for ; n > 0 && r.err == nil; n-- {
		if expressions {
			out = m.constant(r, out)
		} else {
			out = appendU32(out, m.functionIndex(r, r.u32()))
		}
	}
	return out
}

// data reads one segment of data and tells its length.
func (m *meter) data(r *reader) uint32 {
	form := r.u32()
	if form > 2 {
		r.fail("data of form %d before byte %d is not known", form, r.i)
	}
	if form == 2 {
		r.u32()
	}
	if form != 1 {
		m.constant(r, nil)
	}
	size := r.u32()
	r.skip(size)
	return size
}

// custom writes a section of that kind: names with the indexes of the functions as they are now, debugging information
// not at all, everything else as it is.
func (m *meter) custom(r *reader) {
	start := r.i
	name := r.name()
	if r.err == nil && len(name) > 7 && name[:7] == ".debug_" {
		return
	}
	body := r.b[start:]
	if r.err == nil && name == "name" {
		if names, ok := m.names(r); ok {
			body = append(appendText(nil, name), names...)
		}
	}
	m.write(0, body)
}

// names rewrites the names of the module, of functions and of locals; false when they cannot be read.
func (m *meter) names(r *reader) ([]byte, bool) {
	var out []byte
	for r.i < len(r.b) && r.err == nil {
		id := r.byte()
		size := r.u32()
		from := r.i
		r.skip(size)
		if r.err != nil || id > 2 {
			continue
		}
		sub := &reader{b: r.b[:r.i], i: from}
		var body []byte
		switch id {
		case 0:
			sub.name()
			body = sub.b[from:]
		case 1:
			body = m.nameMap(sub, func() { sub.name() })
		case 2:
			body = m.nameMap(sub, func() {
				sub.vector(func() {
					sub.u32()
					sub.name()
				})
			})
		}
		if sub.err != nil || sub.i != len(sub.b) {
			return nil, false
		}
		out = append(appendU32(append(out, id), uint32(len(body))), body...)
	}
	return out, r.err == nil
}

// nameMap rewrites a map that begins with the indexes of functions. Imported functions stay where they are.
func (m *meter) nameMap(r *reader, value func()) []byte {
	n := r.u32()
	out := appendU32(nil, n)
	for ; n > 0 && r.err == nil; n-- {
		index := r.u32()
		from := r.i
		value()
		if int64(index) >= int64(len(m.imported)) {
			index++
		}
		if r.err == nil {
			out = append(appendU32(out, index), r.b[from:r.i]...)
		}
	}
	return out
}

func appendText(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }
