package module_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

const ranges = 5 << 16 // bytes of memory of the module below

// rangeModule exports fill, copy, init (of a long segment) and drop, which do that one instruction.
func rangeModule() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, "\x02\x60\x03\x7f\x7f\x7f\x00\x60\x00\x00")...)
	out = append(out, section(3, "\x04\x00\x00\x00\x01")...)
	out = append(out, section(5, "\x01\x00\x05")...)
	out = append(out, section(7, "\x05\x01m\x02\x00\x04fill\x00\x00\x04copy\x00\x01\x04init\x00\x02\x04drop\x00\x03")...)
	out = append(out, section(12, "\x03")...)
	code := "\x04"
	for _, what := range []string{"\xfc\x0b\x00", "\xfc\x0a\x00\x00", "\xfc\x08\x01\x00"} {
		body := "\x00\x20\x00\x20\x01\x20\x02" + what + "\x0b"
		code += string(leb(uint32(len(body)))) + body
	}
	out = append(out, section(10, code+"\x05\x00\xfc\x09\x01\x0b")...)
	var long strings.Builder
	for n := range 150_000 {
		long.WriteByte(byte(n * n >> 3))
	}
	return append(out, section(11, "\x03\x00\x41\x00\x0b\x01x\x01"+string(leb(150_000))+long.String()+"\x01\x00")...)
}

// player of one instruction: with a known memory before.
func bulk(t *testing.T, mod api.Module, pattern []byte, name string, args ...uint64) (said string, memory []byte) {
	t.Helper()
	if !mod.Memory().Write(0, pattern) {
		t.Fatal("the memory is too small")
	}
	_, err := mod.ExportedFunction(name).Call(context.Background(), args...)
	said, _, _ = strings.Cut(fmt.Sprint(err), "\n")
	memory, _ = mod.Memory().Read(0, ranges)
	return said, memory
}

// TestRangesInPieces: what is done in pieces comes to the same as the one instruction, whatever the addresses and lengths
// are: overlapping either way, at the memory's end and beyond it, of no length, and where the sum does not fit 32 bits.
func TestRangesInPieces(t *testing.T) {
	metered, err := module.Meter(rangeModule())
	if err != nil {
		t.Fatal(err)
	}
	one := func(b []byte) api.Module {
		mod, err := engine(t, nil).InstantiateWithConfig(t.Context(), b, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		return mod
	}
	plain, pieces := one(rangeModule()), one(metered)
	pattern := make([]byte, ranges)
	for n := range pattern {
		pattern[n] = byte(n ^ n>>8*7)
	}
	const piece = 1 << 16
	lengths := []uint64{0, 1, piece - 1, piece, piece + 1, 100_000, 2*piece - 1, 2 * piece, 2*piece + 1, 3*piece + 17, ranges, ranges + 1, 1<<32 - piece, 1<<32 - 1}
	places := []uint64{0, 1, 100, 4096, piece - 1, piece, piece + 1, 100_000, 2*piece + 1, ranges - piece - 1, ranges - 1, ranges, ranges + 1, 1<<32 - piece, 1<<32 - 1}
	done := 0
	same := func(name string, args ...uint64) {
		t.Helper()
		want, before := bulk(t, plain, pattern, name, args...)
		got, after := bulk(t, pieces, pattern, name, args...)
		if got != want || !bytes.Equal(after, before) {
			t.Fatalf("%s %d: %q in pieces, %q in one, memories equal: %t", name, args, got, want, bytes.Equal(after, before))
		}
		if want == "<nil>" && args[2] > piece {
			done++
		}
	}
	for _, n := range lengths {
		for _, to := range places {
			same("fill", to, 0x1aa, n)
			for _, from := range append(places, to+n, to-1, to+1, 49_999, 50_000, 50_001, 150_000) {
				same("copy", to, from&0xffffffff, n)
				same("init", to, from&0xffffffff, n)
			}
		}
	}
	if done < 300 {
		t.Errorf("only %d ranges were longer than a piece and within the memory", done)
	}
	for _, mod := range []api.Module{plain, pieces} {
		if _, err := mod.ExportedFunction("drop").Call(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range lengths {
		same("init", 5, 0, n)
		same("init", ranges, 0, n)
		same("init", 0, 1, n)
	}
}

// TestEndedWithinOneInstruction: a host that does not return from where a guest comes by finds the one instruction done in
// part, so it waited for a part.
func TestEndedWithinOneInstruction(t *testing.T) {
	metered, err := module.Meter(program{exports: "\x01f\x00\x02", body: "\x41\x3f\x40\x00\x1a\x41\x00\x41\x01\x41\x80\x80\x80\x02\xfc\x0b\x00"}.build())
	if err != nil {
		t.Fatal(err)
	}
	visits := 0
	e := engine(t, func() {
		if visits++; visits == 2 {
			panic("enough")
		}
	})
	memory := &kept{}
	start(t, e, metered, nil)
	mod, err := e.InstantiateWithConfig(withMemory(t.Context(), memory), metered, wazero.NewModuleConfig().WithName("kept"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mod.ExportedFunction("f").Call(t.Context()); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Fatalf("error %v", err)
	}
	if n := bytes.Count(memory.bytes[:4<<20], []byte{1}); n == 0 || n > 3<<20 || memory.bytes[n] != 0 {
		t.Errorf("%d of %d bytes were written", n, 4<<20)
	}
}

// kept is a memory that can be looked at.
type kept struct{ bytes []byte }

func withMemory(ctx context.Context, k *kept) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, limit uint64) experimental.LinearMemory {
		k.bytes = make([]byte, limit)
		return k
	}))
}

// Reallocate gives the first size bytes.
func (k *kept) Reallocate(size uint64) []byte { return k.bytes[:size] }

// Free does nothing.
func (k *kept) Free() {}
