package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// each calls f with every verb that is built, and theirs, of models, applications, operations and looking.
func each(a *app, f func(path string, c *cobra.Command)) {
	var down func(prefix string, c *cobra.Command)
	down = func(prefix string, c *cobra.Command) {
		if c.Hidden {
			return
		}
		f(prefix+c.Name(), c)
		for _, sub := range c.Commands() {
			down(prefix+c.Name()+" ", sub)
		}
	}
	for _, c := range slices.Concat(a.modelCommands(), a.applicationCommands(), a.storageCommands(), a.operationCommands(), a.lookCommands()) {
		down("", c)
	}
}

func TestHelp(t *testing.T) {
	s := newShell(t, &fake{})
	each(s.app, func(path string, c *cobra.Command) {
		if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "  bangle ") || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s lacks a summary, details or an example, or its summary ends with a period", path)
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			if !strings.Contains(line, "bangle "+path) {
				t.Errorf("%s has an example of something else: %s", path, line)
			}
		}
		golden(t, "help/"+strings.ReplaceAll(path, " ", "-")+".txt", s.run(append(strings.Fields(path), "--help")...))
	})
}

// wrongUses has at least one line for every verb.
var wrongUses = []string{
	"add-model", "add-model a b c", "add-model a --config b", "add-model a --nope",
	"destroy-model", "destroy-model a --no-wait --no-prompt", "destroy-model a --timeout soon",
	"models x", "models --format xml", "switch a b", "model-config a b", "model-config a=b c",
	"deploy", "deploy a b c", "deploy ./testdata/web --channel edge", "deploy ./testdata/web --to 0", "refresh web --channel edge", "integrate a b --via 10.0.0.0/8", "expose web --endpoints x", "add-unit web --to 1", "deploy ./testdata/web --overlay x.yaml", "deploy ./testdata/bundle.yaml name", "deploy ./testdata/bundle.yaml -n 2",
	"deploy ./testdata/bundle.yaml --config a=b", "deploy ./testdata/web --constraints mem", "deploy ./testdata/web --resource img", "deploy ./testdata/web --storage data",
	"deploy ./testdata/web --storage data=a,b", "deploy ./testdata/web --storage data=0", "deploy ./testdata/web --hook-timeout 5", "deploy ./testdata/web --config a.yaml --config b.yaml", "deploy ./testdata/web -n x",
	"refresh", "refresh a b", "refresh a --resource x", "config", "config web a b", "config web a=b c", "config web --format tabular",
	"integrate web", "integrate a b c", "suspend-relation", "suspend-relation web db", "resume-relation", "resume-relation 4 x", "remove-relation", "remove-relation web", "remove-relation 4 5", "remove-relation a b c",
	"add-unit", "add-unit web -n 0", "remove-unit", "remove-unit web", "remove-unit web/0 --num-units 2", "remove-unit web db --num-units 2", "remove-unit web/0 --no-wait",
	"scale-application web", "scale-application web many", "scale-application web -1", "remove-application", "remove-application web --no-wait",
	"expose", "unexpose", "trust", "bind web", "spaces x", "add-unit web --attach-storage data", "trust web --scope=world", "export-bundle x",
	"run", "run web/0", "run web backup", "run web/0 web/1", "run web/0 a=b c", "run web/0 backup x", "run web/0 backup a=1 a.b=2", "run web/0 backup --format tabular",
	"exec", "exec ls", "exec --unit web ls", "exec --all --unit web/0 ls", "exec --machine 0 ls", "exec --unit web/0 --wait 1s --background -- ls", "run web/0 backup --wait 5", "run web/0 backup --timeout 5s --background",
	"actions", "show-operation", "show-task", "show-task 1 2", "operations x", "cancel-task", "resolved", "resolved web", "resolved web/0 --all",
	"status --format xml", "status --color --no-color", "status --watch", "debug-log x", "debug-log --level LOUD", "debug-log --tail --no-tail", "debug-log --replay --lines 20", "debug-log --no-tail -n 20", "debug-log --tail --limit 20", "debug-log --limit 5 --lines 5", "debug-log --no-tail --retry", "debug-log --retry --retry-delay -1s", "debug-log --firehose", "debug-log --include-labels a=b", "debug-log --color --no-color",
	"replay", "replay web/0", "replay web/0 last --list", "replay web/0 last --format xml", "refresh web --shadow=0",
	"show-unit", "show-unit web", "show-unit web/0 --format tabular", "show-application --format xml",
	"wait-for", "wait-for machine 0", "wait-for model", "wait-for application", "wait-for unit", "wait-for unit web", "wait-for unit web/0 --query ((", "wait-for application web --query nope(units)",
	"storage x", "storage --filesystem", "show-storage", "show-storage data", "show-storage data/0 --format tabular", "add-storage web/0", "add-storage web data", "add-storage web/0 data=0", "add-storage web/0 data=a,b",
	"storage-pools x", "storage-pools --format xml", "create-storage-pool", "create-storage-pool fast", "create-storage-pool fast ssd gold", "update-storage-pool fast", "update-storage-pool fast =1", "remove-storage-pool", "remove-storage-pool a b",
	"refresh web --storage data", "refresh web --storage data=0", "attach-storage web/0", "attach-storage web data/0", "attach-storage web/0 data", "detach-storage", "detach-storage data/x", "detach-storage data/0 --no-wait", "remove-storage", "remove-storage data",
	"resources", "resources a b", "resources a --format xml", "attach-resource web", "attach-resource web blob", "attach-resource web =x", "attach-resource a b c",
	"plan", "plan x", "plan add-secret", "plan add-unit web --wait", "plan attach-resource web", "plan config", "plan config web a=b --timeout -1s", "plan config web a=b --format tabular",
	"plan deploy", "plan expose", "plan grant-secret", "plan integrate web", "plan model-config a=b --events x", "plan refresh", "plan remove-application", "plan remove-relation", "plan remove-secret", "plan remove-unit",
	"plan resolved", "plan resume-relation", "plan revoke-secret", "plan scale-application web", "plan suspend-relation", "plan trust", "plan unexpose", "plan update-secret", "apply", "apply a b",
	"machines x", "machine-lock x", "version x", "completion", "completion tcsh", "nonsense", "migrate x",
}

// Wrong use is told on the error stream with exit code 2, and nothing is asked of the controller.
func TestWrongUse(t *testing.T) {
	s := newShell(t, &fake{})
	var b strings.Builder
	for _, line := range wrongUses {
		got := s.run(words(line)...)
		if !strings.Contains(got, "exit 2") || !strings.Contains(got, "err| ERROR ") || strings.Contains(got, "out|") || strings.Contains(got, "asked|") {
			t.Errorf("not told as wrong use:\n%s", got)
		}
		b.WriteString(got)
	}
	golden(t, "wrong-use.txt", b.String())
	each(s.app, func(path string, _ *cobra.Command) {
		if !slices.ContainsFunc(wrongUses, func(l string) bool { return l == path || strings.HasPrefix(l, path+" ") }) {
			t.Errorf("%s has no line among the wrong uses", path)
		}
	})
}
