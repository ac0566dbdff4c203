package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseExec(t *testing.T) {
	for line, want := range map[string]execution{
		"-u|web/0|true": {unit: "web/0", command: []string{"true"}},
		"web/0|JUJU_DISPATCH_PATH=hooks/x ./dispatch":      {unit: "web/0", command: []string{"JUJU_DISPATCH_PATH=hooks/x ./dispatch"}},
		"unit-my-web-12|id":                                {unit: "my-web/12", command: []string{"id"}},
		"--unit=web/0|-r|db:3|--remote-unit|db/1|echo|a b": {unit: "web/0", relation: "db:3", remote: "db/1", command: []string{"echo a b"}},
		"--timeout|1m30s|--operator|true":                  {timeout: 90 * time.Second, command: []string{"true"}},
		"--|-u":                                            {command: []string{"-u"}},
		"./web/0|x":                                        {command: []string{"./web/0 x"}},
		"web/0":                                            {command: []string{"web/0"}},
		"--no-context|true":                                {bare: true, command: []string{"true"}},
	} {
		got, err := parseExec("juju-exec", strings.Split(line, "|"))
		if err != nil || got.unit != want.unit || got.relation != want.relation || got.remote != want.remote || got.timeout != want.timeout || got.bare != want.bare ||
			len(got.command) != 3 || got.command[2] != want.command[0] {
			t.Errorf("%q is %+v, %v; want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{"", "-u", "-u|web", "--timeout|soon|true", "--timeout|-1s|true", "--what|x|true", "-r"} {
		args := strings.Split(line, "|")
		if line == "" {
			args = nil
		}
		if got, err := parseExec("juju-exec", args); err == nil {
			t.Errorf("%q is %+v, want an error", line, got)
		}
	}
}
