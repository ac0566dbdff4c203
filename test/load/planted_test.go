package load_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// rest is a model at rest: two applications, one relation.
func rest() *final {
	of := func(leader bool, entries string) book {
		b := map[string]string{"tick": "7"}
		for e := range strings.FieldsSeq(entries) {
			k, v, _ := strings.Cut(e, "=")
			b[k] = v
		}
		return book{entries: b, leader: strconv.FormatBool(leader)}
	}
	return &final{
		units: map[string][]string{"a": {"a/0", "a/1"}, "b": {"b/3"}}, leaders: map[string]string{"a": "a/1", "b": "b/3"}, scale: map[string]int{"a": 2, "b": 1},
		ticks: map[string]string{"a": "7", "b": "7"}, relations: [][2]string{{"a", "b"}},
		books: map[string]book{
			"a/0": of(false, "led=1 in.ring.a-1=1 saw.ring.a-1=7 in.out.b-3=1 saw.out.b-3=7 app.out.b=7 in.out.b-2=0 saw.out.b-2=1"),
			"a/1": of(true, "led=2 in.ring.a-0=1 saw.ring.a-0=7 in.out.b-3=1 saw.out.b-3=7 app.out.b=7"),
			"b/3": of(true, "led=1 in.in.a-0=1 saw.in.a-0=7 in.in.a-1=1 saw.in.a-1=7 app.in.a=7"),
		},
	}
}

// TestTheCheckFindsWhatWasNotSeen: each row takes one thing from a model at rest, or adds one, as a fault of ours would.
func TestTheCheckFindsWhatWasNotSeen(t *testing.T) {
	set := func(unit, key, value string) func(*final) {
		return func(f *final) { f.books[unit].entries[key] = value }
	}
	for _, c := range []struct {
		name  string
		plant func(*final)
		want  string
	}{
		{"nothing", func(*final) {}, ""},
		{"a config change not seen", set("a/1", "tick", "6"), "a/1 knows tick \"6\""},
		{"a unit's bag not seen", set("b/3", "saw.in.a-1", "5"), "b/3: in.a-1 says \"5\""},
		{"an application's bag not seen", set("a/0", "app.out.b", ""), "a/0: application out.b says"},
		{"a peer's bag not seen", set("a/0", "saw.ring.a-1", "3"), "a/0: ring.a-1 says \"3\""},
		{"a joined not told", set("a/1", "in.out.b-3", "0"), "a/1: out.b-3 joined minus departed is \"0\""},
		{"a joined told twice", set("a/1", "in.out.b-3", "2"), "a/1: out.b-3 joined minus departed is \"2\""},
		{"a departed not told", set("a/0", "in.out.b-2", "1"), "a/0: out.b-2 is gone"},
		{"a departed told twice", set("a/0", "in.out.b-2", "-1"), "a/0: out.b-2 is gone"},
		{"a task without an end", func(f *final) { f.tasks = []*controllerv1.Task{{Id: "9", Unit: "a/7", Status: "pending"}} }, "task 9 of a/7 is pending"},
		{"tasks with an end", func(f *final) {
			f.tasks = []*controllerv1.Task{{Status: "completed"}, {Status: "cancelled"}, {Status: "failed"}}
		}, ""},
		{"a unit too many", func(f *final) { f.scale["b"] = 0 }, "b has 1 units, want 0"},
		{"a unit that is silent", func(f *final) { delete(f.books, "a/0") }, "a/0 did not show its book"},
		{"a leader-elected not told", set("b/3", "led", ""), "b/3 leads and had no leader-elected"},
		{"two leaders", func(f *final) { f.books["a/0"] = book{f.books["a/0"].entries, "true"} }, "a/0: is-leader says \"true\", the leader of a is \"a/1\""},
		{"no leader", func(f *final) { f.books["b/3"] = book{f.books["b/3"].entries, "false"} }, "b/3: is-leader says \"false\""},
	} {
		f := rest()
		c.plant(f)
		expect(t, c.name, f.late(), c.want)
	}
}

// expect wants one complaint that begins so, or none.
func expect(t *testing.T, name string, why []string, want string) {
	t.Helper()
	if got := strings.Join(why, "\n"); (want == "") != (got == "") || !strings.HasPrefix(got, want) || len(why) > 1 {
		t.Errorf("%s: the check says %q, want %q", name, got, want)
	}
}

