package arch

import (
	"slices"
	"strings"
)

// Party says who may import a module of others: only the folders in Only and the tests of those in Tests, or
// everybody but those in Never.
type Party struct {
	Path     string
	Only     []string
	Never    []string
	Tests    []string
	Testless bool // the rule binds tests too
	Reason   string
}

// Parties is the table for the libraries that cost size, safety or a seam.
func Parties() []Party {
	return []Party{
		{Path: "C", Only: none, Testless: true, Reason: "everything builds without a C compiler"},
		{Path: "github.com/hashicorp/go-plugin", Only: []string{"sdk/plugin", "core/pluginhost"}, Reason: "go-plugin stays behind one seam on each side"},
		{Path: "github.com/hashicorp/go-hclog", Only: []string{"sdk/plugin", "core/pluginhost"}, Reason: "only go-plugin wants hclog; ours is slog"},
		{Path: "github.com/tetratelabs/wazero", Only: []string{"runtimes/wasm"}, Reason: "a busy guest freezes its whole process, so it must not be the agent's"},
		{Path: "go.etcd.io", Only: []string{"core/controller/store", "=core/controller"}, Reason: "agents never reach the store, and the agent links no etcd"},
		{Path: "github.com/spf13", Only: []string{"core/cli"}, Reason: "flags are parsed in one place"},
		{Path: "google.golang.org/grpc", Never: []string{"supervisor", "supervisor/cmd", "runtimes/hooktool"}, Testless: true, Reason: "PID 1 and the hook tools stay small"},
		{Path: "google.golang.org/protobuf", Never: []string{"supervisor", "runtimes/hooktool"}, Testless: true, Reason: "PID 1 and the hook tools stay small"},
		{Path: "connectrpc.com/connect", Only: []string{"core/controller", "core/cli", "sdk/proto/gen"}, Reason: "connect is the client face; the plugin contracts are gRPC alone"},
		// A test holds supervisor/openapi.yaml against the served routes, and the plan's parser reads nothing but layers.
		{Path: "gopkg.in/yaml.v3", Only: []string{"sdk/yaml", "supervisor/plan", "supervisor/cmd", "supervisor/cli"}, Tests: []string{"supervisor/api", "test/conformance/supervisor"}, Reason: "all YAML goes through one strict package; the supervisor stands alone and has its own, its client prints it"},
		{Path: "go.yaml.in/yaml", Only: none, Reason: "sdk/yaml decides which yaml this is"},
		{Path: "sigs.k8s.io/yaml", Only: none, Reason: "sdk/yaml decides which yaml this is"},
		{Path: "github.com/planetscale/vtprotobuf", Only: []string{"sdk/proto/gen"}, Reason: "only generated code needs its helpers"},
		{Path: "k8s.io", Only: []string{"substrates/kubernetes"}, Reason: "client-go costs 25 MB"},
		{Path: "github.com/coreos/go-systemd", Only: []string{"substrates/machine"}, Reason: "PID 1 never links D-Bus"},
		{Path: "github.com/godbus/dbus", Only: []string{"substrates/machine"}, Reason: "PID 1 never links D-Bus"},
		{Path: "github.com/prometheus", Only: []string{"core/telemetry", "core/controller", "core/agent"}, Reason: "the supervisor writes the text format itself"},
		{Path: "go.opentelemetry.io/otel/sdk", Only: []string{"core/telemetry"}, Reason: "libraries know the API, one place the exporter"},
		{Path: "go.opentelemetry.io/otel/exporters", Only: []string{"core/telemetry"}, Reason: "libraries know the API, one place the exporter"},
		{Path: "github.com/stretchr/testify", Only: none, Testless: true, Reason: "one vocabulary: if got != want"},
	}
}

var none = []string{"="} // the root, which has nothing to import them for

// testLibrary says whether the module may be imported by tests, and by the suites that are made of tests.
func testLibrary(imported string) bool {
	return slices.ContainsFunc(
		[]string{"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid"},
		func(module string) bool { return below(imported, module) })
}

// suite says whether a folder is an ordinary package that holds tests for others.
func suite(dir string) bool {
	return below(dir, "test") || strings.HasSuffix(dir, "test") && below(dir, "sdk")
}

// Closed says everything that a folder links beyond the standard library, where that must stay a short list.
type Closed struct {
	Under  string
	May    []string
	Reason string
}

// ClosedLists is the table of the folders whose third parties are all named.
func ClosedLists() []Closed {
	return []Closed{
		{Under: "supervisor", May: []string{"golang.org/x", "gopkg.in/yaml.v3", "github.com/coder/websocket", "github.com/creack/pty"},
			Reason: "PID 1 is small and links only what test/arch/parties.go names"},
		{Under: "runtimes/hooktool", May: []string{"golang.org/x/sys"},
			Reason: "it is started nine times an event, so it takes the standard library and system calls only"},
		{Under: "sdk", May: []string{"golang.org/x", "google.golang.org", "connectrpc.com/connect", "github.com/hashicorp", "gopkg.in/yaml.v3", "github.com/planetscale/vtprotobuf"},
			Reason: "who imports the SDK gets all that it imports, so test/arch/parties.go names it"},
	}
}

// ThirdParties reports every import of others that the table forbids.
func ThirdParties(files []*File) []Violation {
	table := Parties()
	var found []Violation
	for _, f := range files {
		if f.AST == nil || f.Nested {
			continue
		}
		for _, imp := range f.Imports() {
			if _, ours := inModule(imp.Path); ours || standard(imp.Path) {
				continue
			}
			if reason := refused(table, f, imp.Path); reason != "" {
				found = append(found, f.at(imp.Line, "imports %s: %s", imp.Path, reason))
			}
		}
	}
	return found
}

// refused gives the reason why the file must not import it, "" if it may.
func refused(table []Party, f *File, imported string) string {
	for _, row := range table {
		if !below(imported, row.Path) {
			continue
		}
		tested := f.Test() && within(row.Tests, f.Dir())
		if row.Only != nil && !within(row.Only, f.Dir()) && !tested && (row.Testless || !below(f.Dir(), "test")) {
			return row.Reason
		}
		if row.Never != nil && within(row.Never, f.Dir()) {
			return row.Reason
		}
	}
	if testLibrary(imported) {
		if f.Test() || suite(f.Dir()) {
			return ""
		}
		return "a library for tests only"
	}
	for _, row := range ClosedLists() {
		if below(f.Dir(), row.Under) && !slices.ContainsFunc(row.May, func(m string) bool { return below(imported, m) }) {
			return row.Reason
		}
	}
	return ""
}

// within says whether the folder lies in one of the list's, where "=x" is x alone.
func within(list []string, dir string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		_, ok := matchLen(entry, dir)
		return ok
	})
}

// below says whether a path is another or lies in it.
func below(name, prefix string) bool { return name == prefix || strings.HasPrefix(name, prefix+"/") }
