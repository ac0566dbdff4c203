package wasm_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// FuzzBoundary: whatever pointers, lengths and bytes a guest hands over, in calls and as its results, the event ends with
// an outcome and, where it failed, with one line that says why. A host that answers panics with panics ends the test.
func FuzzBoundary(f *testing.F) {
	const far = 0xfffffff0
	f.Add(byte(0), uint32(1024), uint32(0), uint32(100), uint32(2048), uint32(100), uint64(512)<<32|2, []byte("{}"))
	f.Add(byte(1), uint32(far), uint32(far), uint32(far), uint32(far), uint32(far), uint64(far)<<32|far, []byte("{}"))
	f.Add(byte(2), uint32(65535), uint32(65535), uint32(1), uint32(65535), uint32(1), uint64(65535)<<32|1, []byte("1"))
	f.Add(byte(3), uint32(0), uint32(512), uint32(40), uint32(512), uint32(1), uint64(0), []byte(`{"level":"info","message":"x"}`))
	f.Add(byte(9), uint32(512), uint32(512), uint32(0xffffffff), uint32(512), uint32(0xffffffff), uint64(512)<<32, []byte(`{"unit_status":{"current":"active"}}`))
	r := newRuntime(f, func(c *wasm.Config) { c.MemoryBytes = 1 << 20; c.CacheDir = "" })
	f.Fuzz(func(t *testing.T, n byte, alloc, request, length, out, room uint32, packed uint64, content []byte) {
		list := abi.Functions()
		fn := list[int(n)%len(list)]
		memory := string(content[:min(len(content), 4096)])
		g := guestModule{imports: [][2]string{{fn.Module, fn.Name}, {abi.Answer, "take"}}, alloc: i32Const(alloc), lastError: i64Const(packed),
			dispatch: join(call(0, request, length, out, room), drop, call(1, request, length, out, room), drop, i64Const(packed)),
			data:     map[uint32]string{512: memory}}
		handle := loadBuilt(t, r, g)
		defer func() {
			if err := r.Unload(t.Context(), handle); err != nil {
				t.Error(err)
			}
		}()
		done := dispatch(t, r, start(handle, "config-changed", nil), &host{answers: map[string]string{"resource": memory}})
		if done.GetOutcome() == 0 || done.GetOutcome() == killed {
			t.Fatalf("%v", done)
		}
		if message := done.GetMessage(); done.GetOutcome() == failed && (message == "" || strings.Contains(message, "\n")) || !utf8.ValidString(message) {
			t.Fatalf("message %q", message)
		}
		if strings.Contains(done.GetDetail(), "Go runtime stack trace") {
			t.Fatalf("the host stumbled: %s", done.GetDetail())
		}
	})
}
