package module_test

import (
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// TestWhatInstancesKeep: every instruction that changes more of an instance than memory and globals is found, and no other.
func TestWhatInstancesKeep(t *testing.T) {
	for name, c := range map[string]struct {
		body       string
		resettable bool
	}{
		"nothing":     {"", true},
		"global.set":  {"\x41\x01\x24\x00", true},
		"memory.grow": {"\x41\x01\x40\x00\x1a", true},
		"memory.fill": {"\x41\x00\x41\x00\x41\x01\xfc\x0b\x00", true},
		"memory.copy": {"\x41\x00\x41\x00\x41\x01\xfc\x0a\x00\x00", true},
		"memory.init": {"\x41\x00\x41\x00\x41\x01\xfc\x08\x00\x00", true},
		"table.get":   {"\x41\x00\x25\x00\x1a", true},
		"table.size":  {"\xfc\x10\x00\x1a", true},
		"table.set":   {"\x41\x00\xd0\x70\x26\x00", false},
		"table.grow":  {"\xd0\x70\x41\x01\xfc\x0f\x00\x1a", false},
		"table.fill":  {"\x41\x00\xd0\x70\x41\x01\xfc\x11\x00", false},
		"table.copy":  {"\x41\x00\x41\x00\x41\x01\xfc\x0e\x00\x00", false},
		"table.init":  {"\x41\x00\x41\x00\x41\x01\xfc\x0c\x01\x00", false},
		"elem.drop":   {"\xfc\x0d\x00", false},
		"data.drop":   {"\xfc\x09\x00", false},
	} {
		t.Run(name, func(t *testing.T) {
			metered, err := module.Meter(program{body: c.body}.build())
			if err != nil {
				t.Fatal(err)
			}
			start(t, engine(t, nil), metered, nil)
			m, err := module.Parse(metered)
			if err != nil {
				t.Fatal(err)
			}
			if m.Resettable() != c.resettable {
				t.Errorf("resettable is %t", m.Resettable())
			}
		})
	}
}
