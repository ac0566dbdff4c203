package module

import (
	"slices"
	"strconv"
)

// GlobalPrefix begins the names that NameGlobals gives; a module that exports such a name itself is refused.
const GlobalPrefix = "charm:global:"

// keepsSection is the custom section by which Meter says that instances keep more than Resettable knows of.
const keepsSection = "bangle:keeps"

// Resettable says whether memory and globals are all of an instance's state that can be saved and set back. A module
// with a mutable vector or reference, or of which Meter has found that it changes tables or drops segments, needs a fresh
// instance for each event.
func (m *Module) Resettable() bool {
	if m.keeps {
		return false
	}
	for _, g := range m.globals {
		if g.mutable && g.kind != "i32" && g.kind != "i64" && g.kind != "f32" && g.kind != "f64" {
			return false
		}
	}
	return true
}

// NameGlobals returns the module with all its mutable globals exported, and their names. Together with the memory they
// are the whole state of a Resettable one's instance.
func (m *Module) NameGlobals() ([]byte, []string) {
	var names []string
	var entries []byte
	for i, g := range m.globals {
		if !g.mutable {
			continue
		}
		name := GlobalPrefix + strconv.Itoa(i)
		names = append(names, name)
		entries = appendU32(entries, uint32(len(name)))
		entries = append(entries, name...)
		entries = append(entries, 3)
		entries = appendU32(entries, uint32(i))
	}
	if len(names) == 0 || m.exportsAt.to == 0 {
		return m.source, nil
	}
	old := &reader{b: m.source[:m.exportsAt.to], i: m.exportsAt.from}
	count := old.u32()
	body := appendU32(nil, count+uint32(len(names)))
	body = append(body, m.source[old.i:m.exportsAt.to]...)
	body = append(body, entries...)

	out := slices.Clone(m.source[:m.sectionStart()])
	out = append(out, 7)
	out = appendU32(out, uint32(len(body)))
	out = append(out, body...)
	return append(out, m.source[m.exportsAt.to:]...), names
}

// sectionStart is where the export section's id stands.
func (m *Module) sectionStart() int {
	r := &reader{b: m.source, i: 8}
	for {
		start := r.i
		r.byte()
		size := r.u32()
		if r.i == m.exportsAt.from || r.err != nil {
			return start
		}
		r.skip(size)
	}
}

func appendU32(b []byte, n uint32) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}
