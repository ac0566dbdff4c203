package e2e_test

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// modules writes the WASM files that a script cannot hold.
func modules(ts *testscript.TestScript, _ bool, _ []string) {
	core := "\x00asm\x01\x00\x00\x00"
	for file, content := range map[string]string{
		"wasm-component/charm.wasm": "\x00asm\x0d\x00\x01\x00",
		"wasm-no-abi/charm.wasm":    core,
		// One type, ()→(), and the import env.nope of it.
		"wasm-import/charm.wasm": core + "\x01\x04\x01\x60\x00\x00" + "\x02\x0c\x01\x03env\x04nope\x00\x00",
	} {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(content), 0o644))
	}
}
