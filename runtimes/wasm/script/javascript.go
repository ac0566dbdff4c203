package script

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// quickjs runs charm.js. Values are addresses of boxes in the engine's memory; what a call returns is the caller's to free,
// and nothing is freed here where the instance is reset soon after.
type quickjs struct{}

const (
	jsModule  = 1 // JS_EVAL_TYPE_MODULE
	jsLibrary = "bangle"
	jsStack   = 192 << 10 // bytes; a recursion beyond it is a RangeError of the script
	jsReserve = 1 << 20   // bytes that events find free
	jsEntry   = "import * as charm from \"charm.js\"; import { serve } from \"bangle\"; serve(charm.default);"
)

func (q quickjs) provide(_ context.Context, env wazero.HostModuleBuilder, code wazero.CompiledModule) error {
	known := map[string]api.GoModuleFunc{
		"host_call":             q.called,
		"host_module_normalize": q.resolve,
		"host_module_load":      q.load,
	}
	export(env, code, known, func(string) api.GoModuleFunc {
		return func(_ context.Context, _ api.Module, stack []uint64) { // no time zone, no interruption, no rejections
			if len(stack) > 0 {
				stack[0] = 0
			}
		}
	})
	return nil
}

// called answers host(name, request): a string, or undefined.
func (q quickjs) called(ctx context.Context, _ api.Module, stack []uint64) {
	t := current(ctx)
	g := t.guest
	argc, argv := uint32(stack[3]), uint32(stack[4])
	var args [2][]byte
	for n := range min(argc, 2) {
		value, ok := g.mod.Memory().ReadUint32Le(argv + 4*n)
		if !ok {
			panic(errors.New("the engine's arguments lie outside its memory"))
		}
		args[n] = q.text(ctx, g, value)
	}
	value, found := t.answer(ctx, string(args[0]), args[1])
	if !found {
		stack[0] = uint64(g.must(ctx, "qjs_get_undefined"))
		return
	}
	at, err := g.place(ctx, "wasm_malloc", value)
	if err != nil {
		panic(err)
	}
	stack[0] = uint64(g.must(ctx, "qjs_new_string", uint64(at), uint64(len(value))))
	g.must(ctx, "wasm_free", uint64(at))
}

// text is the UTF-8 of a value.
func (q quickjs) text(ctx context.Context, g *Guest, value uint32) []byte {
	length := g.must(ctx, "wasm_malloc", 4)
	at := g.must(ctx, "qjs_get_string_len", uint64(value), uint64(length))
	if at == 0 {
		return nil
	}
	n, _ := g.mod.Memory().ReadUint32Le(length)
	data := g.text(at, n)
	g.must(ctx, "qjs_free_cstring", uint64(at))
	g.must(ctx, "wasm_free", uint64(length))
	return data
}

// resolve and load know the library, and the charm for who starts it.
func (q quickjs) resolve(ctx context.Context, _ api.Module, stack []uint64) {
	t := current(ctx)
	g := t.guest
	base, name := g.cstring(uint32(stack[0])), g.cstring(uint32(stack[1]))
	if name != jsLibrary && base == g.script.File {
		q.throw(ctx, g, fmt.Sprintf("cannot import %q: a charm is one file, and %q is all that it can import", name, jsLibrary))
		stack[0] = 0
		return
	}
	stack[0] = g.mustPlace(ctx, "wasm_malloc", []byte(name))
}

func (q quickjs) load(ctx context.Context, _ api.Module, stack []uint64) {
	t := current(ctx)
	g := t.guest
	source := g.script.library
	if g.cstring(uint32(stack[0])) == g.script.File {
		source = g.script.source
	}
	if !g.mod.Memory().WriteUint32Le(uint32(stack[1]), uint32(len(source))) {
		panic(errors.New("the engine's buffer lies outside its memory"))
	}
	stack[0] = g.mustPlace(ctx, "wasm_malloc", []byte(source))
}

func (q quickjs) throw(ctx context.Context, g *Guest, message string) {
	e := uint64(g.must(ctx, "qjs_new_error"))
	at := g.mustPlace(ctx, "wasm_malloc", []byte(message))
	value := g.must(ctx, "qjs_new_string", at, uint64(len(message)))
	g.must(ctx, "qjs_set_prop_string", e, g.mustPlace(ctx, "wasm_malloc", []byte("message")), uint64(value))
	g.must(ctx, "qjs_throw", e)
}

