package wasm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const (
	jsHead = "import { Charm } from \"bangle\";\nconst charm = new Charm();\nexport default charm;\n"
	pyHead = "from bangle import Charm\ncharm = Charm()\n\n"
)

// written makes a charm of one file; the file's name is the language.
func written(t testing.TB, name, source string) string {
	t.Helper()
	wasm.NeedEngines(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBrokenScripts: what can be found without an event is found by Load, with the script's file and line.
func TestBrokenScripts(t *testing.T) {
	r := newRuntime(t)
	for _, c := range []struct{ name, file, source, want string }{
		{"syntax", "charm.js", jsHead + "function (", "SyntaxError: function name expected (charm.js:4)"},
		{"throws", "charm.js", jsHead + "\nmissing();", "ReferenceError: missing is not defined (charm.js:5)"},
		{"no export", "charm.js", "import { Charm } from \"bangle\";\nnew Charm();", "charm.js must export its charm: export default charm"},
		{"no such import", "charm.js", "import fs from \"fs\";", `cannot import "fs": a charm is one file, and "bangle" is all that it can import`},
		{"no such name", "charm.js", "import { Sharm } from \"bangle\";", "Could not find export 'Sharm' in module 'bangle'"},
		{"not a handler", "charm.js", jsHead + "charm.on(\"install\", 3);", "a handler must be a function, not number"},
		{"waits for ever", "charm.js", jsHead + "await new Promise(() => {});", "waits for something that never comes"},
		{"syntax", "charm.py", pyHead + "def f(:\n    pass\n", "SyntaxError: invalid syntax (charm.py:4)"},
		{"raises", "charm.py", pyHead + "\nmissing()\n", "NameError: name 'missing' isn't defined (charm.py:5)"},
		{"no charm", "charm.py", "from bangle import Charm\nc = Charm()\n", "charm.py must name its charm: charm = Charm()"},
		{"no such import", "charm.py", "import requests\n", "ImportError: no module named 'requests' (charm.py:1)"},
		{"no such name", "charm.py", "from bangle import Sharm\n", "ImportError: can't import name Sharm (charm.py:1)"},
		{"hook without name", "charm.py", pyHead + "@charm.on\ndef f(ctx):\n    pass\n", "the name of a hook or action must be a text"},
		{"no files", "charm.py", pyHead + "f = open('/etc/passwd')\n", "OSError"},
	} {
		t.Run(c.file+" "+c.name, func(t *testing.T) {
			resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: t.Name(), Dir: written(t, c.file, c.source)})
			if err != nil || len(resp.GetDiagnostics()) != 1 {
				t.Fatalf("%v %v", err, resp)
			}
			d := resp.GetDiagnostics()[0]
			if d.GetFile() != c.file || !strings.Contains(d.GetMessage(), c.want) || d.GetHint() == "" {
				t.Errorf("%v\nwant %q", d, c.want)
			}
		})
	}
}

// loadScript loads a charm of one file.
func loadScript(t testing.TB, r *wasm.Runtime, file, source string) string {
	t.Helper()
	return load(t, r, t.Name(), written(t, file, source))
}

const unruly = `
charm.on("config-changed", (ctx) => { globalThis.n = (globalThis.n ?? 0) + 1; ctx.setState("n", globalThis.n); ctx.setState("r", Math.random()); });
charm.on("start", (ctx) => { ctx.nothing.more(); });
charm.on("stop", (ctx) => { for (;;); });
charm.on("remove", (ctx) => { const f = () => f() + 1; f(); });
charm.on("install", (ctx) => { const a = []; for (;;) a.push(new Array(1 << 16).fill(a.length)); });
charm.on("upgrade-charm", async (ctx) => { await null; ctx.setState("late", "yes"); console.log("printed", { a: 1 }); });
charm.on("leader-elected", async (ctx) => { await new Promise(() => {}); });
charm.on("secret-changed", (ctx) => { throw new Error("wanted"); });
`

