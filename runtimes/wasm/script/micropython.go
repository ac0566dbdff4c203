package script

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// upython runs charm.py. The module was made for browsers, where Python reaches JavaScript through numbered references. We
// have one such object, number hostRef, registered as the module "_bangle_host"; it can be called with two texts, which
// comes out of the module as the import call2. Objects cross as three words: a kind, and two that depend on it.
type upython struct{}

const (
	hostRef = 2 // the first that is not the browser's own

	mpException = -1 // a, b = length and address of NAME \x04 TRACEBACK, to be freed
	mpString    = 5  // a, b = length and address, the object's own

	jsUndefined = 0
	jsNull      = 1
	jsString    = 5 // a, b = length and address, freed by the engine
	jsObject    = 7 // a = the reference

	pystackWords = 16 << 10 // of Python's own stack: recursion beyond it is a RuntimeError
	pyHeap       = 512 << 10

	notThere = -44 // ENOENT as emscripten counts: there are no files

	mpHost = "_bangle_host"
)

// mpStart makes the library a module and has it evaluate the script. MicroPython cannot make modules; an object does.
const mpStart = `
import sys
import _bangle_host
def _load():
    space = {"__name__": "bangle"}
    exec(compile(_bangle_host("library", ""), "bangle.py", "exec"), space)
    class Module: pass
    library = Module()
    for name in space:
        setattr(library, name, space[name])
    sys.modules["bangle"] = library
    return library._start(lambda name, request: _bangle_host(name, request))
_dispatch = _load()
`

func (u upython) provide(_ context.Context, env wazero.HostModuleBuilder, code wazero.CompiledModule) error {
	known := map[string]api.GoModuleFunc{
		"call2":                     u.called,
		"emscripten_resize_heap":    grow,
		"proxy_js_free_obj":         func(context.Context, api.Module, []uint64) {},
		"lookup_attr":               none,
		"has_attr":                  none,
		"_emscripten_throw_longjmp": func(context.Context, api.Module, []uint64) { panic(errLongjmp) },
		"_abort_js":                 func(context.Context, api.Module, []uint64) { panic(errors.New("the engine gave up")) },
		"mp_js_random_u32": func(_ context.Context, _ api.Module, stack []uint64) {
			stack[0] = 4 // nobody sees it: the library seeds in every event
		},
		"mp_js_time_ms": func(ctx context.Context, _ api.Module, stack []uint64) {
			stack[0] = api.EncodeF64(float64(u.now(ctx)/int64(time.Microsecond)) / 1000)
		},
		"mp_js_ticks_ms": func(ctx context.Context, _ api.Module, stack []uint64) {
			stack[0] = uint64(uint32(u.now(ctx)/int64(time.Millisecond)) & (1<<29 - 1))
		},
		"js_check_existing": func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = api.EncodeI32(-1) },
	}
	export(env, code, known, func(name string) api.GoModuleFunc {
		switch {
		case strings.HasPrefix(name, "invoke_"):
			return invoke(name)
		case strings.HasPrefix(name, "__syscall_"):
			return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = api.EncodeI32(notThere) }
		}
		return func(context.Context, api.Module, []uint64) { panic(errNoJavaScript) }
	})
	return nil
}

func (upython) now(ctx context.Context) int64 { return current(ctx).guest.script.host.Now(ctx) }

// errNoJavaScript ends a script that wants more of the browser than names, which are just not there.
var errNoJavaScript = errors.New("the script uses an object of JavaScript, and there is none")

// none answers that there is no such attribute.
func none(_ context.Context, _ api.Module, stack []uint64) { stack[0] = 0 }

// grow answers emscripten_resize_heap(bytes): 1, or 0 when the limit does not allow it.
func grow(_ context.Context, mod api.Module, stack []uint64) {
	const page = 64 << 10
	short := int64(uint32(stack[0])) - int64(mod.Memory().Size())
	stack[0] = 1
	if short <= 0 {
		return
	}
	if _, ok := mod.Memory().Grow(uint32((short + page - 1) / page)); !ok {
		stack[0] = 0
	}
}

