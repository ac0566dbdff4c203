package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	"github.com/bangle-dev/bangle/runtimes/wasm/script"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

const (
	pageSize = 64 << 10
	maxFile  = 64 << 20 // of charm.wasm
)

// charm is one loaded module: its code, the image of its memory, and its instances.
type charm struct {
	engine   wazero.Runtime
	script   *script.Script // nil = a module of its own
	kept     *code          // the compiled code, with others that have the same module
	code     wazero.CompiledModule
	command  bool        // a WASI command: every event is one run of it
	globals  []string    // names of the mutable globals
	data     module.Data // what the memory holds at first; gone when there is an image
	grants   []string    // capabilities that a script may use; empty = all
	allowed  grant.Set   // what it was granted of what lies outside
	image    *image      // nil = not resettable, every event gets a fresh instance
	timeout  time.Duration
	initial  time.Duration // the same for the initialisation
	maxBytes int64
	turns    turns
	seed     [seedSize]byte // of the initialisation's random numbers, the module's own

	idle   chan *instance // ready for the next event
	hands  *hands         // one for each of those
	places chan struct{}  // one for each event that may be under way, its recycling included
	closed chan struct{}
	once   sync.Once
	used   atomic.Int64 // when an event came last, in nanoseconds since 1970
}

// open reads, checks, compiles and initialises. Either the charm, diagnostics or an error is there.
func (r *Runtime) open(ctx context.Context, req *charmruntimev1.LoadRequest) (*charm, []*charmruntimev1.Diagnostic, error) {
	maxBytes := r.cfg.MemoryBytes
	if n := req.GetLimits().GetMemoryBytes(); n > 0 {
		maxBytes = n
	}
	maxBytes = max(pageSize, min(maxBytes, math.MaxUint32)) / pageSize * pageSize
	file, s, found, err := r.read(req, uint32(maxBytes/pageSize))
	if found != nil || err != nil {
		return nil, found, err
	}
	allowed, err := grant.NewSet(req.GetGrants())
	if err != nil {
		return nil, nil, err
	}
	c := &charm{script: s, grants: req.GetGrants(), allowed: allowed, timeout: r.cfg.HookTimeout, initial: r.cfg.InitialTimeout, turns: r.turns,
		seed: sha256.Sum256(append(r.seed[:], req.GetDigest()...)), maxBytes: maxBytes, closed: make(chan struct{}),
		idle: make(chan *instance, r.cfg.Instances), hands: newHands(r.cfg.Instances), places: make(chan struct{}, r.cfg.Events)}
	if ms := req.GetLimits().GetHookTimeoutMs(); ms > 0 {
		c.timeout = time.Duration(ms) * time.Millisecond
	}
	if d, err := c.prepare(ctx, r, file); d != nil || err != nil {
		return nil, d, errors.Join(err, c.discard())
	}
	c.used.Store(time.Now().UnixNano())
	c.kept.loaded(time.Now())
	debug.FreeOSMemory() // compiling a large module leaves tens of megabytes behind
	return c, nil, nil
}

// read finds what the charm is made of, a module or a script with its engine's module, and checks what can be checked.
func (r *Runtime) read(req *charmruntimev1.LoadRequest, maxPages uint32) ([]byte, *script.Script, []*charmruntimev1.Diagnostic, error) {
	if _, err := os.Stat(filepath.Join(req.GetDir(), File)); errors.Is(err, fs.ErrNotExist) {
		s, err := script.Find(req.GetDir())
		if err != nil {
			return nil, nil, nil, err
		}
		if s != nil {
			engine, found, err := readScript(s, maxPages)
			return engine, s, found, err
		}
	}
	file, found, err := readModule(req.GetDir())
	if found != nil || err != nil {
		return nil, nil, found, err
	}
	m, err := module.Parse(file)
	if err != nil {
		return nil, nil, []*charmruntimev1.Diagnostic{module.Unreadable(File, err)}, nil
	}
	return file, nil, m.Check(module.Rules{File: File, WASI: r.wasi, Grants: req.GetGrants(), MaxPages: maxPages}), nil
}