const unrulyPython = `
n = 0

@charm.on("config-changed")
def config(ctx):
    global n
    n += 1
    import random
    ctx.set_state("n", n)
    ctx.set_state("r", random.random())

@charm.on("start")
def start(ctx):
    ctx.nothing.more()

@charm.on("stop")
def stop(ctx):
    while True:
        pass

@charm.on("remove")
def recurse(ctx):
    def f():
        return f() + 1
    f()

@charm.on("install")
def install(ctx):
    a = []
    while True:
        a.append(bytearray(1 << 20))

@charm.on("upgrade-charm")
def upgrade(ctx):
    ctx.set_state("late", "yes")
    print("printed", '{"a":1}')

@charm.on("leader-elected")
def leader(ctx):
    yield 1

@charm.on("secret-changed")
def wanted(ctx):
    raise Exception("wanted")
`

// TestScripts: whatever a handler does, the next event finds everything as it was.
func TestScripts(t *testing.T) {
	for _, c := range []struct {
		file, source string
		want         map[string]string // by kind: part of the message
	}{
		{"charm.js", jsHead + unruly, map[string]string{
			"start": "(charm.js:6)", "stop": "killed: hook-timeout 300ms", "remove": "RangeError: Maximum call stack size exceeded",
			"install": "out of memory", "leader-elected": "the handler waits for something that never comes", "secret-changed": "wanted"}},
		{"charm.py", pyHead + unrulyPython, map[string]string{
			"start": "AttributeError: 'Context' object has no attribute 'nothing' (charm.py:17)", "stop": "killed: hook-timeout 300ms",
			"remove": "RuntimeError: maximum recursion depth exceeded", "install": "MemoryError",
			"leader-elected": "a handler must be a plain function", "secret-changed": "wanted"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := newRuntime(t)
			handle := loadScript(t, r, c.file, c.source)
			random := map[string]bool{}
			check := func(after string) {
				done := dispatch(t, r, start(handle, "config-changed", nil), nil)
				got := done.GetChangeset().GetStateSet()
				if got["n"] != "1" || random[got["r"]] {
					t.Errorf("after %s: %s %q %v", after, done.GetOutcome(), done.GetMessage(), got)
				}
				random[got["r"]] = true
			}
			check("load")
			for kind, want := range c.want {
				s := start(handle, kind, nil)
				if kind == "stop" {
					s.TimeoutMs = 300
				} else {
					s.TimeoutMs = 60_000
				}
				done := dispatch(t, r, s, nil)
				if done.GetOutcome() == fine || !strings.Contains(done.GetMessage(), want) || done.GetChangeset() != nil {
					t.Errorf("%s: %s %q\n%s\nwant %q", kind, done.GetOutcome(), done.GetMessage(), done.GetDetail(), want)
				}
				check(kind)
			}
			h := &host{}
			done := dispatch(t, r, start(handle, "upgrade-charm", nil), h)
			if done.GetChangeset().GetStateSet()["late"] != "yes" || fmt.Sprint(h.logged()) != `[DEBUG printed {"a":1}]` {
				t.Errorf("%v %q", done, h.logged())
			}
			if done := dispatch(t, r, start(handle, "update-status", nil), nil); done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED {
				t.Errorf("update-status: %v", done)
			}
		})
	}
}

// TestScriptGrants: a script has no import section, so what was not granted is refused when it is called.
func TestScriptGrants(t *testing.T) {
	r := newRuntime(t)
	for file, source := range map[string]string{
		"charm.js": jsHead + `charm.on("config-changed", (ctx) => { ctx.info("hello"); ctx.goal(); });`,
		"charm.py": pyHead + "@charm.on(\"config-changed\")\ndef f(ctx):\n    ctx.info(\"hello\")\n    ctx.goal()\n",
	} {
		resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: file, Dir: written(t, file, source), Grants: []string{"charm/log@1"}})
		if err != nil || resp.GetHandle() == "" {
			t.Fatal(resp, err)
		}
		h := &host{}
		done := dispatch(t, r, start(resp.GetHandle(), "config-changed", nil), h)
		if want := "cannot call charm/goal@1.get: charm/goal@1 was not granted; granted are: charm/log@1"; done.GetMessage() != want || len(h.logged()) != 1 {
			t.Errorf("%s: %q, log %q; want %q", file, done.GetMessage(), h.logged(), want)
		}
	}
}

