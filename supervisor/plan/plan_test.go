package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

func parse(t *testing.T, label, text string) *plan.Layer {
	t.Helper()
	l, err := plan.Parse(0, label, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCombine(t *testing.T) {
	base := parse(t, "base", `
summary: base
services:
  web:
    override: replace
    command: web --port 80
    environment: {A: "1", B: "2"}
    after: [db]
    startup: enabled
  gone: {override: replace, command: old --flag, summary: stays not}
checks:
  up: {override: replace, http: {url: "http://localhost/", headers: {X: a}}, threshold: 5}
`)
	over := parse(t, "over", `
services:
  web: {override: merge, environment: {B: "3"}, after: [cache], kill-delay: 1m}
  gone: {override: replace, command: new}
  db: {override: merge, command: db}
checks:
  up: {override: merge, http: {headers: {Y: b}}}
`)
	p, err := plan.Combine(base, over)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	want := `services:
    db:
        override: merge
        command: db
    gone:
        override: replace
        command: new
    web:
        startup: enabled
        override: replace
        command: web --port 80
        after:
            - db
            - cache
        environment:
            A: "1"
            B: "3"
        kill-delay: 1m0s
checks:
    up:
        override: replace
        threshold: 5
        http:
            url: http://localhost/
            headers:
                X: a
                "Y": b
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if base.Services["web"].Environment["B"] != "2" {
		t.Error("combining changed a layer")
	}
}

func TestRefusals(t *testing.T) {
	svc := func(keys string) string { return "services:\n  a: {override: replace, command: x" + keys + "}\n" }
	for _, tc := range []struct{ name, text, want string }{
		{"unknown section", "sevices: {}", `unknown key "sevices" in layer`},
		{"unknown key", svc(", comand: y"), `unknown key "comand" in service`},
		{"null service", "services: {a: }", `service "a" must not be null`},
		{"no override", "services: {a: {command: x}}", `layer "l" must define "override" for service "a"`},
		{"bad override", "services: {a: {override: repalce, command: x}}", `invalid "override" value`},
		{"reserved name", "services: {pebble: {override: replace, command: x}}", "reserved"},
		{"dash name", "services: {-a: {override: replace, command: x}}", "must not begin"},
		{"no command", "services: {a: {override: replace}}", `must define "command"`},
		{"open quote", svc(`, summary: s, on-success: restart`) + "  b: {override: replace, command: \"x 'y\"}", "unclosed"},
		{"bad action", svc(", on-success: explode"), "on-success action"},
		{"success-shutdown on success", svc(", on-success: success-shutdown"), "on-success action"},
		{"bad check action", svc(", on-check-failure: {c: failure-shutdown}"), "on-check-failure"},
		{"factor", svc(", backoff-factor: 0.5"), "backoff-factor must be 1.0 or more"},
		{"duration map", svc(", kill-delay: {a: b}"), "duration"},
		{"duration text", svc(", kill-delay: soon"), `invalid duration "soon"`},
		{"requires", svc(", requires: [b]"), `service "b" does not exist`},
		{"workload", svc(", workload: w"), `workload "w" does not exist`},
		{"workload and user", svc(", workload: w, user: u") + "workloads: {w: {override: replace}}", "must not set user"},
		{"loop", svc(", after: [b]") + "  b: {override: replace, command: x, after: [a]}", "before/after loop: a, b"},
		{"check kinds", "checks: {c: {override: replace}}", "must specify one of"},
		{"check level", "checks: {c: {override: replace, level: high, tcp: {port: 1}}}", "level"},
		{"check startup", "checks: {c: {override: replace, startup: maybe, tcp: {port: 1}}}", "startup"},
		{"check period", "checks: {c: {override: replace, period: 0s, tcp: {port: 1}}}", "period"},
		{"check url", "checks: {c: {override: replace, http: {headers: {a: b}}}}", "url"},
		{"check context", "checks: {c: {override: replace, exec: {command: x, service-context: no}}}", "context service"},
		{"target type", "log-targets: {t: {override: replace, location: x}}", "type"},
		{"target service", "log-targets: {t: {override: replace, type: loki, location: x, services: [no]}}", "unknown service"},
		{"target label", "log-targets: {t: {override: replace, type: loki, location: x, labels: {pebble_x: y}}}", "reserved"},
		{"pairing", "pairing: {mode: open}", "pairing mode"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := plan.Parse(0, "l", []byte(tc.text))
			if err == nil {
				_, err = plan.Combine(l)
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestMisspeltStartupMeansDisabled(t *testing.T) {
	if _, err := plan.Combine(parse(t, "l", "services: {a: {override: replace, command: x, startup: enabld}}")); err != nil {
		t.Error(err)
	}
}

func TestSplitCommand(t *testing.T) {
	for _, tc := range []struct {
		in       string
		base     []string
		defaults []string
		err      string
	}{
		{in: `cmd a [ b c ]`, base: []string{"cmd", "a"}, defaults: []string{"b", "c"}},
		{in: `cmd "a b" 'c "d"' e\ f`, base: []string{"cmd", "a b", `c "d"`, "e f"}},
		{in: `cmd "" $HOME *`, base: []string{"cmd", "", "$HOME", "*"}},
		{in: `cmd \[ x \] [ \] \[ y ]`, base: []string{"cmd", "[", "x", "]"}, defaults: []string{"]", "[", "y"}},
		{in: `cmd '[' a "]"`, base: []string{"cmd"}, defaults: []string{"a"}},
		{in: `[ a ]`, err: "start command with"},
		{in: `cmd [ a [ b ] ]`, err: "nest"},
		{in: `cmd [ a ] b`, err: "after"},
		{in: `cmd [ a`, err: "no matching"},
		{in: `cmd ] a [`, err: "without"},
		{in: `cmd "a`, err: "unclosed"},
		{in: `cmd \`, err: "backslash"},
		{in: `  `, err: "empty"},
	} {
		base, defaults, err := plan.SplitCommand(tc.in)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q: error %v, want %q", tc.in, err, tc.err)
			}
			continue
		}
		if err != nil || !slices.Equal(base, tc.base) || !slices.Equal(defaults, tc.defaults) {
			t.Errorf("%q: %q %q %v", tc.in, base, defaults, err)
		}
	}
}

func TestWithArgsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(rapid.OneOf(rapid.StringMatching(`[ -~\n]{0,8}`), rapid.SampledFrom([]string{"[", "]"}))).Draw(t, "args")
		cmd, err := plan.WithArgs("cmd 'x y' [ old ]", args)
		if err != nil {
			t.Fatal(err)
		}
		got, err := plan.Words(cmd)
		if err != nil || !slices.Equal(got, append([]string{"cmd", "x y"}, args...)) {
			t.Fatalf("%q: %q %v", cmd, got, err)
		}
	})
}

func TestLoadDir(t *testing.T) {
	layer := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("services: {" + name + ": {override: replace, command: x}}")}
	}
	layers, err := plan.Load(fstest.MapFS{
		"002-two.yaml": layer("b"), "001-one.yaml": layer("a"), "README": layer("x"),
		"003-sub.d/001-inner.yaml": layer("c"), "003-sub.d/notes.txt": layer("y"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, l := range layers {
		labels = append(labels, fmt.Sprintf("%d %s", l.Order, l.Label))
	}
	if want := []string{"1000 one", "2000 two", "3001 sub/inner"}; !slices.Equal(labels, want) {
		t.Errorf("layers %q, want %q", labels, want)
	}
	for name, want := range map[string]string{
		"1-one.yaml": "must look like", "001-On.yaml": "must look like", "001-a--b.yaml": "must look like",
	} {
		if _, err := plan.Load(fstest.MapFS{name: layer("a")}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, fsys := range []fstest.MapFS{
		{"001-one.yaml": layer("a"), "001-two.yaml": layer("b")},
		{"001-one.yaml": layer("a"), "002-one.yaml": layer("b")},
		{"001-one.d/001-two.d/001-abc.yaml": layer("a")},
	} {
		if _, err := plan.Load(fsys); err == nil {
			t.Errorf("%v was accepted", fsys)
		}
	}
}

func TestAdd(t *testing.T) {
	one := parse(t, "one", "services: {a: {override: replace, command: x}}")
	layers, err := plan.Add(nil, one, plan.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Add(layers, one, plan.AddOptions{}); err == nil || err.Error() != `layer "one" already exists` {
		t.Errorf("same label: %v", err)
	}
	more := parse(t, "one", "services: {a: {override: merge, summary: s}}")
	combined, err := plan.Add(layers, more, plan.AddOptions{Combine: true})
	if err != nil || len(combined) != 1 || combined[0].Services["a"].Summary != "s" || combined[0].Services["a"].Command != "x" {
		t.Errorf("combined: %+v %v", combined, err)
	}
	if layers[0].Services["a"].Summary != "" {
		t.Error("combining changed the layer that was there")
	}
	for _, label := range []string{"d/one", "two"} {
		l := parse(t, label, "")
		if layers, err = plan.Add(layers, l, plan.AddOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	inner := parse(t, "d/two", "")
	if _, err := plan.Add(layers, inner, plan.AddOptions{}); !errors.Is(err, plan.ErrNeedsInner) {
		t.Errorf("inner: %v", err)
	}
	layers, err = plan.Add(layers, inner, plan.AddOptions{Inner: true})
	if err != nil || layers[2].Label != "d/two" {
		t.Errorf("inner: %v", err)
	}
}

// genPlan draws services whose after/before follow their numbers, so that
// there is no loop.
func genPlan(t *rapid.T) *plan.Plan {
	n := rapid.IntRange(1, 8).Draw(t, "n")
	l := &plan.Layer{Label: "gen", Services: map[string]*plan.Service{}}
	for i := range n {
		s := &plan.Service{Name: fmt.Sprintf("s%d", i), Override: plan.Replace, Command: "x"}
		for j := range n {
			other := fmt.Sprintf("s%d", j)
			if j < i && rapid.Bool().Draw(t, "after") {
				s.After = append(s.After, other)
			}
			if j > i && rapid.Bool().Draw(t, "before") {
				s.Before = append(s.Before, other)
			}
			if j != i && rapid.IntRange(0, 4).Draw(t, "requires") == 0 {
				s.Requires = append(s.Requires, other)
			}
		}
		l.Services[s.Name] = s
	}
	p, err := plan.Combine(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOrderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPlan(t)
		name := fmt.Sprintf("s%d", rapid.IntRange(0, len(p.Services)-1).Draw(t, "name"))
		start, err := p.StartOrder([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		for i, n := range start.Names {
			at[n] = i
		}
		lane := map[string]int{}
		for i, l := range start.Lanes {
			for _, n := range l {
				lane[n] = i
			}
		}
		if len(lane) != len(start.Names) {
			t.Fatalf("lanes %v do not cover %v", start.Lanes, start.Names)
		}
		for n := range at {
			for _, r := range p.Services[n].Requires {
				if _, in := at[r]; !in || lane[r] != lane[n] {
					t.Fatalf("%s requires %s: set %v lanes %v", n, r, start.Names, start.Lanes)
				}
			}
			for _, o := range start.After[n] {
				if at[o] >= at[n] {
					t.Fatalf("%s comes before %s in %v", n, o, start.Names)
				}
			}
		}
		stop, err := p.StopOrder([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range stop.Names {
			for _, o := range p.Services[n].After {
				if j := slices.Index(stop.Names, o); j >= 0 && j < i {
					t.Fatalf("%s stops before %s, which comes after it: %v", o, n, stop.Names)
				}
			}
		}
	})
}

func TestCombineIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPlan(t)
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		l, err := plan.Parse(0, "again", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		again, err := plan.Combine(l)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := again.YAML(); second != text {
			t.Fatalf("a plan's own YAML gives another plan:\n%s\n%s", text, second)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("services: {a: {override: replace, command: x}}"))
	f.Add([]byte("services: {a: }"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if l, err := plan.Parse(0, "fuzz", data); err == nil {
			_, _ = plan.Combine(l) // must not panic
		}
	})
}

// An exec check that names no user was left out of the written plan, and a change of its command went unseen.
func TestExecCheckIsWritten(t *testing.T) {
	check := func(command string) *plan.Plan {
		p, err := plan.Combine(parse(t, "l", "checks: {c: {override: replace, exec: {command: "+command+"}}}"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one, two := check("one"), check("two")
	if text, err := one.YAML(); err != nil || !strings.Contains(text, "exec:\n            command: one\n") {
		t.Errorf("%s%v", text, err)
	}
	if one.Checks["c"].Equal(two.Checks["c"]) || !one.Checks["c"].Equal(check("one").Checks["c"]) {
		t.Error("two commands are equal, or one is not")
	}
}

// How an entry overrides is said where it begins; what is merged into it does not change that, in no section.
func TestMergeKeepsOverride(t *testing.T) {
	const low = "{services: {a: {override: replace, command: x}}, checks: {a: {override: replace, tcp: {port: 1}}}, " +
		"log-targets: {a: {override: replace, type: loki, location: l}}, workloads: {a: {override: replace}}}"
	const high = "{services: {a: {override: merge, summary: s}}, checks: {a: {override: merge, level: alive}}, " +
		"log-targets: {a: {override: merge, labels: {k: v}}}, workloads: {a: {override: merge, user-id: 1}}}"
	a, errA := plan.Parse(1, "low", []byte(low))
	b, errB := plan.Parse(2, "high", []byte(high))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	p, err := plan.Combine(a, b)
	if err != nil {
		t.Fatal(err)
	}
	for section, got := range map[string]plan.Override{
		"services": p.Services["a"].Override, "checks": p.Checks["a"].Override,
		"log-targets": p.LogTargets["a"].Override, "workloads": p.Workloads["a"].Override,
	} {
		if got != plan.Replace {
			t.Errorf("%s: override is %q after a merge", section, got)
		}
	}
}