// called answers _bangle_host(name, request): a string, or None.
func (u upython) called(ctx context.Context, mod api.Module, stack []uint64) {
	t := current(ctx)
	ref, first, second, out := uint32(stack[0]), uint32(stack[2]), uint32(stack[3]), uint32(stack[4])
	stack[0] = 0
	if ref != hostRef {
		panic(fmt.Errorf("the script calls object %d, which does not exist", ref))
	}
	value, found := t.lifted(ctx, string(mpText(mod, first)), mpText(mod, second))
	if !found {
		u.put(mod, out, jsNull, 0, 0)
		return
	}
	at, err := t.guest.place(ctx, "malloc", value)
	if err != nil {
		panic(err)
	}
	u.put(mod, out, jsString, uint32(len(value)), at)
}

func (u upython) put(mod api.Module, out, kind, a, b uint32) {
	for n, word := range []uint32{kind, a, b} {
		if !mod.Memory().WriteUint32Le(out+uint32(4*n), word) {
			panic(errors.New("the engine's object lies outside its memory"))
		}
	}
}

// mpWords reads an object that Python hands out.
func mpWords(mod api.Module, at uint32) (kind int32, a, b uint32) {
	view, ok := mod.Memory().Read(at, 12)
	if !ok {
		panic(errors.New("the engine's object lies outside its memory"))
	}
	return int32(binary.LittleEndian.Uint32(view)), binary.LittleEndian.Uint32(view[4:]), binary.LittleEndian.Uint32(view[8:])
}

// mpText is the text of an object that is one; of others it is empty.
func mpText(mod api.Module, at uint32) []byte {
	kind, n, data := mpWords(mod, at)
	if kind != mpString {
		return nil
	}
	view, ok := mod.Memory().Read(data, n)
	if !ok {
		panic(errors.New("the engine's text lies outside its memory"))
	}
	return append([]byte(nil), view...)
}

// start makes an interpreter, shows it the host and evaluates library and script.
func (u upython) start(ctx context.Context, g *Guest) error {
	for _, step := range []struct {
		name string
		args []uint64
	}{{"emscripten_stack_init", nil}, {"__wasm_call_ctors", nil}, {"mp_js_init", []uint64{pystackWords, pyHeap}}, {"proxy_c_init", nil}} {
		if _, err := g.call(ctx, step.name, step.args...); err != nil {
			return err
		}
	}
	name, err := g.place(ctx, "malloc", []byte(mpHost))
	if err != nil {
		return err
	}
	object, err := g.place(ctx, "malloc", make([]byte, 12))
	if err != nil {
		return err
	}
	u.put(g.mod, object, jsObject, hostRef, 0)
	if _, err := g.call(ctx, "mp_js_register_js_module", uint64(name), uint64(object)); err != nil {
		return err
	}
	return u.exec(ctx, g, mpStart)
}

func (u upython) dispatch(ctx context.Context, g *Guest) error {
	return u.exec(ctx, g, "_dispatch()")
}

// exec runs a text; an exception that nobody caught is an error.
func (u upython) exec(ctx context.Context, g *Guest, source string) error {
	at, err := g.place(ctx, "malloc", []byte(source))
	if err != nil {
		return err
	}
	out, err := g.place(ctx, "malloc", make([]byte, 12))
	if err != nil {
		return err
	}
	if _, err := g.call(ctx, "mp_js_do_exec", uint64(at), uint64(len(source)), uint64(out)); err != nil {
		return err
	}
	kind, n, data := mpWords(g.mod, out)
	if kind != mpException {
		return nil
	}
	return mpFailed(string(g.text(data, n)), g.script.File)
}

// mpFailed makes an error of "NAME\x04TRACEBACK": the traceback's last line says what happened.
func mpFailed(exception, file string) *Error {
	name, trace, _ := strings.Cut(exception, "\x04")
	lines := strings.Split(strings.TrimSpace(trace), "\n")
	message := strings.TrimPrefix(lines[len(lines)-1], "CharmError: ")
	if message == "" {
		message = name
	}
	if n := strings.LastIndex(trace, `"`+file+`", line `); n >= 0 {
		rest := trace[n+len(file)+len(`"", line `):]
		message += " (" + file + ":" + strings.TrimRight(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))], "\n") + ")"
	}
	return failed(message + "\n" + trace)
}