// start evaluates the script as a module, which evaluates the library that it imports.
func (q quickjs) start(ctx context.Context, g *Guest) error {
	for _, step := range [][2]any{{"_initialize", -1}, {"qjs_init", -1}, {"qjs_set_module_loader", 1}, {"qjs_set_max_stack_size", jsStack}} {
		var args []uint64
		if n := step[1].(int); n >= 0 {
			args = append(args, uint64(n))
		}
		if _, err := g.call(ctx, step[0].(string), args...); err != nil {
			return err
		}
	}
	if err := q.reserve(ctx, g); err != nil {
		return err
	}
	if err := q.global(ctx, g, "__bangle_host"); err != nil {
		return err
	}
	promise, err := q.eval(ctx, g, jsEntry, "<bangle>", jsModule)
	if err != nil {
		return err
	}
	if err := q.jobs(ctx, g); err != nil {
		return err
	}
	switch state, err := g.call(ctx, "qjs_promise_state", uint64(promise)); {
	case err != nil:
		return err
	case state == 2:
		reason, err := g.call(ctx, "qjs_promise_result", uint64(promise))
		if err != nil {
			return err
		}
		return q.explain(ctx, g, reason)
	case state == 0:
		return failed("the script waits for something that never comes (" + g.script.File + ")")
	}
	return nil
}

// reserve has the engine's heap grow now and not in an event, after which the instance could not be set back.
func (q quickjs) reserve(ctx context.Context, g *Guest) error {
	at, err := g.call(ctx, "wasm_malloc", jsReserve)
	if err == nil && at != 0 {
		_, err = g.call(ctx, "wasm_free", uint64(at))
	}
	return err
}

// global makes the host function.
func (q quickjs) global(ctx context.Context, g *Guest, name string) error {
	at, err := g.place(ctx, "wasm_malloc", []byte(name))
	if err != nil {
		return err
	}
	fn, err := g.call(ctx, "qjs_new_host_function", uint64(at), uint64(len(name)), 0)
	if err != nil {
		return err
	}
	global, err := g.call(ctx, "qjs_get_global")
	if err != nil {
		return err
	}
	_, err = g.call(ctx, "qjs_set_prop_string", uint64(global), uint64(at), uint64(fn))
	return err
}

// eval evaluates a text and returns its value.
func (q quickjs) eval(ctx context.Context, g *Guest, source, name string, flags uint64) (uint32, error) {
	at, err := g.place(ctx, "wasm_malloc", []byte(source))
	if err != nil {
		return 0, err
	}
	file, err := g.place(ctx, "wasm_malloc", []byte(name))
	if err != nil {
		return 0, err
	}
	value, err := g.call(ctx, "qjs_eval", uint64(at), uint64(len(source)), uint64(file), flags)
	if err != nil {
		return 0, err
	}
	return value, q.check(ctx, g, value)
}

// check turns an exception into an error.
func (q quickjs) check(ctx context.Context, g *Guest, value uint32) error {
	thrown, err := g.call(ctx, "qjs_is_exception", uint64(value))
	if err != nil || thrown == 0 {
		return err
	}
	exception, err := g.call(ctx, "qjs_get_exception")
	if err != nil {
		return err
	}
	return q.explain(ctx, g, exception)
}

// jobs runs what awaits.
func (q quickjs) jobs(ctx context.Context, g *Guest) error {
	for {
		pending, err := g.call(ctx, "qjs_is_job_pending")
		if err != nil || pending == 0 {
			return err
		}
		if _, err := g.call(ctx, "qjs_execute_pending_job"); err != nil {
			return err
		}
	}
}

// explain writes an exception as "SyntaxError: … (charm.js:3:5)" and its stack.
func (q quickjs) explain(ctx context.Context, g *Guest, exception uint32) error {
	message := string(q.text(ctx, g, exception))
	at, err := g.place(ctx, "wasm_malloc", []byte("stack"))
	if err != nil {
		return err
	}
	value, err := g.call(ctx, "qjs_get_prop_string", uint64(exception), uint64(at))
	if err != nil {
		return err
	}
	stack := string(q.text(ctx, g, value))
	if where := jsWhere(stack, g.script.File); where != "" {
		message += " (" + where + ")"
	}
	return failed(message + "\n" + stack)
}

// jsWhere finds the first place of the script in a stack: "    at configure (charm.js:3:5)" is "charm.js:3".
func jsWhere(stack, file string) string {
	_, rest, found := strings.Cut(stack, file+":")
	if !found {
		return ""
	}
	line, _, _ := strings.Cut(rest, ":")
	line, _, _ = strings.Cut(line, "\n")
	return file + ":" + strings.TrimRight(line, ")")
}

// dispatch calls the library's end and runs what its handlers await.
func (q quickjs) dispatch(ctx context.Context, g *Guest) error {
	if _, err := q.eval(ctx, g, "__bangle_dispatch()", "<bangle>", 0); err != nil {
		return err
	}
	return q.jobs(ctx, g)
}
