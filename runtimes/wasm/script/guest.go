package script

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// errMemory says that the engine found no more memory for what it was given.
var errMemory = errors.New("out of memory")

// seed is a number below 2^30 for the language's pseudo-random numbers.
func (s *Script) seed(ctx context.Context) []byte {
	var b [4]byte
	s.host.Random(ctx, b[:])
	return strconv.AppendUint(nil, uint64(binary.LittleEndian.Uint32(b[:])>>2), 10)
}

// Guest is a script in one instance of its engine. It serves one call at a time.
type Guest struct {
	script   *Script
	mod      api.Module
	free     map[string][]api.Function // exports that nobody is calling just now
	indirect map[uint32][]api.Function // the same for functions of the table
	stack    api.MutableGlobal         // the engine's stack pointer, where it is needed
}

// Guest binds the script to an instance of its engine.
func (s *Script) Guest(mod api.Module) *Guest {
	return &Guest{script: s, mod: mod, free: map[string][]api.Function{}, indirect: map[uint32][]api.Function{}}
}

// call calls an export that gives at most one result. wazero gives every caller a stack of its own, so one is kept for
// the next; a call within a call of the same export gets another.
func (g *Guest) call(ctx context.Context, name string, args ...uint64) (uint32, error) {
	var fn api.Function
	if kept := g.free[name]; len(kept) > 0 {
		fn, g.free[name] = kept[len(kept)-1], kept[:len(kept)-1]
	} else {
		fn = g.mod.ExportedFunction(name)
	}
	var stack [6]uint64
	copy(stack[:], args)
	if err := fn.CallWithStack(ctx, stack[:]); err != nil {
		return 0, err
	}
	g.free[name] = append(g.free[name], fn)
	return uint32(stack[0]), nil
}

// must is call within a host function: what goes wrong ends the guest.
func (g *Guest) must(ctx context.Context, name string, args ...uint64) uint32 {
	result, err := g.call(ctx, name, args...)
	if err != nil {
		panic(err)
	}
	return result
}

// place copies bytes into memory that the guest's malloc gave, with a zero behind them.
func (g *Guest) place(ctx context.Context, malloc string, data []byte) (uint32, error) {
	at, err := g.call(ctx, malloc, uint64(len(data)+1))
	if err != nil {
		return 0, err
	}
	if at == 0 {
		return 0, errMemory
	}
	view, ok := g.mod.Memory().Read(at, uint32(len(data)+1))
	if !ok {
		return 0, fmt.Errorf("the engine gave %d bytes at %d, which lie outside its memory", len(data)+1, at)
	}
	view[copy(view, data)] = 0
	return at, nil
}

// mustPlace is place within a host function.
func (g *Guest) mustPlace(ctx context.Context, malloc string, data []byte) uint64 {
	at, err := g.place(ctx, malloc, data)
	if err != nil {
		panic(err)
	}
	return uint64(at)
}

// text copies bytes out of the guest.
func (g *Guest) text(at, n uint32) []byte {
	view, ok := g.mod.Memory().Read(at, n)
	if !ok {
		panic(fmt.Errorf("the engine names %d bytes at %d, which lie outside its memory", n, at))
	}
	return append([]byte(nil), view...)
}

// cstring reads up to a zero.
func (g *Guest) cstring(at uint32) string {
	var b []byte
	for {
		c, ok := g.mod.Memory().ReadByte(at + uint32(len(b)))
		if !ok || c == 0 {
			return string(b)
		}
		b = append(b, c)
	}
}

// types of results and parameters of the functions that an engine imports.
func signature(def api.FunctionDefinition) ([]api.ValueType, []api.ValueType) {
	return def.ParamTypes(), def.ResultTypes()
}

// export adds functions for everything that the module imports from "env": those in known, and for the rest absent.
func export(env wazero.HostModuleBuilder, code wazero.CompiledModule, known map[string]api.GoModuleFunc, absent func(name string) api.GoModuleFunc) {
	for _, def := range code.ImportedFunctions() {
		module, name, _ := def.Import()
		if module != "env" {
			continue
		}
		fn := known[name]
		if fn == nil {
			if fn = absent(name); fn == nil {
				continue // somebody else provides it
			}
		}
		params, results := signature(def)
		env.NewFunctionBuilder().WithGoModuleFunction(fn, params, results).Export(name)
	}
}
