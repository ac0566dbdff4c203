package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental/table"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
)

// errLongjmp unwinds the guest to the invoke that waits for it.
var errLongjmp = errors.New("longjmp")

// invoke is emscripten's way to setjmp: the guest asks the host to call a function of its table, and when that ends with a
// longjmp, the host sets the stack back and tells the guest. A Python function calls another this way, so it must be
// cheap: wazero's own (imports/emscripten) makes four calls with a stack each where this makes one that is kept.
// name ends with the signature, "invoke_viii": the first letter is the result, v for none, the rest the parameters.
func invoke(name string) api.GoModuleFunc {
	signature := strings.TrimPrefix(name, "invoke_")
	params := make([]api.ValueType, len(signature)-1)
	for n := range params {
		params[n] = api.ValueTypeI32
	}
	var results []api.ValueType
	if signature[0] == 'i' {
		results = []api.ValueType{api.ValueTypeI32}
	}
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		g := current(ctx).guest
		index := uint32(stack[0])
		copy(stack, stack[1:])
		var fn api.Function
		if kept := g.indirect[index]; len(kept) > 0 {
			fn, g.indirect[index] = kept[len(kept)-1], kept[:len(kept)-1]
		} else {
			fn = table.LookupFunction(mod, 0, index, params, results)
		}
		before := g.stackPointer(ctx).Get()
		err := fn.CallWithStack(ctx, stack)
		if err == nil {
			g.indirect[index] = append(g.indirect[index], fn)
			return
		}
		if !errors.Is(err, errLongjmp) {
			panic(err)
		}
		g.stack.Set(before)
		g.must(ctx, "setThrew", 1, 0)
	}
}

// stackPointer finds the global that is the engine's stack pointer: the one that follows when the stack is moved.
func (g *Guest) stackPointer(ctx context.Context) api.MutableGlobal {
	if g.stack != nil {
		return g.stack
	}
	at := g.must(ctx, "emscripten_stack_get_current")
	var found []api.MutableGlobal
	for n := range 64 {
		global, ok := g.mod.ExportedGlobal(module.GlobalPrefix + strconv.Itoa(n)).(api.MutableGlobal)
		if ok && global.Type() == api.ValueTypeI32 && uint32(global.Get()) == at {
			found = append(found, global)
		}
	}
	for _, moved := range []uint32{at - 32, at} {
		g.must(ctx, "_emscripten_stack_restore", uint64(moved))
		found = slices.DeleteFunc(found, func(g api.MutableGlobal) bool { return uint32(g.Get()) != moved })
	}
	if len(found) != 1 {
		panic(fmt.Errorf("%d globals may be the engine's stack pointer", len(found)))
	}
	g.stack = found[0]
	return g.stack
}
