package resolver_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// charmSide is what one unit's charm was told, checked as it is told.
type charmSide struct {
	removed   bool
	cutOff    bool            // the agent dies before the commit: a plain event is told again, perhaps after others
	known     map[string]bool // ids of events it heard: hearing one again is a repetition, not news
	heard     int
	relations map[int32]map[string]bool // created ones, and who joined
	tasks     map[string]bool
	wrong     string
}

// hear checks one event that the charm is given.
func (c *charmSide) hear(ev *hookv1.Event) {
	if c.known[ev.Id] {
		if event.Task(ev.Kind) {
			c.blame("%s ran twice", ev.Id)
		}
		return
	}
	if c.removed {
		c.blame("%s after remove", ev.Id)
	}
	c.removed = ev.Kind == api.EventRemove && !c.cutOff
	c.known[ev.Id] = api.Paired(ev.Kind) || !c.cutOff
	c.heard++
	// A begun install may have been cut off before the charm heard it; then remove comes first.
	if c.heard == 1 && ev.Kind != api.EventInstall && ev.Kind != api.EventRemove {
		c.blame("%s was heard before install", ev.Id)
	}
	if event.Task(ev.Kind) {
		if c.tasks[ev.TaskId] {
			c.blame("task %s ran twice", ev.TaskId)
		}
		c.tasks[ev.TaskId] = true
	}
	if api.IsRelation(ev.Kind) {
		c.hearRelation(ev)
	}
}

func (c *charmSide) hearRelation(ev *hookv1.Event) {
	members, created := c.relations[ev.RelationId]
	if ev.Kind != api.EventRelationCreated && !created {
		c.blame("%s before created", ev.Id)
	}
	switch ev.Kind {
	case api.EventRelationCreated:
		if created {
			c.blame("%s twice", ev.Id)
		}
		c.relations[ev.RelationId] = map[string]bool{}
	case api.EventRelationJoined:
		if members[ev.RemoteUnit] {
			c.blame("%s of a member", ev.Id)
		}
		members[ev.RemoteUnit] = true
	case api.EventRelationChanged:
		if ev.RemoteUnit != "" && !members[ev.RemoteUnit] {
			c.blame("%s of a stranger", ev.Id)
		}
	case api.EventRelationDeparted:
		if !members[ev.RemoteUnit] {
			c.blame("%s of a stranger", ev.Id)
		}
		if !c.cutOff {
			delete(members, ev.RemoteUnit)
		}
	case api.EventRelationBroken:
		if len(members) > 0 {
			c.blame("%s with members left", ev.Id)
		}
		if !c.cutOff {
			delete(c.relations, ev.RelationId)
		}
	}
}

func (c *charmSide) blame(format string, args ...any) {
	if c.wrong == "" {
		c.wrong = fmt.Sprintf(format, args...)
	}
}

// TestAnyInterleavingConverges lets users, charms and crashes come in any order. The charms never hear anything out
// of order, and once all is quiet every cursor says what the model says.
func TestAnyInterleavingConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSim(t)
		charms := map[string]*charmSide{}
		s.after = func(unit string, ev *hookv1.Event, ran, cutOff bool) {
			if ran {
				reborn := charms[unit] != nil && charms[unit].removed && ev.Kind == api.EventInstall
				if charms[unit] == nil || reborn {
					charms[unit] = &charmSide{relations: map[int32]map[string]bool{}, tasks: map[string]bool{}, known: map[string]bool{}}
				}
				charms[unit].cutOff = cutOff
				charms[unit].hear(ev)
			}
			if c := charms[unit]; c != nil && c.wrong != "" {
				rt.Fatalf("%s: %s\n%s", unit, c.wrong, s.out.String())
			}
		}
		s.store.Deploy(agenttest.App{Name: "web", Digest: "one", Units: 2, Peers: []string{"cluster"}})
		s.store.Deploy(agenttest.App{Name: "db", Digest: "one", Units: 1})
		s.store.Deploy(agenttest.App{Name: "log", Digest: "one"}) // lives beside others
		for range rapid.IntRange(5, 80).Draw(rt, "moves") {
			move(rt, s)
		}
		clear(s.fails)
		for range 3 { // retries, then update-status
			s.settle()
			s.now = s.now.Add(6 * time.Minute)
		}
		s.settle()
		for _, unit := range s.store.Units() {
			agrees(rt, s, unit)
		}
	})
}