func readModule(dir string) ([]byte, []*charmruntimev1.Diagnostic, error) {
	f, err := os.Open(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diagnose("the charm has no "+File, "build it and put it beside metadata.yaml, or write the charm as a script, charm.js or charm.py"), nil
	}
	if err != nil {
		return nil, nil, errs.E(errs.Unavailable, "cannot read charm: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, errs.E(errs.Unavailable, "cannot read charm: %w", err)
	}
	if len(data) > maxFile {
		return nil, diagnose(fmt.Sprintf("the module has more than %d bytes, which is the most that is allowed", maxFile), "strip it: for Go -ldflags=\"-s -w\""), nil
	}
	return data, nil, nil
}

func diagnose(message, hint string) []*charmruntimev1.Diagnostic {
	return []*charmruntimev1.Diagnostic{{Severity: "error", File: File, Message: message, Hint: hint}}
}

// prepare compiles the module, runs its initialisation and keeps the image that every event starts from.
func (c *charm) prepare(ctx context.Context, r *Runtime, file []byte) ([]*charmruntimev1.Diagnostic, error) {
	metered, err := c.metered(r, file)
	switch {
	case errs.Is(err, errs.Invalid):
		return invalid(err), nil
	case err != nil:
		return nil, err
	}
	m, err := module.Parse(metered)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot read what was made of %s: %w", File, err)
	}
	config := wazero.NewRuntimeConfigCompiler().WithCompilationCache(c.kept.cache).WithMemoryLimitPages(uint32(c.maxBytes / pageSize))
	c.command = m.Command()
	source, names := m.NameGlobals()
	c.globals = names
	source, c.data, _ = module.TakeData(source)
	ctx = experimental.WithCompilationWorkers(ctx, goruntime.GOMAXPROCS(0))
	if c.code, err = c.compile(ctx, config, source); err != nil {
		if errs.Is(err, errs.Invalid) {
			return invalid(inItsOwnWords(ctx, file, err)), nil
		}
		return nil, err
	}
	if err := provide(ctx, c.engine); err != nil {
		return nil, err
	}
	if c.script != nil {
		if err := c.script.Provide(ctx, c.engine, c.code, scriptHost{c.grants}); err != nil {
			return nil, err
		}
	}
	return c.template(ctx, m.Resettable())
}

// template makes the first instance and, where it can be, the image.
func (c *charm) template(ctx context.Context, resettable bool) ([]*charmruntimev1.Diagnostic, error) {
	first, err := c.instantiate(ctx)
	if err != nil {
		return diagnose("the module does not start: "+err.Error(), "its data must lie within its initial memory, and what runs while a module is instantiated may call nothing of the host"), nil //nolint:nilerr // a broken charm is an answer
	}
	if failed := c.initialise(ctx, first); failed != nil {
		if c.script != nil {
			return unusable(c.script, failed), first.close()
		}
		return diagnose("the module's initialisation failed: "+failed.message,
			"run the charm's tests natively; what runs while packages are initialised may call nothing of the host"), first.close()
	}
	if resettable {
		if c.image, err = first.capture(); err != nil {
			return nil, errors.Join(err, first.close())
		}
		c.data = module.Data{}
	}
	c.idle <- first // without an image it is as fresh as one can be, for one event
	return nil, nil
}

// metered takes the module's place in the cache and gives the module with fuel.
func (c *charm) metered(r *Runtime, file []byte) ([]byte, error) {
	var err error
	if c.kept, err = r.codes.take(file); err != nil {
		return nil, err
	}
	return c.kept.meter(file)
}

