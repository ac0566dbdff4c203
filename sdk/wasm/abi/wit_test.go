package abi_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// withoutComments is a WIT file without what is said beside it.
func withoutComments(text string) string {
	return regexp.MustCompile(`//.*`).ReplaceAllString(text, "")
}

// witFunctions reads charm.wit: the request's members by function, under the names of the ABI.
func witFunctions(t *testing.T, text string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, part := range regexp.MustCompile(`(?s)interface %?([a-z-]+) \{(.*?)\n\}`).FindAllStringSubmatch(text, -1) {
		module := part[1]
		if module == "resource-file" { // resource is a keyword of WIT
			module = "resource"
		}
		for _, f := range regexp.MustCompile(`([a-z-]+): func\((.*?)\) ->`).FindAllStringSubmatch(part[2], -1) {
			members := []string{}
			for _, p := range regexp.MustCompile(`([a-z0-9-]+):`).FindAllStringSubmatch(f[2], -1) {
				members = append(members, strings.ReplaceAll(p[1], "-", "_"))
			}
			slices.Sort(members)
			found["charm/"+module+"@1."+strings.ReplaceAll(f[1], "-", "_")] = members
		}
	}
	return found
}

// tableFunctions reads the table of abi.md in the same way.
func tableFunctions(text string) map[string][]string {
	found, module := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		cell := strings.Split(line, "|")
		if len(cell) < 6 {
			continue
		}
		words := regexp.MustCompile("`([^`]+)`")
		if m := words.FindStringSubmatch(cell[1]); m != nil {
			module = m[1]
		}
		name := words.FindStringSubmatch(cell[2])
		if name == nil || !strings.HasPrefix(module, "charm/") || module == abi.Answer {
			continue
		}
		members := []string{}
		for _, m := range words.FindAllStringSubmatch(cell[3], -1) {
			members = append(members, m[1])
		}
		slices.Sort(members)
		found[module+"."+name[1]] = members
	}
	return found
}

// TestWIT: charm.wit, the table of abi.md and the host name the same functions, and the same members of their requests.
func TestWIT(t *testing.T) {
	file, err := os.ReadFile("../charm.wit")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := os.ReadFile("../abi.md")
	if err != nil {
		t.Fatal(err)
	}
	text := withoutComments(string(file))
	wit, table := witFunctions(t, text), tableFunctions(string(spec))
	for _, f := range abi.Functions() {
		name := f.String()
		if f.Module == abi.Answer {
			continue
		}
		members, ok := wit[name]
		if in, there := table[name]; !ok || !there || !slices.Equal(members, in) {
			t.Errorf("%s: charm.wit has %v (%v), abi.md %v (%v)", name, members, ok, in, there)
		}
		delete(wit, name)
		delete(table, name)
		accepts(t, f, members)
	}
	if len(wit) > 0 || len(table) > 0 {
		t.Errorf("the host does not have %v of charm.wit, %v of abi.md", wit, table)
	}
	world := text[strings.Index(text, "world charm"):]
	for _, name := range []string{abi.Dispatch, abi.Warm, strings.TrimPrefix(abi.Initial, "_")} {
		if !strings.Contains(world, "export "+strings.ReplaceAll(name, "_", "-")+": func(") {
			t.Errorf("charm.wit does not export %s", name)
		}
	}
	for _, module := range abi.Modules() {
		name := strings.TrimSuffix(strings.TrimPrefix(module, "charm/"), "@1")
		if !strings.Contains(world, "import "+name+";") && !strings.Contains(world, "import %"+name+";") && !strings.Contains(world, "import "+name+"-file;") {
			t.Errorf("the world of charm.wit does not import %s", module)
		}
	}
}

// accepts: the host knows every member of a request, and no other. What is passed on to the agent is the agent's to read.
func accepts(t *testing.T, f abi.Function, members []string) {
	t.Helper()
	h := hook.New(&hookv1.Event{Id: "1-x", Kind: "config-changed", Name: "config-changed"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}}, scripted{})
	calls := abi.NewCalls(h, scripted{}, nil)
	request := map[string]any{}
	for _, m := range members {
		request[m] = nil
	}
	unknown := func() bool {
		text, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(calls.Call(t.Context(), f, text)), "unknown field")
	}
	if unknown() {
		t.Errorf("%s does not take all of %v", f, members)
	}
	request["no_such_member"] = true
	if !unknown() && !slices.Contains([]string{"charm/resource@1", "charm/network@1", "charm/credential@1"}, f.Module) {
		t.Errorf("%s takes members that nobody knows", f)
	}
}
