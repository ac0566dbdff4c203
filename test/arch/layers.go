package arch

import (
	"path"
	"slices"
	"strings"
)

// Layer says what the packages of one folder may import of ours.
//
// Under is a folder and all below it; a "*" stands for one element, "=" in front means the folder alone. May and Never
// hold folders in the same form, "self" for the folder the pattern matched, "" for the root. The longest entry that
// matches an import decides; an import that matches none is forbidden.
type Layer struct {
	Under  string
	May    []string
	Never  []string
	Std    bool // no third party either
	Reason string
}

// Layers is the table of import rules. The first row whose Under matches a folder is the one that counts, so the
// special stands above the general. A folder that no row matches is itself a violation.
func Layers() []Layer {
	return slices.Concat(published(), agentWing(), controllerWing(), around())
}

// published is the root and what plugin and charm authors import.
func published() []Layer {
	return []Layer{
		{Under: "=", May: []string{"=core/cli"}, Reason: "main.go parses nothing and decides nothing"},

		{Under: "sdk/api", Std: true, Reason: "the leaf of nouns is what everybody imports"},
		{Under: "sdk/errs", Std: true, Reason: "the leaf of error classes is what everybody imports"},
		{Under: "sdk/hook/toolsocket", Std: true, Reason: "the wire of the hook tools is linked into the tiny client"},
		{Under: "sdk", May: []string{"sdk"}, Reason: "published words know nothing of what is built from them"},
	}
}

// agentWing is the flow in the agent; hook, between resolver and dispatch, is sdk/hook.
func agentWing() []Layer {
	return []Layer{
		{Under: "core/agent/source", May: agentStage("source"), Never: agentAfter("source"), Reason: flowReason},
		{Under: "core/agent/queue", May: agentStage("queue"), Never: agentAfter("queue"), Reason: flowReason},
		{Under: "core/agent/resolver", May: agentStage("resolver"), Never: agentAfter("resolver"), Reason: flowReason},
		{Under: "core/agent/dispatch", May: agentStage("dispatch"), Never: agentAfter("dispatch"), Reason: flowReason},
		{Under: "core/agent/changeset", May: agentStage("changeset"), Never: agentAfter("changeset"), Reason: flowReason},
		{Under: "=core/agent", May: []string{"sdk", "core"}, Never: []string{"core/controller", "core/cli"}, Reason: wingReason},
		{Under: "core/agent", May: []string{"sdk", "core"}, Never: agentAfter(""),
			Reason: "what is no stage serves all stages, so it may know none; only core/agent itself imports them all"},
	}
}

// controllerWing is api → authz → commit → store → watch.
func controllerWing() []Layer {
	return []Layer{
		{Under: "core/controller/model", May: shared("self"), Never: wings, Reason: "entities and rules are pure"},
		{Under: "core/controller/store", May: shared("self"), Never: wings, Reason: "the store keeps bytes; it knows nobody who writes them"},
		{Under: "core/controller/authz", May: shared("self", "core/controller/model"), Never: wings, Reason: "a right is decided from the graph alone"},
		{Under: "core/controller/watch", May: shared("self", "core/controller/model", "core/controller/store"), Never: wings,
			Reason: "watch reads revisions and never writes"},
		{Under: "core/controller/commit", May: shared("self", "core/controller/model", "core/controller/store", "core/controller/authz"), Never: wings,
			Reason: "commit knows its input, never who watches"},
		{Under: "core/controller/api", May: shared("core/controller"), Never: []string{"core/agent", "core/cli", "=core/controller"},
			Reason: "api is the door: it may call every stage, core/controller wires it"},
		{Under: "=core/controller", May: []string{"sdk", "core"}, Never: []string{"core/agent", "core/cli"}, Reason: wingReason},
		{Under: "core/controller", May: shared("self", "core/controller"),
			Never:  []string{"core/agent", "core/cli", "=core/controller", "core/controller/api"},
			Reason: "what is no stage may use the stages; only core/controller and api may use it in return"},
	}
}

// around is everything outside the two wings.
func around() []Layer {
	return []Layer{
		{Under: "core/cli", May: []string{"sdk", "core"}, Reason: "commands import sdk and core, never an implementation"},
		{Under: "core", May: []string{"sdk", "core"}, Never: []string{"core/agent", "core/controller", "core/cli"},
			Reason: "what both wings share knows neither"},

		{Under: "supervisor/client", May: supervisorData("self"), Reason: "the client is published; it must not drag the server in"},
		{Under: "supervisor", May: []string{"supervisor"}, Reason: "PID 1 stands alone"},

		{Under: "substrates/machine/runner", May: []string{"substrates/machine", "sdk", "supervisor"},
			Reason: "the systemd runner is a part of a second supervisor main"},
		{Under: "substrates/*", May: []string{"self", "sdk", "supervisor/client"}, Reason: "a substrate knows the contract and the supervisor's socket"},
		{Under: "runtimes/hooktool", May: []string{"self", "sdk/hook/toolsocket"}, Reason: "it is started nine times an event, so it is tiny"},
		{Under: "runtimes/*", May: []string{"self", "sdk", "supervisor/client"}, Reason: "a runtime knows the contract and the supervisor's socket"},

		{Under: "plugins/bangle-agent", May: []string{"sdk", "core/agent", "substrates", "runtimes"},
			Reason: "the multi-call main is agent, unit sides and built-in runtimes in one file"},
		{Under: "plugins/*", May: []string{"sdk", "substrates", "runtimes"}, Reason: "a plugin's main serves one implementation"},
		{Under: "=charms", Std: true, Reason: "it runs the tests of the charms in other languages"},
		{Under: "charms/*", May: []string{"self", "sdk"}, Reason: "a stranger can copy a charm out of the tree"},
		{Under: "test", May: []string{""}, Reason: "tests may see everything"},
	}
}

