package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TaskPart is a task in YAML and JSON. An empty part is left out.
type TaskPart struct {
	ID      string         `json:"id,omitempty" yaml:"id,omitempty"`
	Host    string         `json:"host,omitempty" yaml:"host,omitempty"`
	Log     []string       `json:"log,omitempty" yaml:"log,omitempty"`
	Message string         `json:"message,omitempty" yaml:"message,omitempty"`
	Results map[string]any `json:"results,omitempty" yaml:"results,omitempty"`
	Status  string         `json:"status" yaml:"status"`
	Timing  *TimingPart    `json:"timing,omitempty" yaml:"timing,omitempty"`
	Unit    string         `json:"unit,omitempty" yaml:"unit,omitempty"`
}

// TimingPart says when something was queued, started and done.
type TimingPart struct {
	Completed string `json:"completed,omitempty" yaml:"completed,omitempty"`
	Enqueued  string `json:"enqueued,omitempty" yaml:"enqueued,omitempty"`
	Started   string `json:"started,omitempty" yaml:"started,omitempty"`
}

// Finished says whether a task has come to an end.
func Finished(t *controllerv1.Task) bool {
	switch t.GetStatus() {
	case "completed", "failed", "cancelled", "aborted", "error":
		return true
	}
	return false
}

// Task is a task in Juju's shape.
func Task(t *controllerv1.Task, zone Zone) TaskPart {
	out := TaskPart{ID: t.GetId(), Unit: t.GetUnit(), Status: t.GetStatus(), Message: t.GetMessage(),
		Timing: &TimingPart{Completed: zone.long(t.GetCompleted()), Enqueued: zone.long(t.GetEnqueued()), Started: zone.long(t.GetStarted())}}
	for _, l := range t.GetLog() {
		out.Log = append(out.Log, zone.long(l.GetTime())+" "+l.GetMessage())
	}
	if Finished(t) && t.GetStatus() != "cancelled" {
		out.Results = Results(t)
	}
	return out
}

// Tasks maps units to their tasks; the tasks of one operation have a unit each.
func Tasks(list []*controllerv1.Task, zone Zone) map[string]TaskPart {
	out := map[string]TaskPart{}
	for _, t := range list {
		out[t.GetUnit()] = Task(t, zone)
	}
	return out
}

// Results is what a task gave: the charm's own results with dotted keys as maps in maps, and what the process left.
func Results(t *controllerv1.Task) map[string]any {
	out := Nested(t.GetResults())
	out["return-code"] = t.GetExitCode()
	if t.GetStdout() != "" {
		out["stdout"] = t.GetStdout()
	}
	if t.GetStderr() != "" {
		out["stderr"] = t.GetStderr()
	}
	return out
}

// Nested turns dotted keys into maps in maps. Where "a" and "a.b" are both there, "a.b" stays dotted.
func Nested(flat map[string]string) map[string]any {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		at, rest := out, key
		for {
			head, tail, dotted := strings.Cut(rest, ".")
			if !dotted {
				at[rest] = flat[key]
				break
			}
			next, ok := at[head].(map[string]any)
			if _, taken := at[head]; taken && !ok {
				at[rest] = flat[key]
				break
			}
			if !ok {
				next = map[string]any{}
				at[head] = next
			}
			at, rest = next, tail
		}
	}
	return out
}

// PlainTask prints a finished task as people read it: results as YAML, then what the process wrote.
func PlainTask(w io.Writer, t *controllerv1.Task) error {
	var b strings.Builder
	if t.GetStatus() != "completed" {
		fmt.Fprintf(&b, "Action id %s %s", t.GetId(), t.GetStatus())
		if t.GetMessage() != "" {
			b.WriteString(": " + t.GetMessage())
		}
		b.WriteByte('\n')
	}
	if own := Nested(t.GetResults()); len(own) > 0 {
		if err := Value(&b, "yaml", own); err != nil {
			return err
		}
	}
	for _, text := range []string{t.GetStdout(), t.GetStderr()} {
		if text != "" {
			b.WriteString(strings.TrimSuffix(text, "\n") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// OperationPart is an operation in YAML and JSON.
type OperationPart struct {
	Summary string              `json:"summary" yaml:"summary"`
	Status  string              `json:"status" yaml:"status"`
	Action  *ActionPart         `json:"action,omitempty" yaml:"action,omitempty"`
	Timing  TimingPart          `json:"timing" yaml:"timing"`
	Tasks   map[string]TaskPart `json:"tasks" yaml:"tasks"`
}

// ActionPart names the action of an operation.
type ActionPart struct {
	Name string `json:"name" yaml:"name"`
}

// Operation is an operation with its tasks in Juju's shape.
func Operation(op *controllerv1.Operation, tasks []*controllerv1.Task, zone Zone) OperationPart {
	started, completed := span(tasks)
	out := OperationPart{Summary: op.GetSummary(), Status: OperationStatus(tasks), Tasks: map[string]TaskPart{},
		Timing: TimingPart{Enqueued: zone.long(op.GetEnqueued()), Started: zone.long(started), Completed: zone.long(completed)}}
	for _, t := range tasks {
		part := Task(t, zone)
		part.ID, part.Unit, part.Host = "", "", t.GetUnit()
		out.Tasks[t.GetId()] = part
		if t.GetAction() != "" {
			out.Action = &ActionPart{Name: t.GetAction()}
		}
	}
	return out
}

// span is when the first task started and, once all have ended, when the last one did. RFC 3339 in UTC sorts as text.
func span(tasks []*controllerv1.Task) (started, completed string) {
	all := true
	for _, t := range tasks {
		if at := t.GetStarted(); at != "" && (started == "" || at < started) {
			started = at
		}
		all = all && Finished(t)
		completed = max(completed, t.GetCompleted())
	}
	if !all {
		completed = ""
	}
	return started, completed
}

// OperationStatus is the status of an operation: running while a task is, else the worst of its tasks.
func OperationStatus(tasks []*controllerv1.Task) string {
	for _, s := range []string{"running", "aborting", "pending", "error", "failed", "cancelled", "aborted", "completed"} {
		for _, t := range tasks {
			if t.GetStatus() == s {
				return s
			}
		}
	}
	return "completed"
}

// Operations is the table of operations.
func Operations(w io.Writer, list []*controllerv1.Operation, tasks []*controllerv1.Task, zone Zone, colour bool) error {
	by := map[string][]*controllerv1.Task{}
	for _, t := range tasks {
		by[t.GetOperation()] = append(by[t.GetOperation()], t)
	}
	t := &Table{Columns: Columns("ID", "Status", "Started", "Finished", "Task IDs", "Summary")}
	for _, op := range list {
		started, completed := span(by[op.GetId()])
		t.Add(op.GetId(), status(OperationStatus(by[op.GetId()])), zone.short(started), zone.short(completed), strings.Join(op.GetTasks(), ","), op.GetSummary())
	}
	return t.Write(w, colour)
}

// short is the form of times in tables.
func (z Zone) short(text string) string { return z.format(text, "2006-01-02T15:04:05") }

// Actions is the table of an application's actions.
func Actions(w io.Writer, list []*clientv1.ActionInfo) error {
	t := &Table{Columns: Columns("Action", "Description")}
	for _, a := range list {
		t.Add(a.GetName(), strings.TrimSpace(first(a.GetDescription(), "No description")))
	}
	return t.Write(w, false)
}