// compile asks for the compiler; where memory cannot be made executable wazero panics, and the interpreter would be a
// hundred times slower, so that is an error that says what to do.
func (c *charm) compile(ctx context.Context, config wazero.RuntimeConfig, source []byte) (code wazero.CompiledModule, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = errs.E(errs.Unavailable, "cannot compile %s: this process may not make memory executable (%v); "+
				"run it without MemoryDenyWriteExecute, or on a processor that wazero compiles for", File, value)
		}
	}()
	c.engine = wazero.NewRuntimeWithConfig(ctx, config)
	code, err = c.engine.CompileModule(ctx, source)
	if err != nil {
		return nil, errs.E(errs.Invalid, "this is not a valid WASM module: %w", err)
	}
	return code, nil
}

// take waits for an instance that is as fresh as the first one was. Instance and hand go back with recycle.
func (c *charm) take(ctx context.Context) (*instance, *hand, error) {
	if ctx.Err() != nil {
		return nil, nil, c.untaken(ctx)
	}
	select {
	case <-c.closed:
		return nil, nil, c.untaken(ctx)
	case <-ctx.Done():
		return nil, nil, c.untaken(ctx)
	case c.places <- struct{}{}:
	}
	h := c.hands.take(ctx, c.closed)
	if h == nil {
		<-c.places
		return nil, nil, c.untaken(ctx)
	}
	select {
	case i := <-c.idle:
		return i, h, nil
	default: // the others take long
	}
	i, err := c.fork(ctx)
	if err != nil {
		h.give()
		<-c.places
		return nil, nil, err
	}
	return i, h, nil
}

// untaken is why an event gets no instance: nobody wants it any more, or the charm is gone.
func (c *charm) untaken(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return errs.E(errs.Canceled, "cannot run an event: %w", cause)
	}
	return errs.E(errs.NotFound, "cannot run an event: the charm was unloaded")
}

// recycle makes an instance ready for the next event, while this one's answer is on its way.
func (c *charm) recycle(ctx context.Context, i *instance, h *hand, broken bool) {
	go func() {
		defer func() { <-c.places }()
		defer h.give()
		if broken || c.image == nil || !i.reset(c.image) {
			_ = i.close() // it is gone either way
			if len(c.idle) > 0 {
				return
			}
			next, err := c.fork(context.WithoutCancel(ctx))
			if err != nil {
				return // the next event tries again and reports what is wrong
			}
			i = next
		}
		select {
		case c.idle <- i:
		default:
			_ = i.close() // enough are ready
		}
	}()
}

// fork makes one more instance: from the image, or by running the initialisation.
func (c *charm) fork(ctx context.Context) (*instance, error) {
	if c.image != nil {
		return c.copied(ctx)
	}
	i, err := c.instantiate(ctx)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot instantiate the charm: %w", err)
	}
	if failed := c.initialise(ctx, i); failed != nil {
		return nil, errors.Join(errs.E(errs.Unavailable, "cannot initialise the charm: %s", failed.message), i.close())
	}
	return i, nil
}

// copied makes an instance from the image. Its memory is never written before.
func (c *charm) copied(ctx context.Context) (*instance, error) {
	i, err := c.bare(ctx)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot instantiate the charm: %w", err)
	}
	if !i.adopt(c.image) {
		return nil, errors.Join(errs.E(errs.Unavailable, "cannot map the charm's image of %d bytes into an instance: the machine's memory, or a "+
			"process's number of mappings (vm.max_map_count), may be used up", len(c.image.data)), i.close())
	}
	return i, nil
}

// close waits for the events in flight and frees everything.
func (c *charm) close() error {
	var err error
	c.once.Do(func() {
		close(c.closed)
		for range cap(c.places) {
			c.places <- struct{}{}
		}
		for len(c.idle) > 0 {
			err = errors.Join(err, (<-c.idle).close())
		}
		err = errors.Join(err, c.discard())
	})
	return err
}

func (c *charm) discard() error {
	var err error
	if c.code != nil {
		err = c.code.Close(context.Background())
	}
	if c.engine != nil {
		err = errors.Join(err, c.engine.Close(context.Background()))
	}
	if c.kept != nil {
		err = errors.Join(err, c.kept.release())
	}
	if c.image != nil {
		err = errors.Join(err, c.image.close())
	}
	return err
}
