package agent_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// slow is a charm whose action "slow" goes on until it is ended, and has said something by then.
func slow(running chan<- string) agenttest.Charm {
	return func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name != "slow" {
			return ok(nil), nil
		}
		running <- s.Event.Id
		<-ctx.Done()
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, ExitCode: 143, Message: "killed: " + context.Cause(ctx).Error(), Limit: "cancel", Stdout: "half",
			Changeset: &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "blocked"}, StateSet: map[string]string{"half": "done"},
				Action: &hookv1.ActionResult{Results: map[string]string{"done": "50"}}}}, nil
	}
}

// TestCancelledTaskKeepsWhatItSaid and nothing that it wrote.
func TestCancelledTaskKeepsWhatItSaid(t *testing.T) {
	running := make(chan string, 1)
	w := newWorld(t, slow(running))
	w.start()
	w.deploy(1)
	w.started("web/0")
	task := w.store.Run("web/0", "slow", "{}")
	<-running
	w.store.Cancel(task)
	w.until("the task has ended", func() bool { return w.task(task).Status == api.TaskAborted })
	if got := w.task(task); got.Message != "cancelled while it ran" || got.Stdout != "half" || got.ExitCode != 143 || got.Results["done"] != "50" {
		t.Errorf("the task is %v", got)
	}
	w.store.Config("web", "name", "x")
	w.untilEvents("web/0", 6)
	if v := w.runtime.View("web/0", "config-changed"); v.CharmState["half"] != "" {
		t.Errorf("the charm's state is %v", v.CharmState)
	}
}

// TestCancelWhileTheAgentIsAway: what it left running is ended first, and only then is it said to have ended. Nothing of
// the unit runs meanwhile, and nothing runs twice.
func TestCancelWhileTheAgentIsAway(t *testing.T) {
	for _, cancel := range []bool{true, false} {
		running := make(chan string, 2)
		w := newWorld(t, slow(running))
		w.start()
		w.deploy(1)
		w.started("web/0")
		task := w.store.Run("web/0", "slow", "{}")
		<-running
		w.stop()
		status, message := api.TaskFailed, "interrupted"
		if cancel {
			w.store.Cancel(task)
			status, message = api.TaskAborted, "cancelled"
		}
		w.store.Config("web", "name", "x")
		w.runtime.Stick(2)
		w.start()
		w.untilEvents("web/0", 6)
		if got := w.task(task); got.Status != status || !strings.Contains(got.Message, message) {
			t.Errorf("the task is %v, want %s and %q", got, status, message)
		}
		if n := w.runtime.Ended(); n != 3 {
			t.Errorf("the runtime was asked %d times to end what was left, want until it did: 3", n)
		}
		if runs := w.runtime.Runs(); len(runs) != 6 || len(running) != 0 || !strings.HasSuffix(last(runs), "6-config-changed") {
			t.Errorf("ran %v", runs)
		}
	}
}

// TestCancelBeforeTheCharmIsReached: the task was recorded as running, and the agent did not know it yet.
func TestCancelBeforeTheCharmIsReached(t *testing.T) {
	running := make(chan string, 1)
	w := newWorld(t, slow(running))
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.server.Fail("Begin", agenttest.LoseAnswer, agenttest.LoseRequest, agenttest.LoseRequest, agenttest.LoseRequest)
	task := w.store.Run("web/0", "slow", "{}")
	w.until("it is recorded", func() bool { return w.task(task).Status == api.TaskRunning })
	w.store.Cancel(task)
	w.until("the task has ended", func() bool { return w.task(task).Status == api.TaskAborted })
	if got := w.task(task); got.Message != "cancelled while it ran" || len(running) != 0 {
		t.Errorf("the task is %v; %d ran", got, len(running))
	}
}
