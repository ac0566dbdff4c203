package resolver_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// sim drives units by the pure resolver against an honest controller, with a clock of its own.
type sim struct {
	t       *testing.T
	store   *agenttest.Store
	replica *source.Replica
	seen    map[string]*source.Observation
	place   map[string]string // unit → incarnation of the agent that speaks for it
	fails   map[string]int    // "web/0 install" → how often yet
	reboots map[string]bool   // "web/0 install" → asks for a reboot
	machine map[string]bool   // application → its places are machines
	noplace map[string]bool
	broken  map[string]bool // charms that cannot be put in place
	now     time.Time
	commits int
	out     strings.Builder
	after   func(unit string, ev *hookv1.Event, ran, cutOff bool) // looks at every event
}

func newSim(t *testing.T) *sim {
	return &sim{t: t, store: agenttest.New(), replica: source.NewReplica(agenttest.Agent, func(event.Key) {}),
		seen: map[string]*source.Observation{}, place: map[string]string{}, fails: map[string]int{}, reboots: map[string]bool{},
		machine: map[string]bool{}, noplace: map[string]bool{}, broken: map[string]bool{}, now: time.Unix(1_700_000_000, 0),
		after: func(string, *hookv1.Event, bool, bool) {}}
}

// observe is what is seen of a unit, to be edited; maps are copied, since observations are immutable.
func (s *sim) observe(unit string, edit func(*source.Observation)) {
	o := &source.Observation{}
	if had := s.seen[unit]; had != nil {
		*o = *had
	}
	o.Containers, o.Storage = maps.Clone(o.Containers), maps.Clone(o.Storage)
	if o.Containers == nil {
		o.Containers, o.Storage = map[string]*source.Container{}, map[string]*substratev1.StorageMount{}
	}
	edit(o)
	s.seen[unit] = o
}

func (s *sim) givePlace(unit string) {
	s.observe(unit, func(o *source.Observation) {
		o.Environment, o.BootID = &substratev1.EnvironmentResponse{}, "boot-1"
		if s.machine[api.ApplicationOf(unit)] {
			o.Environment = &substratev1.EnvironmentResponse{MachineId: strconv.Itoa(event.Number(unit))}
		}
	})
}

// pump brings the replica up to date.
func (s *sim) pump() {
	deltas, _ := s.store.Since(s.replica.Position())
	for _, d := range deltas {
		s.replica.Apply(d)
	}
}

// input is what decides about a unit now; ok is false when there is no such unit.
func (s *sim) input(unit string) (in resolver.Input, ok bool) {
	s.pump()
	snap, ok := s.replica.Snapshot(event.Key{Model: agenttest.Model, Unit: unit})
	if !ok {
		return in, false
	}
	if s.place[unit] == "" {
		s.place[unit] = agenttest.Place
		if !s.noplace[api.ApplicationOf(unit)] {
			s.givePlace(unit)
		}
	}
	return resolver.Input{Cursor: resolver.Whole(snap), Model: snap, Seen: s.seen[unit], Incarnation: s.place[unit], Now: s.now}, true
}

// phases at which a unit's agent may be killed.
const (
	phaseDerived   = "derived"
	phaseBegun     = "begun"
	phaseRan       = "ran"
	phaseCommitted = "committed"
)

// step takes a unit one event further, as far as the phase. It answers false when there was nothing to do.
func (s *sim) step(unit, phase string) bool {
	in, ok := s.input(unit)
	if !ok {
		return false
	}
	d := resolver.Next(in)
	if d.Do != resolver.Run && d.Do != resolver.Skip || phase == phaseDerived {
		return false
	}
	guard := &controllerv1.Guard{Model: agenttest.Model, Unit: unit, Incarnation: in.Incarnation, Epoch: in.Model.Epoch, StateRevision: in.Model.StateRevision}
	note := ""
	if d.Takes && s.broken[in.Model.Application.CharmDigest] {
		s.commit(in, resolver.Unplaced(in, d), guard, " not placed")
		return true
	}
	if d.Begin {
		after := resolver.Begun(in, d.Event)
		stored, blocks := resolver.Split(in.Cursor, after)
		resp := s.store.Begin(&controllerv1.BeginRequest{Guard: guard, CommitId: s.id(), Cursor: stored, Members: blocks, Task: d.Event.TaskId})
		s.written(unit, d.Event, resp)
		in.Cursor, guard.StateRevision, note = after, resp.Revision, " begin"
	}
	if phase == phaseBegun {
		s.print("%s %s%s, killed", unit, describe(d.Event), note)
		return true
	}
	s.after(unit, d.Event, d.Do == resolver.Run, phase == phaseRan)
	if phase == phaseRan {
		s.print("%s %s%s, killed before its commit", unit, describe(d.Event), note)
		return true
	}
	s.commit(in, d, guard, note)
	return true
}

