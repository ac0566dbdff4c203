package changeset_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/changeset"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/source"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func input(pending *controllerv1.Pending) resolver.Input {
	return resolver.Input{Cursor: &controllerv1.Cursor{Sequence: 4, Installed: true, Pending: pending}, Now: time.Unix(1000, 0),
		Model: &source.Snapshot{Name: "web/0", Unit: &controllerv1.Unit{}, Application: &controllerv1.Application{}, LeadTerm: 7, Lead: &controllerv1.Lead{Unit: "web/0"}},
		Seen:  &source.Observation{}}
}

func ended(outcome charmruntimev1.Outcome, cs *hookv1.Changeset) dispatch.Result {
	return dispatch.Result{View: &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}}, Done: &charmruntimev1.Done{Outcome: outcome, Changeset: cs, ExitCode: 3, Message: "KeyError"}}
}

const (
	good   = charmruntimev1.Outcome_OUTCOME_OK
	bad    = charmruntimev1.Outcome_OUTCOME_FAILED
	killed = charmruntimev1.Outcome_OUTCOME_KILLED
)

// TestOutcomes: what is committed for each way in which an event may end.
func TestOutcomes(t *testing.T) {
	hook := &hookv1.Event{Id: "5-config-changed", Kind: "config-changed", Name: "config-changed"}
	action := &hookv1.Event{Id: "5-backup", Kind: "action", Name: "backup", TaskId: "1"}
	status := &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "active"}}
	cases := []struct {
		name   string
		ev     *hookv1.Event
		ran    dispatch.Result
		failed string // "" = done
		wrote  string
	}{
		{"a hook that ended well", hook, ended(good, status), "", "status"},
		{"a hook that nobody handles", hook, ended(charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED, nil), "", ""},
		{"a hook that failed writes nothing", hook, ended(bad, status), "KeyError", ""},
		{"a hook that was killed", hook, ended(killed, status), "KeyError", ""},
		{"an invalid changeset is the hook's failure", hook, ended(good, &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "dancing"}}), "dancing", ""},
		{"an action that failed has results and no writes", action, ended(bad, &hookv1.Changeset{UnitStatus: status.UnitStatus,
			Action: &hookv1.ActionResult{Results: map[string]string{"a": "b"}}}), "", "results"},
		{"an action that was killed", action, ended(killed, nil), "KeyError", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := input(nil)
			if c.ev == action {
				in.Cursor.Pending = &controllerv1.Pending{Event: action, Step: "begun"}
			}
			req := changeset.Commit(in, resolver.Decision{Do: resolver.Run, Event: c.ev}, c.ran, &controllerv1.Guard{}, "id")
			if f := req.GetFailed(); (f != nil) != (c.failed != "") || !strings.Contains(f.GetMessage(), c.failed) {
				t.Fatalf("failed is %v, want %q", f, c.failed)
			}
			if got := changeset.Wrote(req.GetDone().GetChangeset()); got != c.wrote {
				t.Errorf("wrote %q, want %q", got, c.wrote)
			}
			hookFailed := c.ev == hook && c.failed != ""
			if (req.Cursor.Pending.GetStep() == "failed") != hookFailed {
				t.Errorf("pending is %v", req.Cursor.Pending)
			}
			if want := uint64(5); !hookFailed && req.Cursor.Sequence != want {
				t.Errorf("sequence %d, want %d", req.Cursor.Sequence, want)
			}
		})
	}
}

// TestLeaderWritesAreFenced and others are not: a follower's commit compares no term.
func TestLeaderWritesAreFenced(t *testing.T) {
	ev := &hookv1.Event{Id: "5-start", Kind: "start", Name: "start"}
	for want, cs := range map[int64]*hookv1.Changeset{0: {UnitStatus: &hookv1.Status{Current: "active"}}, 7: {AppStatus: &hookv1.Status{Current: "active"}}} {
		g := &controllerv1.Guard{}
		changeset.Commit(input(nil), resolver.Decision{Do: resolver.Run, Event: ev}, ended(good, cs), g, "id")
		if g.LeaderTerm != want {
			t.Errorf("term %d for %v, want %d", g.LeaderTerm, cs, want)
		}
	}
}

// TestInterruptedTask is failed and gives back what lay beneath it.
func TestInterruptedTask(t *testing.T) {
	ev := &hookv1.Event{Id: "6-backup", Kind: "action", Name: "backup", TaskId: "1"}
	in := input(&controllerv1.Pending{Event: ev, Step: "begun"})
	in.Cursor.Suspended = &controllerv1.Pending{Event: &hookv1.Event{Id: "5-start"}, Step: "failed", Attempt: 2}
	req := changeset.Commit(in, resolver.Decision{Do: resolver.Skip, Event: ev, Interrupted: true, Reason: "interrupted"}, dispatch.Result{}, &controllerv1.Guard{}, "id")
	if !strings.Contains(req.GetFailed().GetMessage(), "interrupted") || req.Cursor.Pending.GetEvent().GetId() != "5-start" || req.Cursor.Suspended != nil {
		t.Errorf("got %v", req)
	}
}

// TestKilledTask keeps what it said and nothing that it wrote; of a hook not even that is kept.
func TestKilledTask(t *testing.T) {
	for _, kind := range []string{"action", "exec", "start"} {
		ev := &hookv1.Event{Id: "5-x", Kind: kind, Name: "x", TaskId: "1"}
		ran := ended(killed, &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "active"}, Action: &hookv1.ActionResult{Results: map[string]string{"a": "b"}}})
		ran.Done.Stdout, ran.Done.Stderr = "out", "err"
		f := changeset.Commit(input(nil), resolver.Decision{Do: resolver.Run, Event: ev}, ran, &controllerv1.Guard{}, "id").GetFailed()
		if f == nil || f.Message != "KeyError" || f.ExitCode != 3 {
			t.Fatalf("%s: got %v", kind, f)
		}
		if said := f.Stdout == "out" && f.Stderr == "err" && f.Results["a"] == "b"; said != (kind != "start") {
			t.Errorf("%s: got %v", kind, f)
		}
	}
}

// TestExitCodeOfACommand: a command that ended with an exit code is done, and the code is told.
func TestExitCodeOfACommand(t *testing.T) {
	in := input(nil)
	ev := &hookv1.Event{Id: "5-exec", Kind: "exec", Name: "exec", TaskId: "1"}
	in.Cursor.Pending = &controllerv1.Pending{Event: ev, Step: "begun"}
	req := changeset.Commit(in, resolver.Decision{Do: resolver.Run, Event: ev}, ended(good, &hookv1.Changeset{}), &controllerv1.Guard{}, "id")
	if code := req.GetDone().GetExitCode(); code != 3 {
		t.Errorf("the exit code is %d, want 3", code)
	}
}
