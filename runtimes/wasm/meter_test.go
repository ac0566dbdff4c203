package wasm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
)

// TestRewrittenModuleIsKept: it lies beside the compiled code, and what is not whole is made again.
func TestRewrittenModuleIsKept(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	dir := packed(t, guestModule{}.build())
	event := func() {
		t.Helper()
		r := newRuntime(t, func(c *wasm.Config) { c.CacheDir = cache })
		if done := dispatch(t, r, start(load(t, r, "d", dir), "config-changed", nil), nil); done.GetOutcome() != fine {
			t.Fatal(done)
		}
	}
	event()
	files, err := filepath.Glob(filepath.Join(cache, "code-*", "metered.wasm"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string][]byte{"cut off": good[:len(good)-3], "changed": bytes.Replace(good, []byte("yield"), []byte("yielD"), 1), "empty": nil} {
		if err := os.WriteFile(files[0], broken, 0o600); err != nil {
			t.Fatal(err)
		}
		event()
		if now, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: the file was not made again: %v", name, err)
		}
	}
	event()
}