// move is one thing that happens.
func move(rt *rapid.T, s *sim) {
	units := s.store.Units()
	if len(units) == 0 {
		return
	}
	unit := rapid.SampledFrom(units).Draw(rt, "unit")
	app := api.ApplicationOf(unit)
	switch rapid.SampledFrom([]string{"step", "step", "step", "step", "step", "step", "crash", "crash", "config", "relate", "tie", "unrelate",
		"suspend", "bag", "appbag", "add", "remove", "task", "fail", "lead", "refresh", "up", "wait", "reap", "resolve"}).Draw(rt, "move") {
	case "step":
		s.step(unit, phaseCommitted)
	case "crash":
		s.step(unit, rapid.SampledFrom([]string{phaseBegun, phaseRan}).Draw(rt, "phase"))
	case "config":
		s.store.Config(app, "k", "v")
	case "relate":
		s.store.Integrate("web", "db", "db", "db")
	case "tie":
		s.store.Tie("log", "host", "web", rapid.SampledFrom([]string{"logs", "juju-info"}).Draw(rt, "over"))
	case "unrelate":
		s.store.RemoveRelation(int32(rapid.IntRange(2, 4).Draw(rt, "relation")))
	case "suspend":
		if id := int32(rapid.IntRange(2, 3).Draw(rt, "relation")); s.relation(id) != nil {
			s.store.Suspend(id, rapid.Bool().Draw(rt, "on"))
		}
	case "bag":
		if r := s.relation(int32(rapid.IntRange(1, 3).Draw(rt, "relation"))); r != nil && slices.Contains(r.Units, unit) {
			s.store.WriteBag(r.ID, unit, "k", "v")
		}
	case "appbag":
		if s.relation(2) != nil {
			s.store.WriteBag(2, app, "k", "v")
		}
	case "add":
		if len(units) < 6 && app != "log" {
			s.store.AddUnits(app, 1)
		}
	case "remove":
		if app != "log" {
			s.store.RemoveUnit(unit, rapid.Bool().Draw(rt, "force"))
		}
	case "task":
		s.store.Run(unit, "act", "{}")
	case "fail":
		s.fails[unit+" "+rapid.SampledFrom([]string{"install", "config-changed", "db-relation-joined", "db-relation-broken", "stop"}).Draw(rt, "hook")] = 2
	case "lead":
		s.store.Lead(app, unit)
	case "refresh":
		s.store.Refresh(app, rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "charm"), rapid.Bool().Draw(rt, "force"))
	case "up":
		s.container([]string{unit, "app"}, func(c *source.Container) { c.BootID += "x" })
	case "wait":
		s.now = s.now.Add(time.Minute)
	case "reap":
		s.store.Reap()
	case "resolve":
		s.store.Resolve(unit, rapid.Bool().Draw(rt, "retry"))
	}
}

// relation is what web or db sees of one, nil if it does not exist.
func (s *sim) relation(id int32) *source.Relation {
	for _, unit := range s.store.Units() {
		if in, ok := s.input(unit); ok && in.Model.Relation(id) != nil {
			return in.Model.Relation(id)
		}
	}
	return nil
}

// agrees compares a unit's cursor with the model: nothing is owed, nothing is left over.
func agrees(rt *rapid.T, s *sim, unit string) {
	in, ok := s.input(unit)
	if !ok {
		return
	}
	c := in.Cursor
	d := resolver.Next(in)
	if strings.HasPrefix(d.Reason, "waiting for its principal") && s.untold(in) {
		return
	}
	if d.Do != resolver.Idle {
		rt.Fatalf("%s: %s %s %v at rest\n%s", unit, d.Do, d.Reason, d.Event, s.out.String())
	}
	app := in.Model.Application
	if !c.Installed || !c.Started || c.Pending != nil || c.CharmDigest != app.CharmDigest || c.ConfigRevision != app.ConfigRevision || c.Leader != in.Model.Leads() {
		rt.Fatalf("%s: the cursor %v does not say what the model says\n%s", unit, c, s.out.String())
	}
	for _, rel := range in.Model.Relations {
		want := map[string]uint64{}
		for _, u := range rel.Units {
			if u != unit && api.ApplicationOf(u) == rel.Remote.Application && s.beside(rel, unit, u) && rel.Record.Life == controllerv1.Life_LIFE_ALIVE && !rel.Record.Suspended {
				want[u] = rel.Bags[u].GetVersion()
			}
		}
		if got := c.Relations[rel.ID].GetMembers(); !maps.Equal(got, want) {
			rt.Fatalf("%s: told of %v in relation %d, want %v\n%s", unit, got, rel.ID, want, s.out.String())
		}
	}
	for id := range c.Relations {
		if in.Model.Relation(id) == nil {
			rt.Fatalf("%s: relation %d is still in the cursor\n%s", unit, id, s.out.String())
		}
	}
	for _, task := range in.Model.Tasks {
		if task.Status == "pending" || task.Status == "running" {
			rt.Fatalf("%s: task %s is %s at rest", unit, task.Id, strings.ToUpper(task.Status))
		}
	}
}

// beside says whether two units meet in the relation as its scope has it, and whether the first is told: nobody is of what
// comes over juju-info.
func (s *sim) beside(rel *source.Relation, unit, other string) bool {
	if rel.Record.Endpoints[0].Scope != "container" {
		return true
	}
	principal := func(u string) string { return s.store.Get(key.OfUnit(key.Unit, u)).GetUnit().GetPrincipal() }
	return rel.Own.Name != "juju-info" && (principal(unit) == other || principal(other) == unit)
}

