package load_test

import (
	"maps"
	"strings"
	"testing"
)

// rest is a model at rest: two applications, one relation.
func rest() *final {
	of := func(n string, committed, tasks int, entries string) book {
		b := map[string]string{"n": n, "tick": "7"}
		for e := range strings.FieldsSeq(entries) {
			k, v, _ := strings.Cut(e, "=")
			b[k] = v
		}
		return book{entries: b, committed: committed, tasks: tasks}
	}
	return &final{
		units: map[string][]string{"a": {"a/0", "a/1"}, "b": {"b/3"}}, ticks: map[string]string{"a": "7", "b": "7"}, relations: [][2]string{{"a", "b"}},
		books: map[string]book{
			"a/0": of("9", 9, 0, "in.ring.a-1=1 saw.ring.a-1=7 in.out.b-3=1 saw.out.b-3=7 app.out.b=7 in.out.b-2=0 saw.out.b-2=1"),
			"a/1": of("8", 9, 1, "in.ring.a-0=1 saw.ring.a-0=7 in.out.b-3=1 saw.out.b-3=7 app.out.b=7"),
			"b/3": of("20", 20, 0, "in.in.a-0=1 saw.in.a-0=7 in.in.a-1=1 saw.in.a-1=7 app.in.a=7"),
		},
	}
}

// TestTheCheckFindsPlantedFaults: each row takes one thing from a model at rest, or adds one, as a fault of ours would.
func TestTheCheckFindsPlantedFaults(t *testing.T) {
	set := func(unit, key, value string) func(*final) {
		return func(f *final) { f.books[unit].entries[key] = value }
	}
	for _, c := range []struct {
		name  string
		plant func(*final)
		late  string
		wrong string
	}{
		{"nothing", func(*final) {}, "", ""},
		{"a changeset applied twice", set("a/0", "n", "10"), "", "a/0: 9 events are committed and its charm's counter says \"10\""},
		{"a changeset lost", set("b/3", "n", "19"), "", "b/3: 20 events"},
		{"a config change not seen", set("a/1", "tick", "6"), "a/1 knows tick \"6\"", ""},
		{"a unit's bag not seen", set("b/3", "saw.in.a-1", "5"), "b/3: in.a-1 says \"5\"", ""},
		{"an application's bag not seen", set("a/0", "app.out.b", ""), "a/0: application out.b says", ""},
		{"a peer's bag not seen", set("a/0", "saw.ring.a-1", "3"), "a/0: ring.a-1 says \"3\"", ""},
		{"a joined not told", set("a/1", "in.out.b-3", "0"), "a/1: out.b-3 joined minus departed is \"0\"", ""},
		{"a joined told twice", set("a/1", "in.out.b-3", "2"), "a/1: out.b-3 joined minus departed is \"2\"", ""},
		{"a departed not told", set("a/0", "in.out.b-2", "1"), "a/0: out.b-2 is gone", ""},
		{"a departed told twice", set("a/0", "in.out.b-2", "-1"), "a/0: out.b-2 is gone", ""},
		{"a unit that is silent", func(f *final) { delete(f.books, "a/0") }, "a/0 did not show its book", ""},
	} {
		f := rest()
		c.plant(f)
		for _, part := range []struct {
			what, got, want string
		}{{"late", strings.Join(f.late(), "\n"), c.late}, {"wrong", strings.Join(f.wrong(), "\n"), c.wrong}} {
			if (part.want == "") != (part.got == "") || !strings.HasPrefix(part.got, part.want) {
				t.Errorf("%s: %s says %q, want %q", c.name, part.what, part.got, part.want)
			}
		}
	}
	if got := twice(strings.Fields("4 5 6 5 7")); len(got) != 1 || got[0] != "task 5 ran twice" {
		t.Errorf("tasks that ran twice: %v", got)
	}
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

// TestAPlantedFaultIsFound in a model that runs: a unit counts one event twice, as if its changeset had been applied again.
func TestAPlantedFaultIsFound(t *testing.T) {
	l := newLoad(t)
	if why := l.settle().wrong(); len(why) != 0 {
		t.Fatalf("without a fault: %v", why)
	}
	l.Finished(l.Exec([]string{"sh", "-c", "state-set n=$(($(state-get n) + 2))"}, "x1/0"))
	why := l.settle().wrong()
	if len(why) != 1 || !strings.HasPrefix(why[0], "x1/0: ") {
		t.Errorf("with a fault: %v", why)
	}
}
