package module_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// program is a module with two imported functions (0, 1), one that takes a body (2), one that does nothing (3), a
// memory, a table with function 3, and two globals, the first of which is exported as g. Its types are ()→(), (i32)→i32,
// (i32,i32)→i32, ()→i32 and ()→(i32,i32).
type program struct {
	locals, body string // of function 2; default: four locals i32
	table        string
	exports      string // one more
}

func (p program) build() []byte {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, "\x05\x60\x00\x00\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7f\x60\x00\x01\x7f\x60\x00\x02\x7f\x7f")...)
	out = append(out, section(2, "\x02\x01h\x01a\x00\x00\x01h\x01b\x00\x01")...)
	out = append(out, section(3, "\x02\x00\x00")...)
	out = append(out, section(4, "\x01"+or(p.table, "\x70\x00\x02"))...)
	out = append(out, section(5, "\x01\x00\x01")...)
	out = append(out, section(6, "\x02\x7f\x01\x41\x00\x0b\x7e\x01\x42\x00\x0b")...)
	count := "\x01"
	if p.exports != "" {
		count = "\x02"
	}
	out = append(out, section(7, count+"\x01g\x03\x00"+p.exports)...)
	out = append(out, section(9, "\x02\x00\x41\x00\x0b\x01\x03\x03\x00\x03\x00\x01\x02")...) // active, and declared
	out = append(out, section(12, "\x01")...)
	body := or(p.locals, "\x01\x04\x7f") + p.body + "\x0b"
	out = append(out, section(10, "\x02"+string(leb(uint32(len(body))))+body+"\x02\x00\x0b")...)
	return append(out, section(11, "\x01\x01\x03abc")...)
}

func section(id byte, body string) []byte {
	return append(append([]byte{id}, leb(uint32(len(body)))...), body...)
}

func leb(n uint32) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

// start instantiates a program; its imported functions append to calls.
func start(t testing.TB, e wazero.Runtime, b []byte, calls *[]string) api.Module {
	t.Helper()
	ctx := context.Background()
	if e.Module("h") == nil {
		builder := e.NewHostModuleBuilder("h")
		note := func(s string) {
			if calls != nil {
				*calls = append(*calls, s)
			}
		}
		builder.NewFunctionBuilder().WithFunc(func() { note("a") }).Export("a")
		builder.NewFunctionBuilder().WithFunc(func(n int32) int32 { note("b"); return n + 1 }).Export("b")
		if _, err := builder.Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	mod, err := e.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	return mod
}