func (s *sim) commit(in resolver.Input, d resolver.Decision, guard *controllerv1.Guard, note string) {
	unit := in.Model.Name
	req := &controllerv1.CommitRequest{Guard: guard, CommitId: s.id(), Event: d.Event, ResolvedUsed: d.Resolved}
	var out resolver.Outcome
	req.Outcome = &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: &hookv1.Changeset{EventId: d.Event.Id}}}
	switch hook := unit + " " + event.Name(d.Event); {
	case d.Interrupted:
		req.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Message: d.Reason}}
		word, _, _ := strings.Cut(d.Reason, " ")
		note += " " + strings.Trim(word, ":;")
	case note == " not placed":
		out = resolver.Outcome{Failed: true, ExitCode: 1, Message: "no", Unplaced: in.Model.Application.CharmDigest}
		req.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Attempt: d.Event.Attempt + 1, Message: "no"}}
	case d.Do == resolver.Skip:
		note += " skipped"
	case s.fails[hook] > 0 && !event.Task(d.Event.Kind):
		s.fails[hook]--
		out = resolver.Outcome{Failed: true, ExitCode: 1, Message: "no"}
		req.Outcome = &controllerv1.CommitRequest_Failed{Failed: &controllerv1.CommitFailed{Attempt: d.Event.Attempt + 1, Message: "no"}}
	}
	if hook := unit + " " + event.Name(d.Event); s.reboots[hook] && !out.Failed {
		delete(s.reboots, hook)
		out.Reboot, note = true, note+" asks for a reboot"
	}
	after := resolver.Advance(in, d, out)
	req.Cursor, req.Members = resolver.Split(in.Cursor, after)
	if out.Failed {
		note += fmt.Sprintf(" FAILED attempt %d", after.Pending.Attempt)
		if next := after.Pending.NextTryUnixNano; next != 0 {
			note += fmt.Sprintf(", again in %.1fs", time.Unix(0, next).Sub(s.now).Seconds())
		}
	}
	s.written(unit, d.Event, s.store.Commit(req))
	s.print("%s %s%s", unit, describe(d.Event), note)
}

// id is a commit's id; the numbers only have to differ.
func (s *sim) id() string {
	s.commits++
	return strconv.Itoa(s.commits)
}

// written fails the test when a write was refused; without its own records the agent would decide on an old view.
func (s *sim) written(unit string, ev *hookv1.Event, resp *controllerv1.CommitResponse) {
	if resp.Refusal != nil {
		s.t.Fatalf("%s %s: refused: %v", unit, ev.Id, resp.Refusal)
	}
	s.replica.Merge("epoch-1", unit, resp.Objects)
}

func (s *sim) print(format string, args ...any) { fmt.Fprintf(&s.out, "  "+format+"\n", args...) }

// describe is an event as the traces show it.
func describe(ev *hookv1.Event) string {
	text := ev.Id
	if ev.RelationId != 0 {
		text += " " + api.RelationID(ev.Endpoint, ev.RelationId)
		if ev.RemoteUnit != "" {
			text += " " + ev.RemoteUnit
		}
		if ev.DepartingUnit != "" {
			text += " leaver=" + ev.DepartingUnit
		}
	}
	if ev.SecretId != "" {
		text += " secret=" + ev.SecretId
		if ev.SecretLabel != "" {
			text += " label=" + ev.SecretLabel
		}
		if ev.SecretRevision != 0 {
			text += fmt.Sprintf(" revision=%d", ev.SecretRevision)
		}
	}
	for name, value := range map[string]string{"notice": ev.NoticeKey, "check": ev.CheckName, "storage": ev.StorageId, "task": ev.TaskId} {
		if value != "" {
			text += " " + name + "=" + value
		}
	}
	if ev.Attempt > 0 {
		text += fmt.Sprintf(" again (%d)", ev.Attempt)
	}
	return text
}

// settle lets every unit do one event in turn until none has anything to do.
func (s *sim) settle() {
	for range 10_000 {
		moved := false
		for _, unit := range s.store.Units() {
			moved = s.step(unit, phaseCommitted) || moved
			if s.store.Get(key.OfUnit(key.Unit, unit)).GetUnit().GetLife() == controllerv1.Life_LIFE_DEAD {
				s.store.Reap()
				delete(s.place, unit)
				delete(s.seen, unit)
				s.print("%s is gone", unit)
				moved = true
			}
		}
		if !moved {
			return
		}
	}
	s.t.Fatal("the model does not come to rest")
}
