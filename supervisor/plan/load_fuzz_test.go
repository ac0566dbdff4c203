package plan_test

import (
	"testing"
	"testing/fstest"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

// FuzzLayers: whatever lies in the layers directory and is added over the API,
// there is an error or a plan that can be written and read again.
func FuzzLayers(f *testing.F) {
	f.Add("001-base.yaml", "services: {a: {override: replace, command: x}}", "more", "services: {a: {override: merge, startup: enabled}}", true)
	f.Add("001-base.d", "", "base/more", "checks: {c: {override: merge, tcp: {port: 1}}}", false)
	f.Fuzz(func(t *testing.T, name, base, label, more string, combine bool) {
		layers, err := plan.Load(fstest.MapFS{name: {Data: []byte(base)}})
		if err != nil {
			return
		}
		added, err := plan.Parse(0, label, []byte(more))
		if err != nil {
			return
		}
		if layers, err = plan.Add(layers, added, plan.AddOptions{Combine: combine}); err != nil {
			return
		}
		p, err := plan.Combine(layers...)
		if err != nil {
			return
		}
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := plan.Parse(0, "again", []byte(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if _, err := plan.Combine(again); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	})
}

// FuzzCommand: a command that can be split is quoted back to the same words.
func FuzzCommand(f *testing.F) {
	f.Add(`a "b c" [ d 'e' ]`, "x y", "]")
	f.Fuzz(func(t *testing.T, command, first, second string) {
		if _, _, err := plan.SplitCommand(command); err != nil {
			return
		}
		text, err := plan.WithArgs(command, []string{first, second})
		if err != nil {
			t.Fatal(err)
		}
		if _, args, err := plan.SplitCommand(text); err != nil {
			t.Errorf("%q: %v", text, err)
		} else if len(args) != 2 || args[0] != first || args[1] != second {
			t.Errorf("%q gives %q", text, args)
		}
	})
}
