package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/bangle-dev/bangle/runtimes/wasm/script"
	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// maxOutput is the largest changeset that is read; the contract's own limit is smaller and has a better message.
const maxOutput = 16 << 20

// instance is one copy of a charm. It runs one event at a time.
type instance struct {
	first   *world.World // of its initialisation
	mod     api.Module
	memory  *linear
	globals []api.MutableGlobal
	out     *output
	run     *run          // what goes on in it, nil between events
	guest   *script.Guest // nil = a module of its own
	command bool

	entries [3]api.Function // made when they are called first; each has a stack of its own
	in      *bytes.Reader   // what a command reads; nil = nothing
}

// instantiate makes an instance with what its memory holds at first. Its start function runs, if it has one, but nothing of
// its library.
func (c *charm) instantiate(ctx context.Context) (*instance, error) {
	i, err := c.bare(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.data.Write(i.memory.space[:i.memory.size]); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

// bare makes an instance without its data.
func (c *charm) bare(ctx context.Context) (*instance, error) {
	i := &instance{memory: &linear{}, out: &output{}, command: c.command, first: world.Before(c.seed)}
	ctx = experimental.WithMemoryAllocator(ctx, i.memory)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(random{i}).
		WithWalltime(i.walltime, resolution).WithNanotime(i.nanotime, resolution).WithNanosleep(i.sleep).
		WithStdin(&input{i}).WithStdout(&stream{i, stdout}).WithStderr(&stream{i, stderr})
	run := newRun(nil, nil, c.initial, i.first)
	run.turn.of = c.turns
	ctx, end := run.begin(ctx, i)
	defer end()
	mod, err := c.engine.InstantiateModule(ctx, c.code, config)
	if run.trapped != nil {
		return nil, errors.New(run.trapped.message)
	}
	if err != nil {
		return nil, err
	}
	i.mod = mod
	if c.script != nil {
		i.guest = c.script.Guest(mod)
	}
	for _, name := range c.globals {
		g, ok := mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return nil, errors.Join(fmt.Errorf("global %s cannot be set", name), i.close())
		}
		i.globals = append(i.globals, g)
	}
	return i, nil
}

func (i *instance) close() error { return i.mod.Close(context.Background()) }

// initialise runs what the module wants to do before its first event; there is no host yet.
func (c *charm) initialise(ctx context.Context, i *instance) *failure {
	run := newRun(nil, nil, c.initial, i.first)
	run.turn.of = c.turns
	ctx, end := run.begin(ctx, i)
	defer end()
	if i.guest != nil {
		return run.scripted(i.guest.Start(ctx))
	}
	for _, name := range []string{abi.Initial, abi.Warm} {
		if fn := i.mod.ExportedFunction(name); fn != nil {
			if _, err := fn.Call(ctx); err != nil {
				return run.failure(err)
			}
		}
	}
	return nil
}

// capture takes the image of the instance and lets it go on from there.
func (i *instance) capture() (*image, error) {
	var globals []uint64
	for _, g := range i.globals {
		globals = append(globals, g.Get())
	}
	img, err := newImage(i.memory.space[:i.memory.size], globals)
	if err != nil {
		return nil, err
	}
	i.memory.cover(img)
	return img, nil
}

// adopt makes a new instance equal to the image.
func (i *instance) adopt(img *image) bool {
	short := int64(len(img.data)) - int64(i.memory.size)
	if short < 0 {
		return false
	}
	if short > 0 {
		if _, ok := i.mod.Memory().Grow(uint32(short / pageSize)); !ok {
			return false
		}
	}
	if !i.memory.cover(img) {
		return false
	}
	i.setGlobals(img)
	return true
}

// reset sets everything back to the image; false when the memory has grown, since it cannot shrink.
func (i *instance) reset(img *image) bool {
	if i.mod.IsClosed() || i.memory.size != uint64(len(img.data)) {
		return false
	}
	i.memory.restore(img)
	i.setGlobals(img)
	return true
}

func (i *instance) setGlobals(img *image) {
	for n, g := range i.globals {
		g.Set(img.globals[n])
	}
}

// event hands the input to the charm. The output is nil when the charm has no handler; a charm that answers with an
// error is a failure that leaves the instance usable.
func (i *instance) event(ctx context.Context, run *run, input []byte) ([]byte, *failure) {
	if i.guest != nil {
		output, err := i.guest.Event(ctx, input)
		return output, run.scripted(err)
	}
	if i.command {
		return i.start(ctx, run, input)
	}
	at, err := i.entry(0, abi.Alloc).Call(ctx, uint64(len(input)))
	if err != nil {
		return nil, run.failure(err)
	}
	if !i.mod.Memory().Write(uint32(at[0]), input) {
		return nil, broken("%s(%d) returned address %d, and the memory has %d bytes", abi.Alloc, len(input), uint32(at[0]), i.memory.size)
	}
	result, err := i.entry(1, abi.Dispatch).Call(ctx, at[0], uint64(len(input)))
	if err != nil {
		return nil, run.failure(err)
	}
	if result[0] == 0 {
		return nil, i.lastError(ctx, run)
	}
	return i.read(result[0], abi.Dispatch)
}

// entry is one of the functions that events call. It is kept for the next event, since a new one has a new stack; one that
// has trapped is not called again, because its instance is gone.
func (i *instance) entry(n int, name string) api.Function {
	if i.entries[n] == nil {
		i.entries[n] = i.mod.ExportedFunction(name)
	}
	return i.entries[n]
}

// forget lets go of stacks that may have become large: deep calls take more than a slice of time, and a stack, which lies in
// the host's heap and may have 400 MB, never shrinks.
func (i *instance) forget(spent time.Duration) {
	if spent > slice {
		i.entries = [3]api.Function{}
	}
}

// read copies what a result points to. An empty text is nil.
func (i *instance) read(result uint64, what string) ([]byte, *failure) {
	at, n := uint32(result>>32), uint32(result)
	if n == 0 {
		return nil, nil
	}
	if n > maxOutput {
		return nil, broken("%s returned %d bytes, allowed are %d", what, n, maxOutput)
	}
	view, ok := i.mod.Memory().Read(at, n)
	if !ok {
		return nil, broken("%s returned %d bytes at address %d, and the memory has %d bytes", what, n, at, i.memory.size)
	}
	return append([]byte(nil), view...), nil
}

// lastError asks the charm why it failed: its first line is the message.
func (i *instance) lastError(ctx context.Context, run *run) *failure {
	result, err := i.entry(2, abi.LastError).Call(ctx)
	if err != nil {
		return run.failure(err)
	}
	text, bad := i.read(result[0], abi.LastError)
	if bad != nil {
		return bad
	}
	whole := strings.ToValidUTF8(string(text), "\ufffd")
	line, _, _ := strings.Cut(strings.TrimSpace(whole), "\n")
	if line == "" {
		line = "the charm failed and did not say why"
	}
	return &failure{message: cut(line, maxMessage), detail: whole}
}

// exited says whether the guest ended itself, and with which code.
func exited(err error) (uint32, bool) {
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		return exit.ExitCode(), true
	}
	return 0, false
}
