package module_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// place is what differs in a text although nothing does: a function's number, and how far a table may grow.
var place = regexp.MustCompile(`function\[\d+\]|maximum size mismatch: .*`)

// command is one of the specification's test scripts, as wast2json writes them.
type command struct {
	Type, Name, As, Filename string
	Line                     int
	Action                   struct {
		Type, Field, Module string
		Args                []constant
	}
}

type constant struct {
	Type     string
	LaneType string `json:"lane_type"`
	Value    any
}

// bits are the words that wazero takes for a value.
func (c constant) bits() []uint64 {
	if c.Type != "v128" {
		text, _ := c.Value.(string)
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return []uint64{n}
		}
		n, _ := strconv.ParseInt(text, 10, 64) // null is 0
		return []uint64{uint64(n)}
	}
	width := map[string]int{"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}[c.LaneType]
	var words [2]uint64
	lanes, _ := c.Value.([]any)
	for i, lane := range lanes {
		text, _ := lane.(string)
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			signed, _ := strconv.ParseInt(text, 10, 64)
			n = uint64(signed)
		}
		if width < 64 {
			n &= 1<<width - 1
		}
		words[i*width/64] |= n << (i * width % 64)
	}
	return words[:]
}

// player plays a script with modules as they are or rewritten.
type player struct {
	t       *testing.T
	engine  wazero.Runtime
	dir     string
	meter   bool
	modules map[string]api.Module
	last    api.Module
}

func newPlayer(t *testing.T, dir string, meter bool) *player {
	p := &player{t: t, engine: engine(t, nil), dir: dir, meter: meter, modules: map[string]api.Module{}}
	if said := p.module(filepath.Join(dir, "..", "..", "testdata", "spectest.wasm"), "spectest"); said != "" {
		t.Fatal(said)
	}
	return p
}

// module instantiates a file, "" when that went well.
func (p *player) module(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.meter {
		if b, err = module.Meter(b); err != nil {
			return "not rewritten: " + err.Error()
		}
	}
	code, err := p.engine.CompileModule(context.Background(), b)
	if err != nil {
		return "not compiled"
	}
	mod, err := p.engine.InstantiateModule(context.Background(), code, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return text
	}
	p.last = mod
	return ""
}

// play does one command and tells what came of it.
func (p *player) play(c command, as string) string {
	switch c.Type {
	case "module", "assert_uninstantiable", "assert_unlinkable":
		if !strings.HasSuffix(c.Filename, ".wasm") {
			return ""
		}
		said := p.module(filepath.Join(p.dir, c.Filename), as)
		if c.Type == "module" {
			p.modules[c.Name] = p.last
		}
		return said
	case "action", "assert_return", "assert_trap", "assert_exhaustion":
		mod := p.last
		if c.Action.Module != "" {
			mod = p.modules[c.Action.Module]
		}
		if mod == nil {
			return "no module"
		}
		if c.Action.Type == "get" {
			return fmt.Sprint(mod.ExportedGlobal(c.Action.Field))
		}
		fn := mod.ExportedFunction(c.Action.Field)
		if fn == nil {
			return "no function"
		}
		var args []uint64
		for _, arg := range c.Action.Args {
			args = append(args, arg.bits()...)
		}
		results, err := fn.Call(context.Background(), args...)
		if err != nil {
			text, _, _ := strings.Cut(err.Error(), "\n")
			return text
		}
		for i, kind := range fn.Definition().ResultTypes() {
			if (kind == api.ValueTypeExternref || kind == 0x70) && len(results) > i && results[i] != 0 {
				results[i] = 1 // an address
			}
		}
		return fmt.Sprint(results)
	}
	return ""
}

// TestSpecificationPlays: what the specification's own tests do with their modules comes to the same, values and traps,
// when the modules carry fuel.
func TestSpecificationPlays(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of calls")
	}
	played := 0
	scripts, err := filepath.Glob(filepath.Join(corpusRoot(t), "v2", "testdata", "*.json")) // the second version has all of the first
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		played += playBoth(t, file)
	}
	if t.Logf("%d commands played", played); played < 20_000 {
		t.Errorf("only %d commands were played", played)
	}
}

func playBoth(t *testing.T, file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var script struct{ Commands []command }
	if err := json.Unmarshal(text, &script); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	plain, metered := newPlayer(t, filepath.Dir(file), false), newPlayer(t, filepath.Dir(file), true)
	for n, c := range script.Commands {
		as := ""
		for _, next := range script.Commands[n+1:] {
			if next.Type == "module" && (c.Name == "" || next.Name == c.Name) {
				break
			}
			if next.Type == "register" && c.Type == "module" && next.Name == c.Name {
				as = next.As
				break
			}
		}
		want, got := plain.play(c, as), metered.play(c, as)
		if place.ReplaceAllString(got, "") != place.ReplaceAllString(want, "") {
			t.Errorf("%s:%d %s %s: %q as it is, %q with fuel", filepath.Base(file), c.Line, c.Type, c.Action.Field, want, got)
		}
	}
	_ = plain.engine.Close(context.Background())   // it is not used any more
	_ = metered.engine.Close(context.Background()) // it is not used any more
	return len(script.Commands)
}
