//go:build crashpoints

package crash_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// tb is what a story needs of a test: one that was told of a planted fault is another.
type tb interface {
	stage.TB
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// story is the model on which all rows are played: two units of left, one of right, one relation, a peer relation.
type story struct {
	*stage.Stage
	t     tb
	log   string // directory that the charm writes to, outside of the model
	charm string
	rows  *int // revisions of the charm
	// interrupted counts the tasks of a unit that were failed without having run.
	interrupted map[string]int
	supervisors map[string]stage.Proc
}

func newStory(t *testing.T, bin string) *story {
	t.Helper()
	st := &story{Stage: stage.New(t, stage.Config{CrashPoints: true, Bin: bin}), t: t, rows: new(int), interrupted: map[string]int{}}
	st.log = filepath.Join(st.Dir, "log")
	st.charm = filepath.Join(st.Dir, "tally")
	if err := os.Mkdir(st.log, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(st.charm, os.DirFS("testdata/tally")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(st.charm, "dispatch"), 0o755); err != nil {
		t.Fatal(err)
	}
	st.revise()
	for app, units := range map[string]uint32{"left": 2, "right": 1} {
		st.Deploy(st.charm, &clientv1.DeployRequest{Application: app, Units: units})
	}
	st.Integrate("left:out", "right:in")
	st.Config("left", map[string]string{"tick": "0"})
	st.Config("right", map[string]string{"tick": "0"})
	st.Await(stage.All(stage.Active("left", 2, "0"), stage.Active("right", 1, "0")))
	return st
}

// on is the story in a row.
func (st *story) on(t tb) *story {
	row := *st
	row.Stage, row.t = st.For(t), t
	row.supervisors = st.Supervisors()
	return &row
}

// revise makes the charm another one.
func (st *story) revise() {
	st.t.Helper()
	*st.rows++
	env := fmt.Sprintf("LOG=%s\nPEBBLE=%s\nREVISION=%d\n", st.log, filepath.Join(st.Bin, "pebble"), *st.rows)
	if err := os.WriteFile(filepath.Join(st.charm, "env.sh"), []byte(env), 0o644); err != nil {
		st.t.Fatal(err)
	}
}

// play is what happens in every row, while somebody is killed: a refresh, a change, an action, a unit more, and that unit
// gone again.
func (st *story) play(tick string) {
	st.t.Helper()
	st.revise()
	st.Refresh("left", st.charm)
	operation := st.Queue("once", "", "left/0")
	st.Config("left", map[string]string{"tick": tick})
	st.Scale("left", 3)
	st.tasks(st.Finished(operation))
	st.Await(stage.Active("left", 3, tick))
	st.Scale("left", 2)
	st.Await(stage.All(stage.Active("left", 2, tick), stage.Active("right", 1, "")))
}

// tasks have ended in one of the two ways, and ran at most once.
func (st *story) tasks(list []*controllerv1.Task) {
	st.t.Helper()
	lines := strings.Fields(st.read("once"))
	for _, task := range list {
		ran := 0
		for _, line := range lines {
			if line == task.GetId() {
				ran++
			}
		}
		switch {
		case ran > 1:
			st.t.Errorf("task %s ran %d times, want at most once", task.GetId(), ran)
		case task.GetStatus() == "completed" && ran == 1 && task.GetResults()["id"] == task.GetId():
		case task.GetStatus() == "failed" && strings.Contains(task.GetMessage(), "interrupted"):
			st.interrupted[task.GetUnit()]++
		default:
			st.t.Errorf("task %s is %s %q with results %v and ran %d times", task.GetId(), task.GetStatus(), task.GetMessage(), task.GetResults(), ran)
		}
	}
}

// read is a file that the charm wrote, "" if it did not.
func (st *story) read(name string) string {
	st.t.Helper()
	text, err := os.ReadFile(filepath.Join(st.log, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		st.t.Fatal(err)
	}
	return string(text)
}

// told is what a unit's charm says of itself.
type told struct {
	n     int
	seq   int // of the event in which it said so
	state map[string]string
}

// ask runs the action show on a unit.
func (st *story) ask(unit string) told {
	st.t.Helper()
	task := st.Finished(st.Queue("show", "", unit))[0]
	n, err := strconv.Atoi(task.GetResults()["n"])
	if task.GetStatus() != "completed" || err != nil {
		st.t.Fatalf("%s does not say what it counted: %v", unit, task)
	}
	got := told{n: n, state: map[string]string{}}
	if err := json.Unmarshal([]byte(task.GetResults()["state"]), &got.state); err != nil {
		st.t.Fatalf("%s says %q: %v", unit, task.GetResults()["state"], err)
	}
	for got.seq == 0 {
		for _, entry := range st.Journal(unit) {
			if entry.GetEvent().GetTaskId() == task.GetId() {
				number, _, _ := strings.Cut(entry.GetEvent().GetId(), "-")
				if got.seq, err = strconv.Atoi(number); err != nil {
					st.t.Fatalf("the event's id is %q: %v", entry.GetEvent().GetId(), err)
				}
			}
		}
		select {
		case <-time.After(10 * time.Millisecond): // the journal is told a moment after the commit
		case <-st.t.Context().Done():
			st.t.Fatalf("the journal of %s never had task %s", unit, task.GetId())
		}
	}
	return got
}

// check holds the model and what lies outside of it against what must be true after every row.
func (st *story) check(tick string, killed string) {
	st.t.Helper()
	if text := st.read("clash"); text != "" {
		st.t.Errorf("two runs of one unit at once: %s", text)
		_ = os.Remove(filepath.Join(st.log, "clash")) // once is enough
	}
	for _, unit := range []string{"left/0", "left/1", "right/0"} {
		got := st.settled(unit, tick)
		if want := got.seq - 1 - st.interrupted[unit]; got.n != want {
			st.t.Errorf("%s: %d events are committed and the charm's counter says %d", unit, want, got.n)
		}
	}
	st.departed()
	st.alive(killed)
}

// settled asks a unit until it has heard of the last change of the others, and of everybody who came or went.
func (st *story) settled(unit, tick string) told {
	st.t.Helper()
	others := map[string][]string{
		"left/0": {"ring.left-1", "out.right-0"}, "left/1": {"ring.left-0", "out.right-0"}, "right/0": {"in.left-0", "in.left-1"},
	}[unit]
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := st.ask(unit)
		why := got.lacks(others, tick)
		if why == "" {
			return got
		}
		if time.Now().After(deadline) {
			st.t.Fatalf("%s never heard of what happened: %s\n%v", unit, why, got.state)
		}
	}
}

// lacks says what a unit has not heard of yet: members that are there ("ring.left-1"), members that are not, the tick.
func (got told) lacks(others []string, tick string) string {
	for _, who := range others {
		if got.state["in."+who] != "1" {
			return who + " has joined"
		}
		if strings.Contains(who, "left") && got.state["saw."+who] != tick {
			return who + " says " + tick
		}
	}
	for key, value := range got.state {
		if who, is := strings.CutPrefix(key, "in."); is && value != "0" && !slices.Contains(others, who) {
			return fmt.Sprintf("%s has departed (joined minus departed is %s)", who, value)
		}
	}
	return ""
}

// departed: whoever was told that a unit joined is told that it departed, also outside of the model. Units that are gone
// had their say too.
func (st *story) departed() {
	st.t.Helper()
	logs, err := filepath.Glob(filepath.Join(st.log, "*.log"))
	if err != nil {
		st.t.Fatal(err)
	}
	for _, name := range logs {
		me := strings.TrimSuffix(filepath.Base(name), ".log")
		lines := strings.Split(st.read(filepath.Base(name)), "\n")
		last := map[string]string{}
		for _, line := range lines {
			f := strings.Fields(line)
			if len(f) == 3 && (strings.HasSuffix(f[0], api.EventRelationJoined) || strings.HasSuffix(f[0], api.EventRelationDeparted)) {
				last[f[1]+" "+f[2]] = f[0]
			}
		}
		gone := !slices.Contains([]string{"left-0", "left-1", "right-0"}, me)
		for _, who := range slices.Sorted(maps.Keys(last)) {
			_, them, _ := strings.Cut(who, " ")
			there := slices.Contains([]string{"left-0", "left-1", "right-0"}, them)
			if joined := strings.HasSuffix(last[who], api.EventRelationJoined); joined && (gone || !there) {
				st.t.Errorf("%s was told that %s joined and never that it departed", me, who)
			}
		}
	}
}

// alive: the supervisors of units that stayed run on, but for the one that was killed.
func (st *story) alive(killed string) {
	st.t.Helper()
	now := st.Supervisors()
	for unit, before := range st.supervisors {
		if unit != killed && strings.HasPrefix(unit, "left/") && unit != "left/0" && unit != "left/1" {
			continue
		}
		if unit == killed {
			continue
		}
		if now[unit].PID != before.PID || now[unit].Start != before.Start {
			st.t.Errorf("the supervisor of %s was %v and is %v", unit, before, now[unit])
		}
	}
}
