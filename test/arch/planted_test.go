package arch_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/test/arch"
)

// planted is one violation, or with want "" one clean file, in a tree of its own.
type planted struct {
	name  string
	rule  string
	files map[string]string
	want  string
}

// TestPlanted proves that every rule is able to fail, names the right line, and leaves the allowed alone.
func TestPlanted(t *testing.T) {
	var all []planted
	for _, group := range [][]planted{layerPlants(), partyPlants(), sizePlants(), pythonPlants(), otherPlants()} {
		all = append(all, group...)
	}
	failed := map[string]bool{}
	for _, p := range all {
		t.Run(p.rule+"/"+p.name, func(t *testing.T) {
			found := rules[p.rule](parse(t, p.files))
			switch {
			case p.want == "" && len(found) > 0:
				t.Errorf("clean source reported: %v", found)
			case p.want != "" && len(found) != 1:
				t.Errorf("got %d violations %v, want the one with %q", len(found), found, p.want)
			case p.want != "" && !strings.Contains(found[0].String(), p.want):
				t.Errorf("got %q, want it to contain %q", found[0], p.want)
			}
		})
		failed[p.rule] = failed[p.rule] || p.want != ""
	}
	for rule := range rules {
		if !failed[rule] {
			t.Errorf("no violation is planted for rule %q", rule)
		}
	}
}

// TestEveryLayerCanFail gives each row of the layer table an import that no row but test/ allows.
func TestEveryLayerCanFail(t *testing.T) {
	for _, row := range arch.Layers() {
		if row.Under == "test" {
			continue
		}
		if row.Reason == "" {
			t.Errorf("row %q has no reason", row.Under)
		}
		dir, exact := strings.CutPrefix(strings.ReplaceAll(row.Under, "*", "sample"), "=")
		if !exact {
			dir += "/sample"
		}
		name := strings.TrimPrefix(dir+"/x.go", "/")
		found := arch.Layering(parse(t, map[string]string{name: imports("x", arch.Module+"/test/arch")}))
		if len(found) != 1 || !strings.Contains(found[0].Text, row.Reason) {
			t.Errorf("row %q: planted import gives %v, want one violation with %q", row.Under, found, row.Reason)
		}
	}
}

// TestEveryPartyCanFail gives each row of the third-party table an import from a folder it closes.
func TestEveryPartyCanFail(t *testing.T) {
	for _, row := range arch.Parties() {
		if row.Reason == "" {
			t.Errorf("row %q has no reason", row.Path)
		}
		dir := "sdk/sample"
		if row.Never != nil {
			dir = row.Never[0]
		}
		found := arch.ThirdParties(parse(t, map[string]string{dir + "/x.go": imports("x", row.Path)}))
		if len(found) != 1 || !strings.Contains(found[0].Text, row.Reason) {
			t.Errorf("row %q: planted import gives %v, want one violation with %q", row.Path, found, row.Reason)
		}
	}
}

