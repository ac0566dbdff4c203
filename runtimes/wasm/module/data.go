package module

import (
	"fmt"
	"math"
)

// Data is what a module writes into its memory when it is instantiated.
type Data struct{ section []byte }

// TakeData returns the module without what it writes into its memory, and that; so an instance that gets its memory from
// elsewhere need not have it written first. Where the module can name segments, each keeps its number: those that it copies
// by itself stay, and the others are empty, as they are for it once they have been written. False where that would not be
// the same: with a start function, which finds its data there, with addresses that are not plain numbers, and in what an
// engine would refuse.
func TakeData(file []byte) ([]byte, Data, bool) {
	sections, err := split(file)
	if err != nil {
		return file, Data{}, false
	}
	at, memory, counted := -1, false, false
	for n, s := range sections {
		switch s.id {
		case 5:
			memory = s.from < s.to && file[s.from] != 0
		case 8:
			return file, Data{}, false
		case 11:
			at = n
		case 12:
			counted = true
		}
	}
	if at < 0 {
		return file, Data{}, true
	}
	s, start := sections[at], 8
	data := Data{append([]byte(nil), file[s.from:s.to]...)}
	body, ok := data.emptied()
	if !ok || !memory {
		return file, Data{}, false
	}
	if at > 0 {
		start = sections[at-1].to
	}
	out := append(make([]byte, 0, len(file)-len(data.section)+len(body)+10), file[:start]...)
	if counted {
		out = append(appendU32(append(out, 11), uint32(len(body))), body...)
	}
	return append(out, file[s.to:]...), data, true
}

// emptied is the section with nothing in what is written at the start.
func (d Data) emptied() ([]byte, bool) {
	r := &reader{b: d.section}
	out := appendU32(nil, r.u32())
	r = &reader{b: d.section}
	ok := d.each(r, func(_ uint32, active bool, from int) bool {
		if active {
			out = append(out, 1, 0)
			return true
		}
		out = append(out, d.section[from:r.i]...)
		return true
	})
	return out, ok && r.i == len(d.section)
}

// each goes through the segments; the reader stands behind the one that is visited, whose bytes end there.
func (d Data) each(r *reader, visit func(at uint32, active bool, from int) bool) bool {
	for n := r.u32(); n > 0; n-- {
		from, at := r.i, int64(0)
		form := r.u32()
		if form == 2 && r.u32() != 0 || form > 2 {
			return false
		}
		if form != 1 {
			op := r.byte()
			at = r.s33()
			if op != opI32Const || at < math.MinInt32 || at > math.MaxInt32 || r.byte() != opEnd {
				return false
			}
		}
		size := r.u32()
		if form != 1 {
			from = r.i
		}
		if r.skip(size); r.err != nil || !visit(uint32(at), form != 1, from) {
			return false
		}
	}
	return r.err == nil
}

// Write writes it into an instance's memory. The error is that a segment lies outside of that.
func (d Data) Write(memory []byte) error {
	if len(d.section) == 0 {
		return nil
	}
	var err error
	r, n := &reader{b: d.section}, 0
	d.each(r, func(at uint32, active bool, from int) bool {
		size := r.i - from
		if active && uint64(at)+uint64(size) > uint64(len(memory)) {
			err = fmt.Errorf("segment %d of its data, %d bytes at address %d, lies outside the memory of %d bytes", n, size, at, len(memory))
			return false
		}
		if active {
			copy(memory[at:], d.section[from:r.i])
		}
		n++
		return true
	})
	return err
}