// untold says whether every relation that put a subordinate beside its principal is suspended.
func (s *sim) untold(in resolver.Input) bool {
	return !slices.ContainsFunc(in.Model.Relations, func(r *source.Relation) bool {
		return r.Record.Life == controllerv1.Life_LIFE_ALIVE && !r.Record.Suspended
	})
}

// TestSplitAndWhole: what is written in blocks is read back whole, and only blocks that changed are written.
func TestSplitAndWhole(t *testing.T) {
	before := &controllerv1.Cursor{Relations: map[int32]*controllerv1.RelationCursor{1: {Members: map[string]uint64{"a/0": 1, "a/63": 1, "a/64": 1, "a/200": 1}}}}
	after := &controllerv1.Cursor{Sequence: 1, Relations: map[int32]*controllerv1.RelationCursor{1: {Members: map[string]uint64{"a/0": 2, "a/63": 1, "a/64": 1}}, 2: {}}}
	stored, blocks := resolver.Split(before, after)
	if len(stored.Relations[1].Members) != 0 || len(after.Relations[1].Members) != 3 {
		t.Fatalf("the stored cursor has members, or the argument was changed: %v %v", stored, after)
	}
	if len(blocks) != 2 || blocks[0].Block != 0 || len(blocks[0].Members) != 2 || blocks[1].Block != 3 || len(blocks[1].Members) != 0 {
		t.Fatalf("wrote %v, want block 0 and the emptied block 3", blocks)
	}
	_, first := resolver.Split(nil, after)
	whole := resolver.Whole(&source.Snapshot{State: &controllerv1.UnitState{Cursor: stored}, Blocks: first})
	if !maps.Equal(whole.Relations[1].Members, after.Relations[1].Members) || whole.Sequence != 1 {
		t.Errorf("read back %v, want %v", whole, after)
	}
}

// TestAnEventCopiesOneRelation: what is done to the cursor for an event does not grow with the relations that it is not about, and
// leaves the cursor that was read as it was.
func TestAnEventCopiesOneRelation(t *testing.T) {
	made := func(relations int32) float64 {
		state := &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Relations: map[int32]*controllerv1.RelationCursor{}}}
		snap := &source.Snapshot{Name: "web/0", Unit: &controllerv1.Unit{Name: "web/0"}, State: state, Application: &controllerv1.Application{Name: "web"}}
		for id := range relations {
			state.Cursor.Relations[id+1] = &controllerv1.RelationCursor{Created: true, Endpoint: "db", RemoteApp: "db"}
			snap.Relations = append(snap.Relations, &source.Relation{ID: id + 1, Record: &controllerv1.Relation{Id: id + 1}, Own: &controllerv1.Endpoint{Name: "db"}, Remote: &controllerv1.Endpoint{Application: "db"}})
		}
		was := proto.CloneOf(state)
		ev := &hookv1.Event{Id: "1-db-relation-joined", Kind: api.EventRelationJoined, RelationId: 3, RemoteUnit: "db/0", RemoteApp: "db", Endpoint: "db"}
		count := testing.AllocsPerRun(20, func() {
			in := resolver.Input{Cursor: resolver.Whole(snap), Model: snap, Seen: &source.Observation{}, Now: time.Unix(1, 0)}
			after := resolver.Advance(in, resolver.Decision{Event: ev}, resolver.Outcome{})
			stored, blocks := resolver.Split(in.Cursor, after)
			if len(blocks) != 1 || len(stored.Relations) != int(relations) || stored.Relations[3].OwedChanged != "db/0" || stored.Relations[3].Members != nil {
				t.Fatalf("wrote %d relations and %v", len(stored.Relations), blocks)
			}
		})
		if !proto.Equal(state, was) {
			t.Error("the state that was read is another now")
		}
		return count
	}
	few, many := made(10), made(1000)
	if many > few+100 {
		t.Errorf("an event of one relation in a thousand makes %.0f objects, of one in ten %.0f", many, few)
	}
	t.Logf("%.0f and %.0f objects", few, many)
}

// TestNewerCursorWaits: an older agent never starts afresh on what it does not understand.
func TestNewerCursorWaits(t *testing.T) {
	in := resolver.Input{Cursor: &controllerv1.Cursor{MinReader: resolver.Reader + 1}, Model: &source.Snapshot{Unit: &controllerv1.Unit{}}}
	if d := resolver.Next(in); d.Do != resolver.Wait || !strings.Contains(d.Reason, "upgrade the agent") {
		t.Errorf("got %+v", d)
	}
}

// TestRetryIsTheSameEachTimeAndBounded: two agents, or one before and after a restart, agree on the next try.
func TestRetryIsTheSameEachTimeAndBounded(t *testing.T) {
	now := time.Unix(0, 0)
	for attempt := int32(1); attempt < 40; attempt++ {
		a, b := resolver.Retry(now, "7-install", attempt), resolver.Retry(now, "7-install", attempt)
		if !a.Equal(b) || a.Sub(now) > 5*time.Minute || a.Sub(now) < 4*time.Second {
			t.Errorf("attempt %d: %v and %v", attempt, a.Sub(now), b.Sub(now))
		}
	}
}
