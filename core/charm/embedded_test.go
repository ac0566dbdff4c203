package charm_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/charm"
)

const craft = "name: web\nsummary: s\ndescription: d\ntype: charm\nconfig:\n  options:\n    port: {type: int, default: 80}\n"

// wasmWith is an empty module with custom sections, by name and text.
func wasmWith(sections ...string) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for i := 0; i+1 < len(sections); i += 2 {
		body := append([]byte{byte(len(sections[i]))}, sections[i]+sections[i+1]...)
		size := len(body)
		out = append(out, 0, byte(size&0x7f|0x80), byte(size>>7))
		out = append(out, body...)
	}
	return out
}

func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestManifestInTheModule: a module that carries its charmcraft.yaml is a whole charm, as a file and alone in a directory.
func TestManifestInTheModule(t *testing.T) {
	file := written(t, "web.wasm", wasmWith("producers", "nobody", "charmcraft.yaml", craft))
	alone := written(t, "charm.wasm", wasmWith("charmcraft.yaml", craft))
	for _, path := range []string{file, filepath.Dir(alone)} {
		c, list, err := charm.Read(path, charm.ReadConfig{})
		if err != nil || c.Meta.Name != "web" || c.Config["port"].Default == nil || c.Runtime != charm.Wasm {
			t.Fatalf("%s: %v, %v, %v", path, c, list, err)
		}
		var packed bytes.Buffer
		if _, err := charm.Pack(path, &packed, charm.Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := names(t, packed.Bytes()); got != "charm.wasm config.yaml metadata.yaml" {
			t.Errorf("%s is packed as %s", path, got)
		}
		again, _, err := charm.Read(written(t, "web.charm", packed.Bytes()), charm.ReadConfig{})
		if err != nil || again.Meta.Name != "web" || again.Config["port"].Default == nil {
			t.Errorf("%s: packed and read again: %v, %v", path, again, err)
		}
	}
}

func names(t *testing.T, data []byte) string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		list = append(list, f.Name)
	}
	return strings.Join(list, " ")
}

// TestModuleWithoutManifest: a module alone is told what is missing, however it is cut off; a file beside it wins over its section.
func TestModuleWithoutManifest(t *testing.T) {
	whole := wasmWith("charmcraft.yaml", craft)
	for name, data := range map[string][]byte{"none": wasmWith(), "another": wasmWith("metadata", craft), "head": whole[:8], "cut off": whole[:20], "a long size": append(whole[:8:8], 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)} {
		_, _, err := charm.Read(written(t, "charm.wasm", data), charm.ReadConfig{})
		if err == nil || !strings.Contains(err.Error(), "metadata.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := filepath.Dir(written(t, "charm.wasm", whole))
	if err := os.WriteFile(filepath.Join(dir, "metadata.yaml"), []byte("name: other\nsummary: s\ndescription: d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, _, err := charm.Read(dir, charm.ReadConfig{}); err != nil || c.Meta.Name != "other" {
		t.Errorf("%v, %v", c, err)
	}
	if c, _, err := charm.Read(written(t, "charm.wasm", wasmWith("charmcraft.yaml", "name: [")), charm.ReadConfig{}); err == nil || !strings.Contains(err.Error(), "charmcraft.yaml") {
		t.Errorf("a section that is not YAML: %v, %v", c, err)
	}
}