// TestScriptsAndTheirEngines: what a script does to its engine ends its own event, and the next finds everything as it was.
func TestScriptsAndTheirEngines(t *testing.T) {
	r := newRuntime(t)
	const py = "@charm.on(\"start\")\ndef f(ctx):\n    import _bangle_host, js, jsffi\n    "
	for _, c := range []struct{ file, source, want string }{ // want "" = it harms nobody, not even itself
		{"charm.py", py + "js.thing = 1", "the script uses an object of JavaScript, and there is none"},
		{"charm.py", py + "js.thing", "AttributeError: module 'js' has no attribute 'thing' (charm.py:7)"},
		{"charm.py", py + "_bangle_host(1)", "the script uses an object of JavaScript, and there is none"},
		{"charm.py", py + "_bangle_host(1, 2)", ""},
		{"charm.py", py + "_bangle_host(\"charm/x@1.y\", \"{}\")", ""},
		{"charm.py", py + "_bangle_host.x()", "AttributeError"},
		{"charm.py", py + "jsffi.create_proxy(f)", "the script uses an object of JavaScript, and there is none"},
		{"charm.py", py + "import os; os.listdir('/')", "OSError"},
		{"charm.py", py + "import sys; sys.modules.clear(); ctx.config.clear(); _bangle_host('output', '{')", ""},
		{"charm.js", `charm.on("start", () => { __bangle_host(); });`, ""},
		{"charm.js", `charm.on("start", () => { __bangle_host({ toString() { return __bangle_host("input"); } }, Symbol()); });`, ""},
		{"charm.js", `charm.on("start", () => { __bangle_host("output", "{"); throw new Error("after all"); });`, "after all"},
		{"charm.js", `charm.on("start", () => { Object.prototype.toJSON = () => { throw new Error("poisoned"); }; });`, "poisoned"},
		{"charm.js", `charm.on("start", (ctx) => { delete globalThis.__bangle_host; globalThis.JSON = undefined; ctx.info("x"); });`, "TypeError"},
	} {
		t.Run(c.file+" "+c.source, func(t *testing.T) {
			head := map[string]string{"charm.js": jsHead, "charm.py": pyHead}[c.file]
			tail := map[string]string{"charm.js": "\ncharm.on(\"stop\", () => {});", "charm.py": "\n\n@charm.on(\"stop\")\ndef g(ctx):\n    pass\n"}[c.file]
			handle := load(t, r, t.Name(), written(t, c.file, head+c.source+tail))
			done := dispatch(t, r, start(handle, "start", nil), nil)
			if (done.GetOutcome() == fine) != (c.want == "") || !strings.Contains(done.GetMessage(), c.want) {
				t.Errorf("%s %q\n%s\nwant %q", done.GetOutcome(), done.GetMessage(), done.GetDetail(), c.want)
			}
			if done := dispatch(t, r, start(handle, "stop", nil), nil); done.GetOutcome() != fine {
				t.Errorf("the next event: %s %q", done.GetOutcome(), done.GetMessage())
			}
		})
	}
}

func BenchmarkScript(b *testing.B) {
	for _, language := range []string{"js", "micropython"} {
		b.Run(language, func(b *testing.B) {
			r := newRuntime(b)
			s := start(load(b, r, language, "../../sdk/wasm/"+language+"/conformance"), "config-changed", nil)
			for b.Loop() {
				if done, err := r.Dispatch(b.Context(), s, &host{}); err != nil || done.GetOutcome() != fine {
					b.Fatal(done, err)
				}
			}
		})
	}
}
