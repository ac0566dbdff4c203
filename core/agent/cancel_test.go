package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
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

// TestCancelWhileItWaitsForTheMachine: the task never reaches the charm, and the unit does not wait on for it.
func TestCancelWhileItWaitsForTheMachine(t *testing.T) {
	running := make(chan string, 1)
	w := newWorld(t, slow(running))
	lock := filepath.Join(w.dir, "machine-lock")
	w.side = agenttest.NewSide(&substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1", MachineId: "7", MachineLock: lock})
	w.start()
	w.deploy(1)
	w.started("web/0")
	other, err := os.OpenFile(lock, os.O_RDWR|os.O_CREATE, 0o600) // somebody else on the machine
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // closed already where the test went well
	w.until("somebody else has the lock", func() bool { return syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil })
	task := w.store.Run("web/0", "slow", "{}")
	w.until("it waits", func() bool {
		for _, st := range w.server.States() {
			if l := st.GetLock(); l != nil && !l.Held && strings.Contains(l.What, "slow") {
				return true
			}
		}
		return false
	})
	w.store.Cancel(task)
	w.until("the task has ended", func() bool { return w.task(task).Status == api.TaskAborted })
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	w.store.Config("web", "name", "x")
	w.untilEvents("web/0", 6)
	if len(running) != 0 || w.count("slow") != 0 {
		t.Errorf("ran %v", w.runtime.Runs())
	}
}

// TestParallelTasksOfOneUnitWait: what may run beside everything else on the machine still never runs beside another event
// of its own unit (the test's runtime fails if it does), and what it runs on holds what the one before it committed.
func TestParallelTasksOfOneUnitWait(t *testing.T) {
	inside, goOn := make(chan string, 2), make(chan struct{})
	w := newWorld(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Kind != api.EventAction {
			return ok(nil), nil
		}
		inside <- s.Event.Name + " after " + s.View.CharmState["last"]
		<-goOn
		return ok(&hookv1.Changeset{StateSet: map[string]string{"last": s.Event.Name}}), nil
	})
	w.start()
	w.deploy(1)
	w.started("web/0")
	first, second := w.store.RunParallel("web/0", "one"), w.store.RunParallel("web/0", "two")
	if got := <-inside; got != "one after " {
		t.Errorf("the first is %q", got)
	}
	if st := w.task(second).Status; st != api.TaskPending {
		t.Errorf("the second is %s while the first runs", st)
	}
	close(goOn)
	if got := <-inside; got != "two after one" {
		t.Errorf("the second is %q", got)
	}
	w.until("both are done", func() bool {
		return w.task(first).Status == api.TaskCompleted && w.task(second).Status == api.TaskCompleted
	})
}
