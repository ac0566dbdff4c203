//go:build crashpoints

package crash_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/test/stage"
)

// TestKillInMidHook kills while a hook hangs, with a grandchild in a session of its own. Who dies decides whether the hook
// goes on (nobody it needs has died), runs again after all of it was ended, or, for an action, is failed.
func TestKillInMidHook(t *testing.T) {
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	st := newStory(t, bin)
	for i, row := range []struct {
		victim string
		unit   string
		hook   string
		again  bool // the hook's processes are ended and it runs again
	}{
		{agent, "left/0", "config-changed", true},
		{runtime, "left/0", "config-changed", true},
		{substrate, "left/0", "config-changed", false},
		{controller, "left/0", "config-changed", false},
		{supervisor, "left/0", "config-changed", false},
		{agent, "left/1", "upgrade-charm", true},
		{runtime, "left/1", "upgrade-charm", true},
		{controller, "left/1", "upgrade-charm", false},
		{agent, "right/0", "in-relation-joined", true},
		{runtime, "right/0", "in-relation-joined", true},
		{controller, "right/0", "in-relation-joined", false},
		{agent, "left/0", "once", true},
		{runtime, "left/0", "once", true},
		{controller, "left/0", "once", false},
	} {
		tick := fmt.Sprint("h", i)
		t.Run(fmt.Sprintf("%s in %s", row.victim, row.hook), func(t *testing.T) {
			st.on(t).hang(row.victim, row.unit, row.hook, tick, row.again)
		})
	}
}

// hang plays the story with one hook that hangs in its middle, and kills there.
func (st *story) hang(victim, unit, hook, tick string, again bool) {
	me := strings.Replace(unit, "/", "-", 1)
	file := func(state string) string { return filepath.Join(st.log, state) }
	_ = os.Remove(file("go")) // of the row before
	st.write(file("hang."+me+"."+hook), "")
	st.revise()
	st.Refresh("left", st.charm)
	operation := st.Queue("once", "", "left/0")
	st.Config("left", map[string]string{"tick": tick})
	st.Scale("left", 3)

	hung := st.hung(me)
	ran := strings.Count(st.read(me+".log"), hook+" ")
	killed := st.kill(victim)
	st.came(victim)
	if again {
		for _, p := range hung {
			gone(st.t, p)
		}
	} else {
		st.write(file("go"), "")
	}
	st.tasks(st.Finished(operation))
	st.Await(stage.Active("left", 3, tick))
	st.Scale("left", 2)
	st.Await(stage.Active("left", 2, tick))
	st.write(file("go"), "")

	st.check(tick, killed)
	if !again && strings.Count(st.read(me+".log"), hook+" ") != ran && hook != "in-relation-joined" {
		st.t.Errorf("%s ran again although nobody it needs had died", hook)
	}
}

func (st *story) write(name, text string) {
	st.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		st.t.Fatal(err)
	}
}

// hung waits until the hook hangs and returns its process and the grandchild's.
func (st *story) hung(me string) []stage.Proc {
	st.t.Helper()
	name := filepath.Join(st.log, "hung."+me)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if text, err := os.ReadFile(name); err == nil {
			var list []stage.Proc
			for _, word := range strings.Fields(string(text)) {
				pid, _ := strconv.Atoi(word)
				if p, ok := stage.Find(pid); ok {
					list = append(list, p)
				}
			}
			_ = os.Remove(name) // the next row's
			if len(list) != 2 {
				st.t.Fatalf("of the hanging hook and its grandchild %v run", list)
			}
			return list
		}
		if time.Now().After(deadline) {
			st.t.Fatalf("no hook of %s hangs", me)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// gone waits for a process's end, which nobody but the runtime brings about: it would run on for ever.
func gone(t tb, p stage.Proc) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for p.Alive() {
		if time.Now().After(deadline) {
			t.Fatalf("a process of the interrupted hook runs on: %v", p)
		}
		<-time.After(5 * time.Millisecond)
	}
}
