package agent_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// asks is a charm that wants a reboot in the first config-changed that sees name=y, or in the first command.
func asks(how func() *charmruntimev1.Done) agenttest.Charm {
	var asked atomic.Bool
	return func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		hook := s.Event.Name == "config-changed" && s.View.Config["name"].GetStringValue() == "y"
		if !hook && s.Event.Kind != api.EventExec || asked.Swap(true) {
			return ok(nil), nil
		}
		return how(), nil
	}
}

func (w *world) rebooting(message string) func() bool {
	return func() bool {
		return slices.ContainsFunc(w.server.States(), func(s *controllerv1.AgentState) bool {
			return s.Current == api.AgentRebooting && strings.Contains(s.Message, message)
		})
	}
}

func after() *charmruntimev1.Done { return ok(&hookv1.Changeset{Reboot: hookv1.Reboot_REBOOT_AFTER}) }

// TestRebootIsOwed: a substrate that is busy is asked again, also by the next life of an agent that was killed between the
// commit and the reboot; nothing runs twice, and nothing else runs before.
func TestRebootIsOwed(t *testing.T) {
	w := newWorld(t, asks(after))
	var busy atomic.Bool
	busy.Store(true)
	machine := agenttest.Machine{Side: w.side, Answer: func() error {
		if busy.Load() {
			return errs.E(errs.Unavailable, "an update is being installed")
		}
		return nil
	}}
	w.reach = machine
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Config("web", "name", "y")
	w.until("the unit says why it waits", w.rebooting("an update is being installed"))
	w.store.Run("web/0", "quick", "")
	w.kill()
	if c := w.cursor("web/0"); !c.GetRebootOwed() || c.GetRebootBootId() != "boot-1" || c.GetSequence() != 5 {
		t.Errorf("the cursor is %v, want a reboot owed after 5 events", c)
	}
	before := len(w.runtime.Runs())
	w.start()
	busy.Store(false)
	w.until("the machine is rebooted", func() bool { return len(machine.Reboots()) == 1 })
	if got := w.runtime.Runs()[before:]; len(got) != 0 {
		t.Errorf("before the machine went down %v ran", got)
	}
	w.side.Booted("web/0", "boot-2")
	w.untilEvents("web/0", 7)
	if c := w.cursor("web/0"); c.GetRebootOwed() || w.ran("web/0 5-config-changed") != 1 || len(machine.Reboots()) != 1 {
		t.Errorf("cursor %v, runs %v, reboots %v", c, w.runtime.Runs(), machine.Reboots())
	}
}

// TestRebootWaitsForTheMachine: a hook that runs elsewhere on the machine comes to its end first, and none begins after.
func TestRebootWaitsForTheMachine(t *testing.T) {
	inside, goOn := make(chan string, 1), make(chan struct{})
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		switch {
		case s.Event.Name == "config-changed" && s.View.Config["name"].GetStringValue() == "y":
			return after(), nil
		case s.Event.Name == "slow":
			inside <- s.View.Unit.Name
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return ok(nil), nil
	})
	file := filepath.Join(w.dir, "machine-lock")
	w.side = agenttest.NewSide(&substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1", MachineId: "7", MachineLock: file})
	machine := agenttest.Machine{Side: w.side}
	w.reach = machine
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Deploy(agenttest.App{Name: "other", Digest: w.digest, Runtime: "python", Units: 1})
	w.started("other/0")
	// The reboot is asked for by a unit whose agent holds no lock any more, so the other one can be first.
	w.store.Run("other/0", "slow", "")
	<-inside
	w.store.ModelConfig("machine-lock", "off") // web/0 runs beside it; its reboot does not
	w.store.Config("web", "name", "y")
	w.until("the reboot waits", w.rebooting("waiting for the machine lock, which other/0 has for slow"))
	if got := machine.Reboots(); len(got) != 0 {
		t.Errorf("the machine was rebooted under a hook, for %v", got)
	}
	w.store.ModelConfig("machine-lock", "auto")
	close(goOn)
	w.until("the machine is rebooted", func() bool { return len(machine.Reboots()) == 1 })
	w.store.Run("other/0", "quick", "")
	w.until("who comes later waits for the reboot", func() bool {
		return slices.ContainsFunc(w.server.States(), func(s *controllerv1.AgentState) bool {
			return s.Unit == "other/0" && s.GetLock().GetHolderUnit() == "web/0" && s.GetLock().GetHolderWhat() == "juju-reboot"
		})
	})
	w.side.Booted("web/0", "boot-2")
	w.side.Booted("other/0", "boot-2")
	w.untilEvents("web/0", 6)
	w.untilEvents("other/0", 7)
}