func layerPlants() []planted {
	one := func(name, file string, imported ...string) planted {
		for i := range imported {
			imported[i] = arch.Module + "/" + imported[i]
		}
		return planted{name: name, rule: "layers", files: map[string]string{file: imports("x", imported...)}}
	}
	bad := func(want string, p planted) planted { p.want = want; return p }
	return []planted{
		bad("sdk/api/x.go:3: imports sdk/hook", one("leaf imports sdk", "sdk/api/x.go", "sdk/hook")),
		bad("core/event, which sdk/hook must not", one("sdk imports core", "sdk/hook/x.go", "core/event")),
		bad("meet only in the contract", one("agent imports controller", "core/agent/x.go", "core/controller/model")),
		bad("meet only in the contract", one("controller imports agent", "core/controller/x.go", "core/agent/queue")),
		bad("imports core/agent/dispatch", one("queue imports a later stage", "core/agent/queue/x.go", "core/agent/dispatch", "core/agent/source")),
		bad("imports sdk/hook", one("resolver imports the hook", "core/agent/resolver/x.go", "sdk/hook", "sdk/errs")),
		bad("imports core/agent,", one("stage imports the wiring", "core/agent/changeset/x.go", "core/agent")),
		bad("serves all stages", one("helper imports a stage", "core/agent/session/x.go", "core/agent/queue")),
		bad("knows nobody who writes", one("store imports model", "core/controller/store/x.go", "core/controller/model")),
		bad("from the graph alone", one("authz imports store", "core/controller/authz/x.go", "core/controller/store")),
		bad("never writes", one("watch imports commit", "core/controller/watch/x.go", "core/controller/commit")),
		bad("never who watches", one("commit imports watch", "core/controller/commit/x.go", "core/controller/watch")),
		bad("may use the stages", one("leadership imports api", "core/controller/leadership/x.go", "core/controller/api")),
		bad("knows neither", one("shared imports a wing", "core/charm/x.go", "core/agent/source")),
		bad("never an implementation", one("cli imports a substrate", "core/cli/x.go", "substrates/local")),
		bad("must not drag the server in", one("client imports the server", "supervisor/client/x.go", "supervisor/service")),
		bad("stands alone", one("supervisor imports sdk", "supervisor/plan/x.go", "sdk/errs")),
		bad("imports substrates/machine", one("substrate imports another", "substrates/local/x.go", "substrates/machine")),
		bad("imports core/event", one("runtime imports core", "runtimes/wasm/x.go", "core/event")),
		bad("nine times an event", one("hooktool imports sdk", "runtimes/hooktool/x.go", "sdk/hook")),
		bad("serves one implementation", one("plugin imports core", "plugins/runtime-wasm/x.go", "core/agent")),
		bad("main.go parses nothing", one("main imports a wing", "main.go", "core/controller")),
		bad("out of the tree", one("charm imports core", "charms/nats/src/x.go", "core/charm")),
		bad("has no row", one("folder nobody knows", "internal/x/x.go")),
		{name: "leaf imports a third party", rule: "layers", want: "standard library only",
			files: map[string]string{"sdk/errs/x.go": imports("x", "google.golang.org/grpc")}},

		one("agent wires its stages", "core/agent/step.go", "core/agent/source", "core/agent/changeset", "sdk/hook", "core/event"),
		one("stage imports earlier ones", "core/agent/dispatch/x.go", "core/agent/queue", "core/agent/session", "sdk/hook"),
		one("api imports the whole wing", "core/controller/api/x.go", "core/controller/watch", "core/controller/commit", "core/charm"),
		one("external test imports its subject", "supervisor/client/x_test.go", "supervisor/client"),
		one("runner is a part of a supervisor", "substrates/machine/runner/x.go", "supervisor/service"),
		one("multi-call main", "plugins/bangle-agent/main.go", "core/agent", "substrates/local", "runtimes/wasm", "runtimes/python"),
		one("hooktool imports its wire", "runtimes/hooktool/x.go", "sdk/hook/toolsocket"),
		one("main imports cli", "main.go", "core/cli"),
		one("tests see everything", "test/e2e/x.go", "core/controller", "core/agent", "supervisor/service"),
	}
}

func partyPlants() []planted {
	one := func(name, file, imported, want string) planted {
		return planted{name: name, rule: "parties", files: map[string]string{file: imports("x", imported)}, want: want}
	}
	return []planted{
		one("go-plugin in the agent", "core/agent/x.go", "github.com/hashicorp/go-plugin", "behind one seam"),
		one("go-plugin in pluginhost", "core/pluginhost/x.go", "github.com/hashicorp/go-plugin", ""),
		one("wazero in the agent", "core/agent/x.go", "github.com/tetratelabs/wazero/api", "freezes"),
		one("wazero in its runtime", "runtimes/wasm/engine/x.go", "github.com/tetratelabs/wazero", ""),
		one("etcd in commit", "core/controller/commit/x.go", "go.etcd.io/etcd/client/v3", "never reach the store"),
		one("etcd in the store", "core/controller/store/x.go", "go.etcd.io/etcd/client/v3", ""),
		one("embedded etcd in the wiring", "core/controller/x.go", "go.etcd.io/etcd/server/v3/embed", ""),
		one("grpc in the supervisor", "supervisor/api/x.go", "google.golang.org/grpc/codes", "stay small"),
		one("yaml in core", "core/charm/x.go", "gopkg.in/yaml.v3", "one strict package"),
		one("yaml in the API", "supervisor/api/x.go", "gopkg.in/yaml.v3", "one strict package"),
		one("yaml in the test of the API's description", "supervisor/api/x_test.go", "gopkg.in/yaml.v3", ""),
		one("yaml in the plan", "supervisor/plan/x.go", "gopkg.in/yaml.v3", ""),
		one("test library in product code", "core/event/x.go", "pgregory.net/rapid", "for tests only"),
		one("test library in a test", "core/event/x_test.go", "pgregory.net/rapid", ""),
		one("test library in a suite", "sdk/substratetest/x.go", "github.com/google/go-cmp/cmp", ""),
		one("unlisted library in PID 1", "supervisor/service/x.go", "golang.org.example/x", "PID 1 is small"),
		one("protobuf's helpers outside of generated code", "sdk/plugin/x.go", "github.com/planetscale/vtprotobuf/protohelpers", "only generated code"),
		one("unlisted library in the SDK", "sdk/hook/x.go", "github.com/x/y", "who imports the SDK"),
		one("cgo in a test", "test/e2e/x_test.go", "C", "without a C compiler"),
		one("std", "supervisor/service/x.go", "net/http", ""),
	}
}

