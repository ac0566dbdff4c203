package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

const maxAnswer = 32 << 20

// wasiFunctions lists what of WASI a module may import. There are no files, sockets, arguments or variables behind it.
func wasiFunctions() (map[string]map[string]bool, error) {
	ctx := context.Background()
	engine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	code, err := wasi_snapshot_preview1.NewBuilder(engine).Compile(ctx)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot list the functions of WASI: %w", err)
	}
	names := map[string]bool{}
	for name := range code.ExportedFunctions() {
		names[name] = true
	}
	return map[string]map[string]bool{wasi_snapshot_preview1.ModuleName: names}, engine.Close(ctx)
}

// provide gives an engine the functions that charms import. All are there; Check has refused what was not granted.
func provide(ctx context.Context, engine wazero.Runtime) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, engine); err != nil {
		return errs.E(errs.Internal, "cannot provide WASI: %w", err)
	}
	fuel := engine.NewHostModuleBuilder(module.YieldModule).NewFunctionBuilder().WithGoFunction(api.GoFunc(yield), nil, nil).Export(module.YieldName)
	if _, err := fuel.Instantiate(ctx); err != nil {
		return errs.E(errs.Internal, "cannot provide %s: %w", module.YieldModule, err)
	}
	shape := []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}
	result := []api.ValueType{api.ValueTypeI32}
	modules := map[string]wazero.HostModuleBuilder{}
	for _, f := range abi.Functions() {
		b := modules[f.Module]
		if b == nil {
			b = engine.NewHostModuleBuilder(f.Module)
			modules[f.Module] = b
		}
		b.NewFunctionBuilder().WithGoModuleFunction(enter(f), shape, result).Export(f.Name)
	}
	for name, b := range modules {
		if _, err := b.Instantiate(ctx); err != nil {
			return errs.E(errs.Internal, "cannot provide %s: %w", name, err)
		}
	}
	return nil
}

// runKey finds the event in the context that wazero hands to host functions.
type runKey struct{}

// yield is where a guest comes by after some fuel.
func yield(ctx context.Context, _ []uint64) {
	if run, ok := ctx.Value(runKey{}).(*run); ok {
		run.rest()
	}
}

// enter is the host's end of one import: (request, length, out, room) → bytes written, or -(bytes that wait).
func enter(f abi.Function) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		run, ok := ctx.Value(runKey{}).(*run)
		if !ok {
			panic(fmt.Errorf("%s was called outside of an event", f))
		}
		run.leave()
		defer run.back()
		request, ok := mod.Memory().Read(uint32(stack[0]), uint32(stack[1]))
		if !ok {
			run.trap(broken("%s: the request's %d bytes at address %d lie outside the memory of %d bytes", f, uint32(stack[1]), uint32(stack[0]), mod.Memory().Size()))
		}
		answer := run.call(ctx, f, request)
		if uint32(len(answer)) > uint32(stack[3]) {
			run.waiting = answer
			stack[0] = api.EncodeI32(-int32(len(answer)))
			return
		}
		if len(answer) > 0 && !mod.Memory().Write(uint32(stack[2]), answer) {
			run.trap(broken("%s: the buffer of %d bytes at address %d lies outside the memory of %d bytes", f, uint32(stack[3]), uint32(stack[2]), mod.Memory().Size()))
		}
		stack[0] = api.EncodeI32(int32(len(answer)))
	}
}