const (
	flowReason = "a stage may import only stages before it: source < queue < resolver < sdk/hook < dispatch < changeset"
	wingReason = "agent and controller are two processes that meet only in the contract"
)

// agentStages in the order of the flow. hook lies in sdk/, because runtimes use it too, and is a stage all the same.
var agentStages = [...]string{
	"core/agent/source", "core/agent/queue", "core/agent/resolver", "sdk/hook", "core/agent/dispatch", "core/agent/changeset",
}

// wings are closed to whoever does not name a part of them.
var wings = []string{"core/agent", "core/controller", "core/cli"}

// agentStage lists what the stage may import: itself, the stages before it, and what is no stage.
func agentStage(stage string) []string {
	may := []string{"sdk", "core"}
	for _, s := range agentStages {
		may = append(may, s)
		if s == "core/agent/"+stage {
			break
		}
	}
	return may
}

// agentAfter lists what a stage must not import: those after it, the wiring, the other wing. What is no stage, "",
// must not import any of the agent's.
func agentAfter(stage string) []string {
	never := []string{"=core/agent", "core/controller", "core/cli"}
	after := stage == ""
	for _, s := range agentStages {
		if after && (stage != "" || s != "sdk/hook") {
			never = append(never, s)
		}
		after = after || s == "core/agent/"+stage
	}
	return never
}

// shared is what both wings may import, and more.
func shared(more ...string) []string { return append([]string{"sdk", "core"}, more...) }

// supervisorData lists the supervisor's packages that hold data and no behaviour.
func supervisorData(more ...string) []string {
	return append([]string{"supervisor/plan", "supervisor/wire"}, more...)
}

// Layering reports every import of ours that the table forbids.
func Layering(files []*File) []Violation {
	table := Layers()
	var found []Violation
	for _, f := range files {
		if f.AST == nil || f.Nested {
			continue
		}
		row, self, ok := layerOf(table, f.Dir())
		if !ok {
			found = append(found, f.at(1, "folder %q has no row in test/arch/layers.go: say there what it may import", f.Dir()))
			continue
		}
		for _, imp := range f.Imports() {
			if text := forbidden(row, self, f, imp.Path); text != "" {
				found = append(found, f.at(imp.Line, "%s", text))
			}
		}
	}
	return found
}

// forbidden says why the import is not allowed, "" if it is.
func forbidden(row Layer, self string, f *File, imported string) string {
	dir, ours := inModule(imported)
	if !ours {
		if tested := f.Test() && testLibrary(imported); row.Std && !standard(imported) && !tested {
			return "imports " + imported + ", but " + self + " takes the standard library only: " + row.Reason
		}
		return ""
	}
	own := f.Test() && dir == f.Dir() // an external test package and its subject
	if own || allowed(row, self, dir) {
		return ""
	}
	return "imports " + dir + ", which " + f.Dir() + " must not: " + row.Reason
}

// allowed finds the longest entry that matches.
func allowed(row Layer, self, dir string) bool {
	best, verdict := -1, false
	weigh := func(list []string, may bool) {
		for _, entry := range list {
			if entry == "self" {
				entry = self
			}
			if n, ok := matchLen(entry, dir); ok && n > best {
				best, verdict = n, may
			}
		}
	}
	weigh(row.May, true)
	weigh(row.Never, false)
	return verdict
}

// matchLen says how specific the entry is; "=x" is more specific than "x".
func matchLen(entry, dir string) (int, bool) {
	if exact, ok := strings.CutPrefix(entry, "="); ok {
		return 2*len(exact) + 1, exact == dir
	}
	return 2 * len(entry), entry == "" || dir == entry || strings.HasPrefix(dir, entry+"/")
}

// layerOf finds the row of a folder and the folder that the row's pattern matched.
func layerOf(table []Layer, dir string) (Layer, string, bool) {
	for _, row := range table {
		if exact, ok := strings.CutPrefix(row.Under, "="); ok {
			if exact == dir {
				return row, dir, true
			}
			continue
		}
		n := strings.Count(row.Under, "/") + 1
		parts := strings.Split(dir, "/")
		if len(parts) < n {
			continue
		}
		head := strings.Join(parts[:n], "/")
		if ok, err := path.Match(row.Under, head); err == nil && ok {
			return row, head, true
		}
	}
	return Layer{}, "", false
}

// inModule cuts the module's path off.
func inModule(imported string) (string, bool) {
	if imported == Module {
		return "", true
	}
	return strings.CutPrefix(imported, Module+"/")
}

// standard says whether the path belongs to the standard library.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && imported != "C"
}
