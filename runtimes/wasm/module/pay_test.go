package module_test

import (
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// rounds is a loop with a body, so many times; local 0 counts.
func rounds(n int64, body string) string {
	return "\x03\x40" + body + "\x20\x00\x41\x01\x6a\x22\x00\x41" + string(sleb(n)) + "\x48\x0d\x00\x0b"
}

// TestWhoPays: how often a program comes by for the work that it does. A unit is a turn of a small loop, a call, 32 simple
// instructions or 64 bytes; 16,384 are between two visits.
func TestWhoPays(t *testing.T) {
	tree := "\x23\x00\x41\x0f\x4b\x04\x40\x0f\x0b\x23\x00\x41\x01\x6a\x24\x00\x10\x02\x10\x02\x23\x00\x41\x01\x6b\x24\x00" // 131,071 calls
	table := "\x02\x40\x02\x40\x20\x00\x0e\x02\x00\x01\x01\x0b\x0b"
	for name, c := range map[string]struct {
		body        string
		least, most int
	}{
		"nothing":                        {"", 0, 0},
		"a loop of 16,000 turns":         {rounds(16_000, ""), 0, 0},
		"a loop of 163,840 turns":        {rounds(163_840, ""), 9, 10},
		"long turns":                     {rounds(16_384, strings.Repeat("\x01", 1024)), 32, 40},
		"long turns that are jumped":     {rounds(16_384, "\x02\x40\x0c\x00"+strings.Repeat("\x01", 1024)+"\x0b"), 0, 2},
		"either way is long":             {rounds(16_384, "\x20\x00\x04\x40"+strings.Repeat("\x01", 320)+"\x05"+strings.Repeat("\x01", 320)+"\x0b"), 10, 14},
		"a turn by a table of branches":  {rounds(163_840, table), 9, 10},
		"a turn from within a block":     {"\x03\x40\x02\x40\x20\x00\x41\x01\x6a\x22\x00\x41\x80\x80\x0a\x48\x0d\x01\x0b\x0b", 9, 10},
		"a tree of calls without a loop": {tree, 7, 8},
		"calls of what does nothing":     {rounds(16_384, strings.Repeat("\x10\x03", 32)), 32, 45},
		"calls through the table":        {rounds(16_384, strings.Repeat("\x41\x00\x11\x00\x00", 32)), 32, 45},
		"calls of the host":              {rounds(400, "\x10\x00"), 99, 101},
		"the host through the table":     {"\x41\x01\xd2\x00\x26\x00" + rounds(400, "\x41\x01\x11\x00\x00"), 99, 101},
		"a fill of 64 KiB, 160 times":    {rounds(160, "\x41\x00\x41\x00\x41\x80\x80\x04\xfc\x0b\x00"), 10, 11},
		"a copy of 64 KiB, 160 times":    {rounds(160, "\x41\x00\x41\x00\x41\x80\x80\x04\xfc\x0a\x00\x00"), 10, 11},
		"one fill of 4 MiB":              {"\x41\x3f\x40\x00\x1a\x41\x00\x41\x00\x41\x80\x80\x80\x02\xfc\x0b\x00", 3, 4},
		"one copy of 2 MiB":              {"\x41\x3f\x40\x00\x1a\x41\x00\x41\x80\x80\x80\x01\x41\x80\x80\x80\x01\xfc\x0a\x00\x00", 1, 2},
		"one copy of 2 MiB, backwards":   {"\x41\x3f\x40\x00\x1a\x41\x80\x80\x04\x41\x00\x41\x80\x80\x80\x01\xfc\x0a\x00\x00", 1, 2},
		"16 bytes, 163,840 times":        {rounds(163_840, "\x41\x00\x41\x00\x41\x10\xfc\x0b\x00"), 9, 11},
		"256 bytes, 16,384 times":        {rounds(16_384, "\x41\x00\x41\x00\x41\x80\x02\xfc\x0b\x00"), 4, 5},
		"growing, 163,840 times":         {rounds(163_840, "\x41\x00\x40\x00\x1a"), 18, 22},
		"divisions":                      {rounds(163_840, strings.Repeat("\x41\x07\x41\x03\x6d\x1a", 3)), 18, 22},
		"what nobody reaches":            {"\x0f" + rounds(163_840, ""), 0, 0},
		"what is left at once":           {rounds(163_840, "\x0f"), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			metered, err := module.Meter(program{exports: "\x01f\x00\x02", body: c.body}.build())
			if err != nil {
				t.Fatal(err)
			}
			yields := 0
			mod := start(t, engine(t, func() { yields++ }), metered, nil)
			if _, err := mod.ExportedFunction("f").Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			if yields < c.least || yields > c.most {
				t.Errorf("it came by %d times, want %d to %d", yields, c.least, c.most)
			}
		})
	}
}
