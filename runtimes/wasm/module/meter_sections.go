package module

import "fmt"

// count reads what the rewriting of every section depends on.
func (m *meter) count(file []byte, sections []section) error {
	m.newVoid, m.newTriple = true, true
	for _, s := range sections {
		r := &reader{b: file[:s.to], i: s.from}
		if m.countSection(s.id, r); r.err != nil {
			return fmt.Errorf("section %d: %w", s.id, r.err)
		}
	}
	types := uint32(len(m.params))
	if m.newVoid {
		m.void = types
		types++
	}
	if m.newTriple = m.newTriple && m.memory; m.newTriple {
		m.triple = types
	}
	if m.tableMins > maxTable {
		return fmt.Errorf("its tables have %d elements, allowed are %d: %w", m.tableMins, maxTable, ErrTooLarge)
	}
	return nil
}

func (m *meter) countSection(id byte, r *reader) {
	switch id {
	case 1:
		r.vector(func() { m.countType(r) })
	case 2:
		r.vector(func() { m.countImport(r) })
	case 3:
		r.vector(func() { m.own = append(m.own, m.typeIndex(r)) })
	case 4:
		r.vector(func() {
			m.tables++
			least, _ := m.table(r)
			m.tableMins += uint64(least)
		})
	case 5:
		m.memory = r.u32() > 0 || m.memory
	case 6:
		m.fuel += r.u32()
	case 11:
		m.countData(r)
	case 12:
		m.counted = true
	}
}

// countType reads one type and finds those that the rewriter needs.
func (m *meter) countType(r *reader) {
	start, index := r.i, uint32(len(m.params))
	params, results := m.functionType(r)
	if params == 0 && results == 0 && m.newVoid {
		m.void, m.newVoid = index, false
	}
	if string(r.b[start:r.i]) == tripleType && m.newTriple {
		m.triple, m.newTriple = index, false
	}
	m.params = append(m.params, params)
}

// functionType reads one type and counts.
func (m *meter) functionType(r *reader) (params, results int) {
	if form := r.byte(); form != 0x60 {
		r.fail("a type of form 0x%x at byte %d: %w", form, r.i-1, ErrNewer)
	}
	list := func() int {
		n := 0
		r.vector(func() {
			m.valueType(r)
			n++
		})
		return n
	}
	params = list()
	return params, list()
}

// valueType reads one and refuses those of newer proposals.
func (m *meter) valueType(r *reader) byte {
	b := r.byte()
	if !isValueType(b) {
		r.fail("a type 0x%x at byte %d: %w", b, r.i-1, ErrNewer)
	}
	return b
}

func (m *meter) typeIndex(r *reader) uint32 {
	index := r.u32()
	if r.err == nil && int64(index) >= int64(len(m.params)) {
		r.fail("type %d is named before byte %d, and there are %d", index, r.i, len(m.params))
	}
	return index
}

func (m *meter) countImport(r *reader) {
	r.name()
	r.name()
	switch kind := r.byte(); kind {
	case 0:
		m.imported = append(m.imported, m.typeIndex(r))
	case 1:
		m.table(r)
	case 2:
		r.limits()
		m.memory = true
	case 3:
		m.valueType(r)
		r.byte()
		m.fuel++
	default:
		r.fail("an import before byte %d is of unknown kind %d", r.i, kind)
	}
}

// table reads a table's type; most is -1 where none is given.
func (m *meter) table(r *reader) (least uint32, most int64) {
	if kind := r.byte(); kind != 0x70 && kind != 0x6f {
		r.fail("a table of type 0x%x before byte %d: %w", kind, r.i, ErrNewer)
	}
	flags := r.byte()
	least, most = r.u32(), -1
	if flags == 1 {
		most = int64(r.u32())
	}
	if flags > 1 {
		r.fail("a table with limits 0x%x before byte %d: %w", flags, r.i, ErrNewer)
	}
	return least, most
}

