package module_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// outcome is all that can be seen of a program.
type outcome struct {
	errors  string
	memory  []byte
	globals []uint64
	calls   []string
}

// observe runs a program's main three times. Yields are counted where it was rewritten.
func observe(t testing.TB, b []byte, w *writer) (o outcome, yields, longest int) {
	t.Helper()
	ctx := context.Background()
	var mod api.Module
	last := w.budget
	e := engine(t, func() {
		left := int(int32(mod.ExportedGlobal("g").Get()))
		longest = max(longest, last-left)
		last = left
		yields++
	})
	defer func() { _ = e.Close(ctx) }()
	builder := e.NewHostModuleBuilder("h")
	builder.NewFunctionBuilder().WithFunc(func(n int32) { o.calls = append(o.calls, fmt.Sprint("c ", n)) }).Export("c")
	builder.NewFunctionBuilder().WithFunc(func(a int64, n int32) int64 {
		o.calls = append(o.calls, fmt.Sprint("d ", a, n))
		return a + int64(n)
	}).Export("d")
	if _, err := builder.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	mod, err := e.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatalf("%v\n%x", err, b)
	}
	for range 3 {
		_, err := mod.ExportedFunction("main").Call(ctx)
		first, _, _ := strings.Cut(fmt.Sprint(err), "\n")
		o.errors += first + "\n"
	}
	for i := range w.globals {
		o.globals = append(o.globals, mod.ExportedGlobal(string(rune('g'+i))).Get())
	}
	size := mod.Memory().Size()
	view, _ := mod.Memory().Read(0, size)
	o.memory = bytes.Clone(view)
	return o, yields, longest
}

// canonical makes all NaNs of 32 and 64 bits one: which of them an instruction gives is not laid down.
func canonical(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 0; i+4 <= len(b); i += 4 {
		if n := binary.LittleEndian.Uint32(b[i:]); n&0x7f800000 == 0x7f800000 && n&0x7fffff != 0 {
			binary.LittleEndian.PutUint32(b[i:], 0x7fc00000)
		}
	}
	return b
}

// same runs a program as it is and rewritten.
func same(t testing.TB, seed uint64, budget int) (yields int) {
	t.Helper()
	w := newWriter(seed, budget)
	b := w.program()
	metered, err := module.Meter(b)
	if err != nil {
		t.Fatalf("seed %d: %v\n%x", seed, err, b)
	}
	want, _, _ := observe(t, b, w)
	got, yields, longest := observe(t, metered, w)
	if strings.Contains(want.errors+got.errors, "stack overflow") {
		return yields // how deep calls may go is not laid down, and frames are a little larger
	}
	if got.errors != want.errors || fmt.Sprint(got.calls) != fmt.Sprint(want.calls) || fmt.Sprint(got.globals) != fmt.Sprint(want.globals) {
		t.Errorf("seed %d:\n%q\n%q\n%v\n%v\n%v\n%v", seed, got.errors, want.errors, got.globals, want.globals, got.calls, want.calls)
	}
	if !bytes.Equal(got.memory, want.memory) && !bytes.Equal(canonical(got.memory), canonical(want.memory)) {
		t.Errorf("seed %d: the memories differ", seed)
	}
	if longest > 3*16_384 {
		t.Errorf("seed %d: %d rounds without a yield", seed, longest)
	}
	return yields
}

// TestSameMeaning: random programs with calls, loops, tables of branches, vectors, floats and traps do the same when they
// carry fuel, and those that run long enough come by. BANGLE_PROGRAMS says how many; 300 otherwise.
func TestSameMeaning(t *testing.T) {
	programs := 300
	if n, err := strconv.Atoi(os.Getenv("BANGLE_PROGRAMS")); err == nil {
		programs = n
	}
	if testing.Short() {
		programs = 30
	}
	yielded := 0
	for seed := range uint64(programs) {
		budget := 2000
		if seed%4 == 0 {
			budget = 200_000
		}
		if same(t, seed, budget) > 0 {
			yielded++
		}
		if t.Failed() {
			return
		}
	}
	if t.Logf("%d of %d programs came by", yielded, programs); yielded == 0 {
		t.Error("no program ran long enough to come by")
	}
}

// FuzzSameMeaning looks for a program whose meaning changes.
func FuzzSameMeaning(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(5000))
	}
	f.Fuzz(func(t *testing.T, seed uint64, budget uint16) { same(t, seed, int(budget)) })
}
