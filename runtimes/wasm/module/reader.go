package module

import (
	"fmt"
	"strings"
)

// reader reads the binary format. After the first error it reads zeros.
type reader struct {
	b   []byte
	i   int
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.i = len(r.b)
}

func (r *reader) byte() byte {
	if r.i >= len(r.b) {
		r.fail("it is cut off at byte %d", r.i)
		return 0
	}
	r.i++
	return r.b[r.i-1]
}

// at is the byte at a place, zero behind the end.
func (r *reader) at(i int) byte {
	if i >= len(r.b) {
		return 0
	}
	return r.b[i]
}

// u32 reads an unsigned LEB128 number of at most 32 bits.
func (r *reader) u32() uint32 {
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		n |= uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			if n > 1<<32-1 {
				break
			}
			return uint32(n)
		}
	}
	r.fail("a number at byte %d is longer than 32 bits", r.i)
	return 0
}

// s33 reads a signed LEB128 number of at most 33 bits.
func (r *reader) s33() int64 {
	var n int64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		n |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			if c&0x40 != 0 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
	r.fail("a number at byte %d is longer than 33 bits", r.i)
	return 0
}

// leb skips a signed LEB128 number.
func (r *reader) leb() {
	for range 10 {
		if r.byte()&0x80 == 0 {
			return
		}
	}
	r.fail("a number at byte %d does not end", r.i)
}

func (r *reader) skip(n uint32) {
	if int64(n) > int64(len(r.b)-r.i) {
		r.fail("it is cut off at byte %d", r.i)
		return
	}
	r.i += int(n)
}

func (r *reader) name() string {
	n := r.u32()
	start := r.i
	r.skip(n)
	if r.err != nil {
		return ""
	}
	return string(r.b[start:r.i])
}

func (r *reader) vector(element func()) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		element()
	}
}

func (r *reader) signature() string {
	if form := r.byte(); form != 0x60 {
		r.fail("a type of form 0x%x is not a function", form)
		return ""
	}
	params := r.valueTypes()
	return "(" + params + ")" + r.valueTypes()
}

func (r *reader) valueTypes() string {
	var list []string
	r.vector(func() { list = append(list, valueType(r.byte())) })
	return strings.Join(list, ",")
}

func valueType(b byte) string {
	switch b {
	case 0x7f:
		return "i32"
	case 0x7e:
		return "i64"
	case 0x7d:
		return "f32"
	case 0x7c:
		return "f64"
	case 0x7b:
		return "v128"
	case 0x70:
		return "funcref"
	case 0x6f:
		return "externref"
	}
	return fmt.Sprintf("0x%x", b)
}

func (r *reader) limits() Memory {
	var m Memory
	flags := r.byte()
	m.Min = r.u32()
	if flags&1 != 0 {
		m.Max = r.u32()
	}
	if flags&^byte(3) != 0 {
		r.fail("limits with flags 0x%x are not of the core format", flags)
	}
	return m
}

// global reads a global and skips the constant expression that it starts with.
func (r *reader) global() global {
	g := global{kind: valueType(r.byte())}
	g.mutable = r.byte() == 1
	for r.err == nil {
		switch op := r.byte(); op {
		case 0x0b:
			return g
		case 0x41, 0x42, 0x23, 0xd2: // i32.const, i64.const, global.get, ref.func
			r.leb()
		case 0x43: // f32.const
			r.skip(4)
		case 0x44: // f64.const
			r.skip(8)
		case 0xd0: // ref.null
			r.byte()
		case 0xfd: // v128.const
			r.u32()
			r.skip(16)
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // extended constants
		default:
			r.fail("a global starts with instruction 0x%x, which is no constant", op)
		}
	}
	return g
}