func sizePlants() []planted {
	one := func(name, file, source, want string) planted {
		return planted{name: name, rule: "sizes", files: map[string]string{file: source}, want: want}
	}
	long := "package x\n\nfunc f() {" + strings.Repeat("\n", 50) + "}\n"
	return []planted{
		one("function of 51 lines", "core/x.go", long, "core/x.go:3: function f has 51 lines"),
		one("function of 50 lines", "core/x.go", strings.Replace(long, "\n\n\n", "\n\n", 1), ""),
		one("long function in a test", "core/x_test.go", long, ""),
		one("long generated function", "core/x.go", "// Code generated by x. DO NOT EDIT.\n"+long, ""),
		one("literal of 51 lines", "core/x.go", "package x\n\nvar f = func() {"+strings.Repeat("\n", 50)+"}\n", "function literal has 51"),
		one("file of 401 lines", "core/x.go", "package x\n"+strings.Repeat("\n", 400), "401 lines"),
		one("file of 400 lines", "core/x.go", "package x\n"+strings.Repeat("\n", 399), ""),
		one("interface of six", "core/x.go", "package x\n\ntype i interface{ a(); b(); c(); d(); e(); f() }\n", "6 methods"),
		one("interface of five", "core/x.go", "package x\n\ntype i interface{ a(); b(); c(); d(); e() }\n", ""),
		one("interface of four and an embedded two", "core/x.go",
			"package x\n\ntype i interface{ a(); b(); c(); d(); j }\n\ntype j interface{ e(); f() }\n", "6 methods"),
		one("constraint", "core/x.go", "package x\n\ntype i interface{ ~int | ~string }\n", ""),
	}
}

func pythonPlants() []planted {
	one := func(rule, name, source, want string) planted {
		return planted{name: name, rule: rule, files: map[string]string{"sdk/python/x.py": source}, want: want}
	}
	body := strings.Repeat("    x = 1\n", 49)
	long := "import x\n\n\n@wrap\ndef f():\n" + body + "    y = 1\n"
	exempt := slices.Sorted(maps.Keys(arch.Long()))[0]
	return []planted{
		one("python", "function of 51 lines", long, "sdk/python/x.py:5: function f has 51 lines"),
		one("python", "function of 50 lines", "def f():\n"+body+"\n\n# a comment\n\nclass C:\n    y = 1\n", ""),
		one("python", "method", "class C:\n    async def f(self):\n"+strings.Repeat("        x = 1\n", 50)+"    y = 1\n", "function f has 51"),
		one("python", "text of several lines", "def f():\n    return \"\"\"\ndef g(\n"+strings.Repeat("\n'x\n", 24)+"\"\"\"\n", "function f has 52"),
		one("python", "brackets of several lines", "def f():\n    return [\n"+strings.Repeat("1,\n", 48)+"]\n", "function f has 51"),
		one("python", "brackets in texts", "def f():\n    return '[(', \"{\", \"\"\"(\"\"\", '\\'('  # [\n\n\n"+strings.Repeat("x = 1\n", 60), ""),
		one("python", "a line that goes on", "def f():\n    return 1 + \\\n1\n\n\n"+strings.Repeat("x = 1\n", 60), ""),
		one("python", "file of 401 lines", strings.Repeat("x = 1\n", 401), "file has 401 lines"),
		one("python", "file of 400 lines", strings.Repeat("x = 1\n", 400), ""),
		{name: "exception that is none", rule: "python", files: map[string]string{exempt: "x = 1\n"}, want: "needs no exception"},
		{name: "exception", rule: "python", files: map[string]string{exempt: strings.Repeat("x = 1\n", 401)}},
		one("exceptions", "of a file that is gone", "x = 1\n", exempt+":1: has an exception"),
	}
}