// section writes a section, those that must stand before it and are missing, and what is added to it.
func (m *meter) section(id byte, r *reader) error {
	if id == 0 {
		m.custom(r)
		return nil
	}
	m.fill(rankOf(id))
	m.done = rankOf(id)
	start := r.i
	var body []byte
	switch id {
	case 5, 12:
		body = r.b[start:]
		r.i = len(r.b)
	case 8:
		body = appendU32(nil, m.functionIndex(r, r.u32()))
	case 11:
		r.vector(func() { m.data(r) })
		body = r.b[start:]
	case 10:
		code, err := m.code(r)
		if err != nil {
			return err
		}
		body = code
	default:
		body = m.vector(id, r)
	}
	if r.err == nil && r.i != len(r.b) {
		r.fail("it has %d bytes more than it should at byte %d", len(r.b)-r.i, r.i)
	}
	m.write(id, body)
	return r.err
}

// vector rewrites a section that is a vector, and adds the rewriter's own elements.
func (m *meter) vector(id byte, r *reader) []byte {
	n := r.u32()
	var body []byte
	for left := n; left > 0 && r.err == nil; left-- {
		body = m.element(id, r, body)
	}
	added, more := m.added(id)
	return append(append(appendU32(nil, n+added), body...), more...)
}

// element rewrites one element of a section.
func (m *meter) element(id byte, r *reader, out []byte) []byte {
	start := r.i
	switch id {
	case 1:
		m.functionType(r)
	case 2:
		(&meter{params: m.params}).countImport(r)
	case 3:
		m.typeIndex(r)
	case 4:
		return m.clamp(r, out)
	case 6:
		m.valueType(r)
		r.byte()
		return m.constant(r, append(out, r.b[start:r.i]...))
	case 7:
		return m.export(r, out)
	case 9:
		return m.elements(r, out)
	}
	return append(out, r.b[start:r.i]...)
}

// added are the rewriter's own elements of a section.
func (m *meter) added(id byte) (uint32, []byte) {
	switch id {
	case 1:
		n, out := uint32(0), []byte(nil)
		if m.newVoid {
			n, out = 1, []byte{0x60, 0, 0}
		}
		if m.newTriple {
			n, out = n+1, append(out, tripleType...)
		}
		return n, out
	case 2:
		out := appendText(appendText(nil, YieldModule), YieldName)
		return 1, appendU32(append(out, 0), m.void)
	case 3:
		out := appendU32(nil, m.void)
		for _, kind := range m.imported {
			out = appendU32(out, kind)
		}
		for range m.rangeFunctions() {
			out = appendU32(out, m.triple)
		}
		return uint32(1+len(m.imported)) + m.rangeFunctions(), out
	case 6:
		return 1, append(appendSigned([]byte{0x7f, 1, opI32Const}, fuel), opEnd)
	}
	return 0, nil
}

// fill writes what is missing before a rank and must be there.
func (m *meter) fill(rank int) {
	for _, id := range []byte{1, 2, 3, 6, 10} {
		if own := rankOf(id); m.done < own && own < rank {
			m.done = own
			if id == 10 {
				m.write(id, m.bodies(0, nil))
				continue
			}
			if n, body := m.added(id); n > 0 {
				m.write(id, append(appendU32(nil, n), body...))
			}
		}
	}
}

func (m *meter) write(id byte, body []byte) {
	m.out = appendU32(append(m.out, id), uint32(len(body)))
	m.out = append(m.out, body...)
}

// code rewrites all functions.
func (m *meter) code(r *reader) ([]byte, error) {
	n := r.u32()
	if r.err == nil && int64(n) != int64(len(m.own)) {
		return nil, fmt.Errorf("it has %d functions, and %d are declared", n, len(m.own))
	}
	out := make([]byte, 0, 2*(len(r.b)-r.i))
	for i := range m.own {
		size := r.u32()
		from := r.i
		r.skip(size)
		if r.err != nil {
			return nil, r.err
		}
		function := uint32(len(m.imported) + i)
		body, err := m.body(&reader{b: r.b[:r.i], i: from}, function, m.params[m.own[i]])
		if err != nil {
			return nil, err
		}
		out = append(appendU32(out, uint32(len(body))), body...)
	}
	return m.bodies(n, out), nil
}

// bodies puts the number in front and the rewriter's own functions behind.
func (m *meter) bodies(n uint32, out []byte) []byte {
	list := m.helpers()
	all := append(appendU32(nil, n+uint32(len(list))), out...)
	for _, b := range list {
		all = append(appendU32(all, uint32(len(b))), b...)
	}
	return all
}