// TestTheCheckFindsLostAndRepeatedChangesets in what the store says of one unit.
func TestTheCheckFindsLostAndRepeatedChangesets(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*account)
		want  string
	}{
		{"nothing", func(*account) {}, ""},
		{"the same changeset written again", func(a *account) { a.written++ }, "b/3: its charm's counter says \"20\" and the store wrote it 21 times"},
		{"an event run and committed again", func(a *account) { a.n, a.written = "21", 21 }, "b/3: 20 events are committed and its charm's counter says \"21\""},
		{"a changeset lost, its cursor kept", func(a *account) { a.n, a.written = "19", 19 }, "b/3: 20 events"},
		{"a task without an end in the model", func(a *account) { a.unrun = 1 }, "b/3: 21 events"},
		{"a task counted twice", func(a *account) { a.once["5"] = 2 }, "b/3: its charm counts task 5 2 times"},
		{"what a task wrote was lost", func(a *account) { delete(a.once, "5") }, "b/3: task 5 is completed and its charm does not know"},
		{"a task that is said to have failed", func(a *account) { a.done = nil }, "b/3: its charm counts task 5 1 times; completed: false"},
		{"no counter", func(a *account) { a.n = "x" }, "b/3: 20 events"},
	} {
		a := account{unit: "b/3", n: "20", written: 20, sequence: 22, unrun: 2, once: map[string]int{"5": 1}, done: []string{"5"}}
		c.plant(&a)
		if c.name == "no counter" {
			a.written = -1 // as the counter reads
		}
		expect(t, c.name, wrong([]account{a}), c.want)
	}
}

// TestTheCheckFindsRunsThatDoNotFit in the lines that were left outside of the model.
func TestTheCheckFindsRunsThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ name, lines, n, want string }{
		{"each run once", "0 1 2", "3", ""},
		{"runs that were killed", "0 0 1 2 2 2", "3", ""},
		{"the last one was killed", "0 1 2 3", "3", ""},
		{"a commit that was lost", "0 1 2 1 2", "3", "x/0: a run began with 1 events committed, the one before it with 2"},
		{"a commit without a run", "0 1 3", "4", "x/0: a run began with 3 events committed, the one before it with 1"},
		{"a first run that is none", "1 2", "3", "x/0: a run began with 1"},
		{"the last commit was lost", "0 1 2", "1", "x/0: its last run began with 2 events committed, at the end there are 1"},
		{"a commit without a run at the end", "0 1 2", "4", "x/0: its last run began with 2 events committed, at the end there are 4"},
	} {
		lines := strings.Split("x/0 "+strings.ReplaceAll(c.lines, " ", "\nx/0 "), "\n")
		expect(t, c.name, gone(lines, []account{{unit: "x/0", n: c.n}, {unit: "w/0", n: "9"}}), c.want)
	}
	if got := twice(strings.Fields("4 5 6 5 7")); len(got) != 1 || got[0] != "task 5 ran twice" {
		t.Errorf("tasks that ran twice: %v", got)
	}
	entry := func(id, outcome string, revision int64) *controllerv1.JournalEntry {
		return &controllerv1.JournalEntry{Event: &hookv1.Event{Id: id}, Outcome: outcome, Revision: revision}
	}
	journal := []*controllerv1.JournalEntry{entry("4-start", "failed", 5), entry("4-start", "ok", 7), entry("5-a", "ok", 8), entry("5-a", "ok", 8)}
	expect(t, "a journal", again("x/0", journal), "")
	expect(t, "an event done twice", again("x/0", append(journal, entry("4-start", "ok", 11))), "x/0: event 4 was committed at revision 7 and at 11")
}

func TestReadBook(t *testing.T) {
	want := map[string]string{"n": "3", "in.out.a-0": "1"}
	for _, text := range []string{"in.out.a-0=1\nn=3", `{"n":"3","in.out.a-0":"1"}`} {
		if got, err := readBook(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q reads %v, %v", text, got, err)
		}
	}
	if _, err := readBook("nonsense"); err == nil {
		t.Error("nonsense is a book")
	}
}

// TestAPlantedFaultIsFound in a model that runs: a unit counts one event twice, as if it had been run and committed again.
func TestAPlantedFaultIsFound(t *testing.T) {
	l := newLoad(t)
	l.settle()
	if why := l.wrong(); len(why) != 0 {
		t.Fatalf("without a fault: %v", why)
	}
	l.finished(l.Exec([]string{"sh", "-c", "state-set n=$(($(state-get n) + 2))"}, "x1/0"))
	l.settle()
	why := l.wrong()
	if len(why) == 0 || strings.Count(strings.Join(why, "\n"), "x1/0: ") != len(why) {
		t.Errorf("with a fault: %v", why)
	}
}