func otherPlants() []planted {
	one := func(rule, name, file, source, want string) planted {
		return planted{name: name, rule: rule, files: map[string]string{file: source}, want: want}
	}
	mark := "TO" + "DO"
	sleep := "package x\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"
	stage := "package dispatch\n\nfunc f() { crash.At(%s) }\n"
	return []planted{
		one("mains", "main of 31 lines", "main.go", "package main\n"+strings.Repeat("\n", 30), "31 lines"),
		one("mains", "main of 30 lines", "main.go", "package main\n"+strings.Repeat("\n", 29), ""),
		one("mains", "plugin of 21 lines", "plugins/p/main.go", "package main\n"+strings.Repeat("\n", 20), "21 lines"),
		one("mains", "plugin of 20 lines and a comment", "plugins/p/main.go", "// Doc.\npackage main\n"+strings.Repeat("\n", 19), ""),
		one("mains", "library among the plugins", "plugins/p/x.go", "package p\n", "mains only"),
		one("mains", "two implementations", "plugins/p/main.go",
			imports("main", arch.Module+"/runtimes/wasm", arch.Module+"/runtimes/python"), "has one implementation"),

		one("step", "no step", "core/agent/agent.go", "package agent\n", "has no function step"),
		one("step", "long step", "core/agent/step.go", "package agent\n\nfunc step() {"+strings.Repeat("\n", 40)+"}\n", "step has 41 lines"),
		one("step", "step as a method", "core/agent/step.go", "package agent\n\nfunc (a *Agent) step() {"+strings.Repeat("\n", 39)+"}\n", ""),
		one("step", "stages without wiring yet", "core/agent/queue/x.go", "package queue\n", ""),

		one("documented", "function", "sdk/hook/x.go", "package hook\n\nfunc F() {}\n", "sdk/hook/x.go:3: exported F"),
		one("documented", "method", "sdk/hook/x.go", "package hook\n\n// T is.\ntype T[P any] struct{}\n\nfunc (t *T[P]) M() {}\n", "exported M"),
		one("documented", "type", "sdk/hook/x.go", "package hook\n\ntype T struct{}\n", "exported T"),
		one("documented", "constant", "sdk/hook/x.go", "package hook\n\nconst (\n\tA = 1\n)\n", "exported A"),
		one("documented", "private receiver", "sdk/hook/x.go", "package hook\n\ntype t struct{}\n\nfunc (t) M() {}\n", ""),
		one("documented", "group comment", "sdk/hook/x.go", "package hook\n\n// Kinds.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""),
		one("documented", "outside sdk", "core/x.go", "package core\n\nfunc F() {}\n", ""),

		one("bans", "init", "core/x.go", "package core\n\nfunc init() {}\n", "core/x.go:3: func init"),
		one("bans", "init as a method", "core/x.go", "package core\n\nfunc (t T) init() {}\n", ""),
		one("bans", "mark in Go", "core/x.go", "package core\n\n// "+mark+": later\n", "core/x.go:3: "+mark),
		one("bans", "mark in Python", "sdk/python/x.py", "# "+"FIX"+"ME\n", "sdk/python/x.py:1"),
		one("bans", "sleeping test", "core/x_test.go", sleep, "core/x_test.go:5: time.Sleep"),
		one("bans", "sleeping product", "core/x.go", sleep, ""),
		one("bans", "sleep on a false clock", "core/x_test.go",
			"package x\n\nfunc f(t *testing.T) {\n\tsynctest.Test(t, func(t *testing.T) { time.Sleep(1) })\n}\n", ""),

		one("crashpoints", "stage without a point", "core/agent/dispatch/x.go", "package dispatch\n", "cannot be crash-tested"),
		one("crashpoints", "point of another stage only", "core/agent/dispatch/x.go", fmt.Sprintf(stage, `"queue.put"`), "cannot be crash-tested"),
		one("crashpoints", "point that is no name", "core/charm/x.go", fmt.Sprintf(stage, `"Sent"`), "literal"),
		one("crashpoints", "point that is no literal", "core/charm/x.go", fmt.Sprintf(stage, `name`), "literal"),
		one("crashpoints", "point twice", "core/agent/dispatch/x.go", fmt.Sprintf(stage, `"dispatch.sent"`)+"\nfunc g() { crash.At(\"dispatch.sent\") }\n", "stands at"),
		one("crashpoints", "stage with a point", "core/agent/dispatch/x.go", fmt.Sprintf(stage, `"dispatch.sent"`), ""),
	}
}

// imports is the source of a file of one package that imports the given paths, one a line from line 3 on.
func imports(pkg string, paths ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "package %s\n\n", pkg)
	for _, path := range paths {
		fmt.Fprintf(&text, "import _ %q\n", path)
	}
	return text.String()
}

func parse(t *testing.T, files map[string]string) []*arch.File {
	t.Helper()
	var parsed []*arch.File
	for name, source := range files {
		f, err := arch.Parse(name, []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	return parsed
}