// TestRebootNowOfCommands: the end of a command is committed before the machine goes down, and it never runs again.
func TestRebootNowOfCommands(t *testing.T) {
	w := newWorld(t, asks(func() *charmruntimev1.Done {
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Limit: charmruntime.LimitReboot, ExitCode: 137, Message: "the charm asked for a reboot"}
	}))
	machine := agenttest.Machine{Side: w.side}
	w.reach = machine
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Exec("web/0", "juju-reboot", "--now")
	w.until("the machine is rebooted", func() bool { return len(machine.Reboots()) == 1 })
	if c := w.cursor("web/0"); c.GetSequence() != 5 || c.GetPending() != nil {
		t.Errorf("when the machine goes down the cursor is %v", c)
	}
	w.side.Booted("web/0", "boot-2")
	w.untilEvents("web/0", 6)
	runs := w.runtime.Runs()
	if n := len(runs); !strings.HasSuffix(runs[n-1], "6-start") || n != 6 {
		t.Errorf("it ran %v, want the command once, then start", runs)
	}
}

// TestRebootNowWithoutProcess: a charm that cannot be ended in its middle is not committed and runs again all the same.
func TestRebootNowWithoutProcess(t *testing.T) {
	w := newWorld(t, asks(func() *charmruntimev1.Done {
		return ok(&hookv1.Changeset{Reboot: hookv1.Reboot_REBOOT_NOW, StateSet: map[string]string{"half": "done"}})
	}))
	machine := agenttest.Machine{Side: w.side}
	w.reach = machine
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Config("web", "name", "y")
	w.until("the machine is rebooted", func() bool { return len(machine.Reboots()) == 1 })
	w.side.Booted("web/0", "boot-2")
	w.untilEvents("web/0", 6)
	requeued := func() bool {
		return slices.ContainsFunc(w.server.Journal(), func(e *controllerv1.JournalEntry) bool { return e.Outcome == "requeued" })
	}
	w.until("the journal tells", requeued)
	configs := 0
	for _, run := range w.runtime.Runs() {
		if strings.HasSuffix(run, "config-changed") {
			configs++
		}
	}
	if configs != 3 || w.runtime.View("web/0", "config-changed").CharmState["half"] != "" {
		t.Errorf("it ran %v; what the ended hook wrote is %v", w.runtime.Runs(), w.runtime.View("web/0", "config-changed").CharmState)
	}
}

// TestRebootThatIsRefused: the substrate has the call and says no; the unit goes on and its log says why.
func TestRebootThatIsRefused(t *testing.T) {
	w := newWorld(t, asks(after))
	w.reach = agenttest.Machine{Side: w.side, Answer: func() error { return errs.E(errs.Denied, "the owner of the machine does not want it") }}
	w.start()
	w.deploy(1)
	w.started("web/0")
	w.store.Config("web", "name", "y")
	w.until("the log tells", func() bool {
		return slices.ContainsFunc(w.server.Logs(), func(r *controllerv1.LogRecord) bool {
			return r.Level == "ERROR" && strings.Contains(r.Message, "the owner of the machine does not want it; reboot the machine by hand")
		})
	})
	w.store.Config("web", "name", "z")
	w.untilEvents("web/0", 6)
	if c := w.cursor("web/0"); c.GetRebootOwed() {
		t.Errorf("the cursor is %v", c)
	}
}
