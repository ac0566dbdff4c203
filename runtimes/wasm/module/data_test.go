package module_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// alone makes an instance without a start function's leave to run anything else; nil when it needs others.
func alone(t *testing.T, e wazero.Runtime, b []byte) api.Module {
	t.Helper()
	mod, err := e.InstantiateWithConfig(t.Context(), b, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil
	}
	return mod
}

// TestDataTaken: of all modules of the specification's tests, those from which the data is taken are as valid as before, and
// have the same memory once it is written.
func TestDataTaken(t *testing.T) {
	valid := validator(t)
	written := 0
	for _, file := range corpus(t) {
		if !strings.Contains(file, "/v1/") && !strings.Contains(file, "/v2/") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bare, data, ok := module.TakeData(b)
		if !ok && !bytes.Equal(bare, b) {
			t.Fatalf("%s: nothing was taken, and it is another module", filepath.Base(file))
		}
		if !ok || bytes.Equal(bare, b) {
			continue
		}
		if was, is := valid(b), valid(bare); (was == nil) != (is == nil) {
			t.Fatalf("%s: before %v, after %v", filepath.Base(file), was, is)
		}
		e := engine(t, nil)
		empty := alone(t, e, bare)
		if empty == nil {
			continue // it imports something
		}
		memory, _ := empty.Memory().Read(0, empty.Memory().Size())
		failed := data.Write(memory)
		whole := alone(t, e, b)
		if (whole == nil) != (failed != nil) {
			t.Fatalf("%s: %v", filepath.Base(file), failed)
		}
		if whole == nil {
			continue
		}
		want, _ := whole.Memory().Read(0, whole.Memory().Size())
		if !bytes.Equal(memory, want) {
			t.Errorf("%s: the memories differ", filepath.Base(file))
		}
		if bytes.Count(want, []byte{0}) < len(want) {
			written++
		}
		_ = e.Close(t.Context()) // it is not used any more
	}
	if t.Logf("%d modules had data", written); written < 10 {
		t.Errorf("only %d modules had data", written)
	}
}

// withData is a memory of a page with that section of data; count says how many segments there are.
func withData(count, data string, more ...string) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, "\x02\x60\x03\x7f\x7f\x7f\x00\x60\x00\x00")...)
	out = append(out, section(3, "\x02\x00\x01")...)
	out = append(out, section(5, "\x01\x00\x01")...)
	out = append(out, section(7, "\x03\x01m\x02\x00\x04init\x00\x00\x04drop\x00\x01")...)
	for _, s := range more {
		out = append(out, section(8, s)...)
	}
	if count != "" {
		out = append(out, section(12, count)...)
		out = append(out, section(10, "\x02\x0c\x00\x20\x00\x20\x01\x20\x02\xfc\x08\x01\x00\x0b\x05\x00\xfc\x09\x01\x0b")...)
	} else {
		out = append(out, section(10, "\x02\x02\x00\x0b\x02\x00\x0b")...)
	}
	return append(out, section(11, data)...)
}

// TestSegmentsKeepTheirNumbers: what a module copies by itself is there as before, and can be dropped.
func TestSegmentsKeepTheirNumbers(t *testing.T) {
	bare, data, ok := module.TakeData(withData("\x03", "\x03\x00\x41\x08\x0b\x02ab\x01\x03cde\x02\x00\x41\x0c\x0b\x01f"))
	if !ok {
		t.Fatal("nothing was taken")
	}
	mod := alone(t, engine(t, nil), bare)
	memory, _ := mod.Memory().Read(0, 20)
	if err := data.Write(memory); err != nil || string(memory[8:13]) != "ab\x00\x00f" {
		t.Errorf("%q, %v", memory, err)
	}
	if _, err := mod.ExportedFunction("init").Call(t.Context(), 1, 1, 2); err != nil || string(memory[:4]) != "\x00de\x00" {
		t.Errorf("%q, %v", memory, err)
	}
	if _, err := mod.ExportedFunction("drop").Call(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := mod.ExportedFunction("init").Call(t.Context(), 1, 1, 2); err == nil {
		t.Error("a segment that was dropped is still there")
	}
	if plain, _, ok := module.TakeData(withData("", "\x01\x00\x41\x08\x0b\x02ab")); !ok || bytes.Contains(plain, []byte("ab")) {
		t.Errorf("%t, %q", ok, plain)
	}
}

// TestDataThatStays: what would not come to the same is left to the engine.
func TestDataThatStays(t *testing.T) {
	for name, b := range map[string][]byte{
		"a start function":      withData("", "\x01\x00\x41\x08\x0b\x02ab", "\x01"),
		"an address of 64 bits": withData("", "\x01\x00\x42\x08\x0b\x02ab"),
		"an address from else":  withData("", "\x01\x00\x23\x00\x0b\x02ab"),
		"a number of 33 bits":   withData("", "\x01\x00\x41\xff\xff\xff\xff\x0f\x0b\x02ab"),
		"another memory":        withData("", "\x01\x02\x01\x41\x08\x0b\x02ab"),
		"a form of its own":     withData("", "\x01\x03\x41\x08\x0b\x02ab"),
		"cut off":               withData("", "\x01\x00\x41\x08\x0b\x03ab"),
		"more than it says":     withData("", "\x01\x00\x41\x08\x0b\x02abc"),
		"not wasm":              []byte("(module)"),
	} {
		if bare, _, ok := module.TakeData(b); ok || !bytes.Equal(bare, b) {
			t.Errorf("%s: the data was taken", name)
		}
	}
	for at, want := range map[string]string{
		"\xff\xff\x03": "segment 0 of its data, 2 bytes at address 65535, lies outside the memory of 65536 bytes",
		"\x7f":         "segment 0 of its data, 2 bytes at address 4294967295, lies outside the memory of 65536 bytes",
		"\xfe\xff\x03": "<nil>",
	} {
		_, data, ok := module.TakeData(withData("", "\x01\x00\x41"+at+"\x0b\x02ab"))
		if got := fmt.Sprint(data.Write(make([]byte, 65536))); !ok || got != want {
			t.Errorf("%t, %s, want %s", ok, got, want)
		}
	}
}
