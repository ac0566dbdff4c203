package dispatch_test

import (
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/source"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// TestLockFile is who takes turns with whom.
func TestLockFile(t *testing.T) {
	c := charmOf(t, map[string]string{"metadata.yaml": "name: web\nsummary: s\ndescription: d\n",
		"actions.yaml": "plain:\n  description: d\nbeside:\n  description: d\n  parallel: true\ngrouped:\n  description: d\n  parallel: true\n  execution-group: a/b\nalone:\n  description: d\n  execution-group: c\n"})
	hook := &hookv1.Event{Kind: "config-changed", Name: "config-changed"}
	action := func(name string) *hookv1.Event { return &hookv1.Event{Kind: "action", Name: name, TaskId: "1"} }
	command := &hookv1.Event{Kind: "exec", TaskId: "1"}
	for _, row := range []struct {
		name, file, kind, config string
		event                    *hookv1.Event
		task                     *controllerv1.Task
		want                     string // with * for the name of a group
	}{
		{"a hook", "/lock", "python", "", hook, nil, "/lock"},
		{"a hook where the place is the unit's own", "", "python", "", hook, nil, ""},
		{"a hook of a WASM charm", "/lock", "wasm", "", hook, nil, ""},
		{"a hook where the model does not want it", "/lock", "python", "off", hook, nil, ""},
		{"a hook where the model wants what is usual", "/lock", "python", "auto", hook, nil, "/lock"},
		{"an action", "/lock", "python", "", action("plain"), nil, "/lock"},
		{"an action that may run beside others", "/lock", "python", "", action("beside"), nil, ""},
		{"an action of a group", "/lock", "python", "", action("grouped"), nil, "/lock.*"},
		{"an action of a group of its own", "/lock", "python", "", action("alone"), nil, "/lock.*"},
		{"an action that who started it lets run beside others", "/lock", "python", "", action("plain"), &controllerv1.Task{Id: "1", Parallel: true}, ""},
		{"an action put into another group", "/lock", "python", "", action("plain"), &controllerv1.Task{Id: "1", ExecutionGroup: "x"}, "/lock.*"},
		{"a command", "/lock", "python", "", command, &controllerv1.Task{Id: "1"}, "/lock"},
		{"a command that may run beside others", "/lock", "python", "", command, &controllerv1.Task{Id: "1", Parallel: true}, ""},
		{"a command of a group", "/lock", "python", "", command, &controllerv1.Task{Id: "1", Parallel: true, ExecutionGroup: "x"}, "/lock.*"},
	} {
		job := dispatch.Job{Event: row.event, Seen: &source.Observation{Environment: &substratev1.EnvironmentResponse{MachineLock: row.file}},
			Model: &source.Snapshot{Model: &controllerv1.Model{Config: map[string]string{"machine-lock": row.config}}}}
		if row.task != nil {
			job.Model.Tasks = []*controllerv1.Task{{Id: "0", ExecutionGroup: "another's"}, row.task}
		}
		got := dispatch.LockFile(job, row.kind, c)
		group, grouped := strings.CutPrefix(got, "/lock.")
		if grouped && !strings.Contains(group, "/") {
			got = "/lock.*"
		}
		if got != row.want {
			t.Errorf("%s takes its turn on %q, want %q", row.name, got, row.want)
		}
	}
}
