package query_test

import (
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/cli/query"
)

func values() map[string]any {
	unit := func(name, status string, leader bool) map[string]any {
		return map[string]any{"name": name, "workload-status": status, "leader": leader, "agent-status": "idle"}
	}
	return map[string]any{
		"name": "web", "life": "alive", "status": "active", "scale": uint32(2), "exposed": false,
		"units":    map[string]any{"web/0": unit("web/0", "active", true), "web/1": unit("web/1", "waiting", false)},
		"machines": map[string]any{}, "tags": []any{"a", "b", int64(3)},
	}
}

func TestMatch(t *testing.T) {
	for source, want := range map[string]bool{
		`life == "alive"`:                                  true,
		`life=="alive" && status=="active"`:                true,
		`life == 'dead' || status != "active"`:             false,
		`name == "x" || name == "y" || name == "web"`:      true,
		`name == "web" && scale == 3 || life == "alive"`:   true, // && binds tighter
		`name == "x" && (scale == 3 || life == "alive")`:   false,
		`!(life == "dead")`:                                true,
		`!exposed`:                                         true,
		`!!exposed`:                                        false,
		`exposed == false`:                                 true,
		`len(units) == 2`:                                  true,
		`len(units) > 2`:                                   false,
		`len(units) >= 2 && len(units) <= 2`:               true,
		`len(name) < 4`:                                    true,
		`len(tags) == 3`:                                   true,
		`scale < 2.5`:                                      true,
		`name < "x"`:                                       true,
		`forEach(units, unit => unit.life == "x")`:         false,
		`forEach(machines, m => m.life == "x")`:            true,
		`forEach(units, u => u.agent-status == "idle")`:    true,
		`forEach(units, u => startsWith(u.name, name))`:    true,
		`forEach(units, u => endsWith(u.name, "/0"))`:      false,
		`forEach(units, u => u.workload-status == status)`: false,
		`units["web/0"].leader`:                            true,
		`units["web/1"].leader == true`:                    false,
		`true`:                                             true,
	} {
		q, err := query.Parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := q.Match(values())
		if strings.Contains(source, `unit.life == "x"`) {
			if err == nil || !strings.Contains(err.Error(), `no field "life"; there are agent-status, leader, name, workload-status`) {
				t.Errorf("%s: a field that is not there is named: %v", source, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", source, got, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for source, want := range map[string]string{
		``:                         "at character 1: want a name",
		`life = "alive"`:           `at character 6: '=' is not known here`,
		`life == "alive`:           `at character 9: the string does not end`,
		`life == 'alive`:           `at character 9: the string does not end`,
		`life == "a" status`:       `at character 13: status is one too many`,
		`(life == "a"`:             `at character 13: want ")", not the end`,
		`size(units)`:              `there is no function "size"; there are endsWith, forEach, len, startsWith`,
		`len(units, 3)`:            `len takes 1 arguments, not 2: len(units)`,
		`forEach(units, true)`:     `forEach is used so: forEach(units, unit => …)`,
		`len(u => true)`:           `len is used so: len(units)`,
		`1.2.3 == 4`:               `"1.2.3" is not a number`,
		`unit. == 4`:               `want the name of a field`,
		`lif == "alive"`:           `there is no "lif" here; there are exposed, life, machines, name, scale, status, tags, units`,
		`life == 3`:                `cannot compare the string "alive" with the number 3`,
		`exposed < true`:           `cannot order false`,
		`life && true`:             `the string "alive" is no condition`,
		`len(scale)`:               `the number 2 has no length`,
		`forEach(life, x => true)`: `the string "alive" has no elements`,
		`startsWith(scale, "x")`:   `startsWith needs strings, and this is the number 2`,
		`life.name == "x"`:         `the string "alive" has no fields`,
		`life`:                     `the query is no condition: it is the string "alive"`,
		`"ä" == ü`:                 `at character 8`,
		strings.Repeat("(", 500):   "nested more than 100 deep",
	} {
		q, err := query.Parse(source)
		if err == nil {
			_, err = q.Match(values())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v\nwant: %s", source, err, want)
		}
	}
}

// Whatever is typed, a query is read or refused, and answers or fails: it never panics and never hangs.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{`life=="alive"`, `forEach(units, u => u.leader || len(u.name) > 3)`, `units["web/0"].leader`, `!!a.b-c<=1.5`, `'x'!="\u00e4"`, "a=>b", "len("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		q, err := query.Parse(source)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "cannot read query at character ") {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		if yes, err := q.Match(values()); err != nil && yes {
			t.Fatalf("%q is true and wrong: %v", source, err)
		}
	})
}
