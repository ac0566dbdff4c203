package module_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// engine is wazero with the function that metered modules call.
func engine(t testing.TB, yield func()) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	e := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(64))
	t.Cleanup(func() { _ = e.Close(ctx) })
	fn := api.GoFunc(func(context.Context, []uint64) {
		if yield != nil {
			yield()
		}
	})
	_, err := e.NewHostModuleBuilder(module.YieldModule).NewFunctionBuilder().WithGoFunction(fn, nil, nil).Export(module.YieldName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// validator decodes and validates without compiling.
func validator(t testing.TB) func([]byte) error {
	t.Helper()
	ctx := context.Background()
	e := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(64))
	t.Cleanup(func() { _ = e.Close(ctx) })
	return func(b []byte) error {
		c, err := e.CompileModule(ctx, b)
		if err == nil {
			err = c.Close(ctx)
		}
		return err
	}
}

// agree holds the rewriter against wazero: both take a module or neither does. wazero takes some of what is newer than
// WASM 2.0, and reads some of it wrongly; only where newer is set the rewriter may refuse that.
func agree(t *testing.T, valid func([]byte) error, b []byte, newer bool) {
	t.Helper()
	metered, refused := module.Meter(b)
	if refused == nil {
		original, after := valid(b), valid(metered)
		if original != nil && strings.Contains(original.Error(), "failed to read custom section") {
			return // it refuses an empty one at a file's end, which is none any more
		}
		if (original == nil) != (after == nil) {
			t.Errorf("before: %v, after: %v\n%x", original, after, b)
		}
		return
	}
	if newer && errors.Is(refused, module.ErrNewer) || strings.Contains(refused.Error(), "cut off") || errors.Is(refused, module.ErrTooLarge) || strings.Contains(refused.Error(), "locals") {
		return // wazero makes room for what is announced before it looks
	}
	if err := valid(b); err == nil {
		t.Errorf("refused: %v\n%x", refused, b)
	}
}

// TestEveryInstruction puts each code that there may be where no type matters, behind an unreachable.
func TestEveryInstruction(t *testing.T) {
	valid := validator(t)
	taken := 0
	for _, prefix := range []string{"", "\xfc", "\xfd"} {
		for op := range 300 {
			code := prefix + string(leb(uint32(op)))
			if prefix == "" {
				if op > 255 {
					break
				}
				code = string([]byte{byte(op)})
			}
			before := taken
			for _, operands := range []string{"", "\x00", "\x00\x00", "\x00\x00\x00", "\x01\x7f", "\x40\x0b", "\x40\x05\x0b", "1234", "12345678", strings.Repeat("\x01", 16)} {
				b := program{body: "\x00" + code + operands + "\x00"}.build()
				agree(t, valid, b, prefix != "" && op > 0xff)
				if _, err := module.Meter(b); err == nil {
					taken++
				}
			}
			if prefix == "" && before == taken && op >= 0x45 && op <= 0xc4 {
				t.Errorf("instruction %x is not read", code)
			}
		}
	}
	if taken < 400 {
		t.Errorf("only %d instructions were read", taken)
	}
}

