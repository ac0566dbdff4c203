//go:build crashpoints

package crash_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// listener is a test that writes down what it is told instead of failing.
type listener struct {
	*testing.T
	said []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

// TestPlantedFaultsAreFound: a check that cannot fail shows nothing. Each row does to the model, or to what lies outside
// of it, what a fault of ours would have done, and wants the check to say so, once and with the right words.
func TestPlantedFaultsAreFound(t *testing.T) {
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []struct {
		name  string
		plant func(st *story)
		want  string
	}{
		{"none", func(*story) {}, ""},
		{"a changeset applied twice", func(st *story) { st.count("left/0", "+ 2") }, "the charm's counter says"},
		{"a changeset lost", func(st *story) { st.count("right/0", "+ 0") }, "the charm's counter says"},
		{"two runs of a unit at once", func(st *story) { st.write(filepath.Join(st.log, "clash"), "left/0 start 7\n") }, "two runs of one unit at once"},
		{"a joined without its departed", func(st *story) {
			st.write(filepath.Join(st.log, "left-9.log"), "out-relation-joined out right-0\n")
		}, "never that it departed"},
		{"a supervisor that nobody was to kill", func(st *story) { st.came(st.victim("left/1")) }, "the supervisor of left/1"},
		{"an action that ran twice", func(st *story) {
			done := st.Finished(st.Queue("once", "", "left/0"))
			st.write(filepath.Join(st.log, "once"), st.read("once")+done[0].GetId()+"\n")
			st.tasks(done)
		}, "ran 2 times"},
	} {
		t.Run(fault.name, func(t *testing.T) {
			heard := &listener{T: t}
			st := newStory(t, bin).on(heard)
			fault.plant(st)
			st.check("0", "")
			if all := strings.Join(heard.said, "\n"); (fault.want == "") != (all == "") || !strings.Contains(all, fault.want) {
				t.Errorf("the check says %q, want %q", all, fault.want)
			}
		})
	}
}

// count has a unit count one event in another way than by one.
func (st *story) count(unit, how string) {
	st.t.Helper()
	st.Finished(st.Exec([]string{"sh", "-c", "state-set n=$(($(state-get n) " + how + "))"}, unit))
}

// victim kills the supervisor of a unit and waits for the next one.
func (st *story) victim(unit string) string {
	st.t.Helper()
	end(st.Supervisors()[unit])
	return supervisor
}
