//go:build crashpoints

package crash_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/test/stage"
)

// Who may die.
const (
	agent      = "agent"
	runtime    = "runtime"
	substrate  = "substrate"
	controller = "controller"
	supervisor = "supervisor"
)

// programs are built once for all tests: another one may be writing the sources meanwhile.
var programs = sync.OnceValues(func() (string, error) { return stage.Programs(context.Background(), "crashpoints") })

var victims = []string{agent, runtime, substrate, controller, supervisor}

// points are the names in the sources: a new one has its rows at once.
func points(t *testing.T) []string {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	names, err := crash.Points(os.DirFS(filepath.Join(root, "core")))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 10 {
		t.Fatalf("only %d crash points were found: %v", len(names), names)
	}
	return names
}

// rare are points that the story passes only a few times; all others die at a different passing in each row.
var rare = []string{"dispatch.charm-fetched", "dispatch.charm-copy", "dispatch.charm-noted", "dispatch.charm-placed"}

// TestCrashAtEveryPoint lets each kind of process die while another, or it itself, stands at each point.
func TestCrashAtEveryPoint(t *testing.T) {
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	var st *story
	row := 0
	for _, point := range points(t) {
		for _, victim := range victims {
			row++
			nth := 1 + row%4 // on a quick machine a new unit is gone again after its install: no point is passed more often for sure
			if slices.Contains(rare, point) {
				nth = 1
			}
			if st == nil {
				st = newStory(t, bin)
			}
			ok := t.Run(point+"/"+victim, func(t *testing.T) { st.on(t).row(point, nth, victim, fmt.Sprint(row)) })
			if !ok { // the rows after it are not to suffer
				st.Close()
				st = nil
			}
		}
	}
}

func (st *story) row(point string, nth int, victim, tick string) {
	killed := ""
	trap := st.Arm(point, nth, func(int) { killed = st.kill(victim) })
	st.play(tick)
	select {
	case <-trap.Reached:
		<-trap.Done
	case <-time.After(5 * time.Second): // the story's last events may be under way still
		st.t.Fatalf("nobody came to %s for the %d. time; it was passed %d times so far", point, nth, st.Seen(point))
	}
	st.came(victim)
	st.check(tick, killed)
}

// kill ends a process of a kind with SIGKILL, waits for its end, and says which unit's supervisor it was, if it was one.
func (st *story) kill(victim string) string {
	var p stage.Proc
	found, unit := false, ""
	switch victim {
	case agent:
		st.KillAgent()
		return ""
	case controller:
		st.Controller.Kill()
		return ""
	case runtime:
		p, found = stage.Plugin(st.AgentPID(), "runtime-python")
	case substrate:
		p, found = stage.Plugin(st.Controller.PID(), "substrate-local")
		if other, ok := stage.Plugin(st.AgentPID(), "substrate-local"); ok {
			end(other)
		}
	case supervisor:
		unit = "left/0"
		p, found = st.Supervisors()[unit]
	}
	if found {
		end(p)
	}
	return unit
}

func end(p stage.Proc) {
	p.Kill()
	for p.Alive() {
		<-time.After(time.Millisecond)
	}
}

// came: whoever was killed is there again.
func (st *story) came(victim string) {
	st.t.Helper()
	there := func() bool {
		ok := false
		switch victim {
		case agent:
			ok = st.AgentPID() != 0
		case controller:
			ok = st.Controller.PID() != 0
		case runtime:
			_, ok = stage.Plugin(st.AgentPID(), "runtime-python")
		case substrate:
			_, ok = stage.Plugin(st.Controller.PID(), "substrate-local")
		case supervisor:
			_, ok = st.Supervisors()["left/0"]
		}
		return ok
	}
	deadline := time.Now().Add(20 * time.Second)
	for !there() {
		if time.Now().After(deadline) {
			st.t.Fatalf("the %s never came back", victim)
		}
		<-time.After(5 * time.Millisecond)
	}
}