// TestRefusals: what cannot be rewritten is named with its function and place.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"relaxed vectors": {program{body: "\x00\xfd\x80\x02\x00"}.build(), "function 2 has instruction fd 80 02 at byte"},
		"tail call":       {program{body: "\x12\x00"}.build(), "function 2 has instruction 12 at byte"},
		"exceptions":      {program{body: "\x06\x40\x0b"}.build(), "function 2 has instruction 06"},
		"threads":         {program{body: "\x00\xfe\x10\x02\x00"}.build(), "function 2 has instruction fe"},
		"the counter":     {program{body: "\x23\x02\x1a"}.build(), "function 2 has global 2 at byte"},
		"set the counter": {program{body: "\x41\x00\x24\x02"}.build(), "function 2 has global 2 at byte"},
		"the own local":   {program{body: "\x20\x04\x1a"}.build(), "function 2 has local 4 at byte"},
		"refuel":          {program{body: "\x10\x04"}.build(), "function 4 is named before byte"},
		"yield's type":    {program{body: "\x02\x05\x0b"}.build(), "function 2 has a block of type 5"},
		"far branch":      {program{body: "\x0c\x01"}.build(), "function 2 has a branch out of 1 blocks"},
		"else alone":      {program{body: "\x05"}.build(), "function 2 has an else without an if"},
		"goes on":         {program{body: "\x0b\x01"}.build(), "function 2 goes on after its end"},
		"no end":          {program{body: "\x02\x40"}.build(), "cut off"},
		"locals":          {program{locals: "\x01\xff\xff\xff\xff\x0f\x7f"}.build(), "function 2 has more than 50000 locals"},
		"table":           {program{table: "\x70\x00\xff\xff\xff\xff\x07"}.build(), "its tables have 2147483647 elements"},
		"not wasm":        {[]byte("(module)"), "does not start with"},
		"order":           {[]byte("\x00asm\x01\x00\x00\x00\x03\x01\x00\x01\x01\x00"), "section 1 at byte 11"},
		"four billion":    {[]byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x0f"), "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := module.Meter(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestTablesGrowSoFar: references lie in the host's heap, so what a guest may ask for has an end.
func TestTablesGrowSoFar(t *testing.T) {
	metered, err := module.Meter(program{exports: "\x01f\x00\x02", body: "\xd2\x02\x41\xff\xff\xff\xff\x07\xfc\x0f\x00\x24\x00"}.build())
	if err != nil {
		t.Fatal(err)
	}
	mod := start(t, engine(t, nil), metered, nil)
	if _, err := mod.ExportedFunction("f").Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := int32(mod.ExportedGlobal("g").Get()); got != -1 {
		t.Errorf("table.grow gave %d", got)
	}
}

// TestNamesMove: a name stands for the same function as before.
func TestNamesMove(t *testing.T) {
	names := "\x04name\x01\x0c\x02\x00\x03imp\x02\x04main" // functions 0 and 2
	b := append(program{exports: "\x01f\x00\x02", body: "\x00"}.build(), section(0, names)...)
	metered, err := module.Meter(b)
	if err != nil {
		t.Fatal(err)
	}
	mod := start(t, engine(t, nil), metered, nil)
	if _, err := mod.ExportedFunction("f").Call(t.Context()); err == nil || !strings.Contains(err.Error(), ".main()") {
		t.Errorf("error %v", err)
	}
	if got := mod.ExportedFunction("f").Definition().Name(); got != "main" {
		t.Errorf("name %q", got)
	}
}

// corpusRoot is where wazero keeps the specification's tests.
func corpusRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skip("wazero's sources are not here")
	}
	return filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
}

// corpus are the modules that wazero is tested with, the specification's own among them.
func corpus(t *testing.T) []string {
	t.Helper()
	root := corpusRoot(t)
	var files []string
	for _, dir := range []string{"v1", "v2", "extended-const", "tail-call", "threads", "exception-handling", "typed-function-references"} {
		list, err := filepath.Glob(filepath.Join(root, dir, "testdata", "*.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, list...)
	}
	return files
}

// TestSpecification: of the thousands of modules of the specification's tests, valid and not, the rewriter takes those
// that wazero takes, and what it makes of them is as valid as they were.
func TestSpecification(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of modules")
	}
	valid := validator(t)
	files := corpus(t)
	taken := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, valid, b, !strings.Contains(file, "/v1/") && !strings.Contains(file, "/v2/"))
		if _, err := module.Meter(b); err == nil {
			taken++
		}
		if t.Failed() {
			t.Fatal(filepath.Base(file))
		}
	}
	if t.Logf("%d of %d modules rewritten", taken, len(files)); len(files) > 0 && taken < 1000 {
		t.Errorf("only %d of %d modules were rewritten", taken, len(files))
	}
}

// FuzzMeter: whatever the bytes are, the rewriter returns, and takes what wazero takes.
func FuzzMeter(f *testing.F) {
	for _, p := range []program{{}, {body: "\x03\x40\x0c\x00\x0b"}, {body: "\x41\x00\x41\x01\x41\x02\xfc\x0b\x00"}, {body: "\x02\x40\x41\x00\x0e\x01\x00\x00\x0b"},
		{body: "\x41\x01\x04\x40\x10\x02\x05\x10\x01\x0b"}, {body: "\xfd\x0c0123456789abcdef\x1a"}, {exports: "\x01f\x00\x02"}} {
		f.Add(p.build())
	}
	valid := validator(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := module.Meter(b); err != nil && large(b) {
			return // wazero would make room for it, and nothing comes back from that
		}
		agree(t, valid, b, true)
	})
}

// large says whether there may be a number from 16,384.
func large(b []byte) bool {
	for i := 1; i < len(b); i++ {
		if b[i-1] >= 0x80 && b[i] >= 0x80 {
			return true
		}
	}
	return false
}
