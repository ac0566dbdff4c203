package wasm_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func title(s string) map[string]*hookv1.ConfigValue {
	return map[string]*hookv1.ConfigValue{"title": text(s)}
}

// TestEveryEventIsTheFirst: memory is as it was after initialisation, whatever the events before did.
func TestEveryEventIsTheFirst(t *testing.T) {
	r := newRuntime(t)
	handle := loadGuest(t, r)
	for n, kind := range []string{"config-changed", "install", "config-changed", "upgrade-charm", "config-changed", "remove", "config-changed", "start", "config-changed"} {
		done := dispatch(t, r, start(handle, kind, title("x")), nil)
		if kind != "config-changed" {
			continue
		}
		if got := done.GetChangeset().GetStateSet(); got["count"] != "1" || got["kept"] != "0" {
			t.Errorf("event %d: %v %v", n, done.GetMessage(), got)
		}
	}
}

// TestDataIsThere: whatever becomes of an instance, and with a start function or not, an event finds what the module's data
// and its initialisation left in the memory. The charm's output is there, and what it does is to overwrite that.
func TestDataIsThere(t *testing.T) {
	r := newRuntime(t)
	spoil := join(i32Const(512), i32Const(0), i32Const(60_000), []byte{0xfc, 11, 0}) // nothing is left of it
	// a division by zero, unless the first byte is as it should be
	trapAfter := join(i32Const(512), []byte{0x2d, 0, 0}, i32Const('{'), []byte{0x47, 0x04, 0x40}, i32Const(1), i32Const(0), []byte{0x6d, 0x1a, 0x0b}, spoil, unreachable)
	fill := join(i32Const(512), i32Const('{'), []byte{0x3a, 0, 0}) // the first byte of it
	for name, g := range map[string]guestModule{
		"data":                   {},
		"initialisation":         {initial: fill, data: map[uint32]string{513: "}"}},
		"start function":         {start: fill, data: map[uint32]string{513: "}"}},
		"fresh for each event":   {vector: true, initial: fill, data: map[uint32]string{513: "}"}},
		"fresh, start function":  {vector: true, start: fill, data: map[uint32]string{513: "}"}},
		"initial memory, larger": {initial: join(i32Const(3), []byte{0x40, 0}, drop)},
	} {
		t.Run(name, func(t *testing.T) {
			good := loadBuilt(t, r, g)
			for range 3 {
				if done := dispatch(t, r, start(good, "config-changed", nil), nil); done.GetOutcome() != fine {
					t.Fatalf("%s %q", done.GetOutcome(), done.GetMessage())
				}
			}
			g.dispatch = trapAfter
			bad := load(t, r, t.Name()+"bad", packed(t, g.build()))
			for range 5 { // those that are kept ready, and those made for them
				if done := dispatch(t, r, start(bad, "config-changed", nil), nil); done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "unreachable") {
					t.Fatalf("%s %q", done.GetOutcome(), done.GetMessage())
				}
			}
		})
	}
}

// TestTablesAreFresh: what a charm puts into a table, or makes of it, is not there in the next event, which may be another
// unit's.
func TestTablesAreFresh(t *testing.T) {
	r := newRuntime(t)
	failUnless := []byte{0x45, 0x04, 0x40, 0x00, 0x0b} // eqz if unreachable end
	for name, body := range map[string][]byte{
		"table.set":  join(i32Const(0), []byte{0x25, 0, 0xd1}, failUnless, i32Const(0), []byte{0xd2, 0, 0x26, 0}),
		"table.fill": join(i32Const(0), []byte{0x25, 0, 0xd1}, failUnless, i32Const(0), []byte{0xd2, 0}, i32Const(1), []byte{0xfc, 17, 0}),
		"table.grow": join([]byte{0xfc, 16, 0}, i32Const(1), []byte{0x46}, failUnless, []byte{0xd0, 0x70}, i32Const(1), []byte{0xfc, 15, 0, 0x1a}),
	} {
		t.Run(name, func(t *testing.T) {
			handle := loadBuilt(t, r, guestModule{table: true, dispatch: join(body, result(512, 2))})
			for range 5 {
				if done := dispatch(t, r, start(handle, "config-changed", nil), nil); done.GetOutcome() != fine {
					t.Fatalf("%s %q", done.GetOutcome(), done.GetMessage())
				}
			}
		})
	}
}

func TestFailures(t *testing.T) {
	r := newRuntime(t)
	handle := loadGuest(t, r)
	for kind, want := range map[string][2]string{
		"start":         {"no database", "because there is none"},
		"upgrade-charm": {"panic: boom", "goroutine"},
		"remove":        {"panic: assignment to entry in nil map", "goroutine"},
	} {
		done := dispatch(t, r, start(handle, kind, nil), nil)
		if done.GetOutcome() != failed || done.GetMessage() != want[0] || !strings.Contains(done.GetDetail(), want[1]) || done.GetChangeset() != nil {
			t.Errorf("%s: %s %q, detail %q", kind, done.GetOutcome(), done.GetMessage(), done.GetDetail())
		}
	}
	s := start(handle, "action", nil)
	s.Event.Name = "fails"
	done := dispatch(t, r, s, nil)
	if a := done.GetChangeset().GetAction(); done.GetOutcome() != fine || !a.GetFailed() || a.GetMessage() != "it cannot be done" {
		t.Errorf("action: %v", done)
	}
}

func TestOutputGoesToTheLog(t *testing.T) {
	r := newRuntime(t)
	h := &host{}
	dispatch(t, r, start(loadGuest(t, r), "stop", nil), h)
	want := []string{"DEBUG to standard output", "DEBUG files: true args: 0 env: 0", "WARNING to standard error, without an end"}
	if got := h.logged(); !slices.Equal(got, want) {
		t.Errorf("log %q\nwant %q", got, want)
	}
}

// TestLeaderRules: what only the leader may do fails the hook with Juju's words.
func TestLeaderRules(t *testing.T) {
	r := newRuntime(t)
	s := start(loadGuest(t, r), "leader-elected", nil)
	s.Event.RelationId = 7
	s.View.Relations = []*hookv1.RelationView{{Id: 7, Endpoint: "db"}}
	if done := dispatch(t, r, s, nil); done.GetOutcome() != failed || done.GetMessage() != "this unit is not the leader" {
		t.Errorf("%s %q", done.GetOutcome(), done.GetMessage())
	}
	s.View.Leadership = &hookv1.Leadership{Leader: true, SecondsLeft: 60}
	done := dispatch(t, r, s, nil)
	if cs := done.GetChangeset(); cs.GetAppStatus().GetMessage() != "all is well" || cs.GetLeaderSettings()["term"] != "1" || !cs.GetBags()[0].GetApp() {
		t.Errorf("%v", done)
	}
}

func TestUnitsInParallel(t *testing.T) {
	r := newRuntime(t)
	handle := loadGuest(t, r)
	var all sync.WaitGroup
	for unit := range 8 {
		all.Go(func() {
			for n := range 10 {
				s := start(handle, "config-changed", title(fmt.Sprint(unit, " ", n)))
				s.View.Unit.Name = "web/" + strconv.Itoa(unit)
				h := &host{}
				done, err := r.Dispatch(t.Context(), s, h)
				if err != nil || done.GetChangeset().GetUnitStatus().GetMessage() != fmt.Sprint(unit, " ", n) || len(h.logged()) != 1 {
					t.Errorf("unit %d: %v %v %q", unit, done, err, h.logged())
				}
			}
		})
	}
	all.Wait()
}

// TestManyWaitForTheirHosts: events that wait do not keep others from running.
func TestManyWaitForTheirHosts(t *testing.T) {
	r := newRuntime(t)
	handle := loadBuilt(t, r, guestModule{imports: [][2]string{{"charm/resource@1", "get"}}, dispatch: join(call(0, 0, 0, 2048, 100), drop, result(512, 2))})
	const units = 10
	var arrived, all sync.WaitGroup
	arrived.Add(units)
	h := &meeting{met: func() { arrived.Done(); arrived.Wait() }}
	for range units {
		all.Go(func() {
			if done, err := r.Dispatch(t.Context(), start(handle, "config-changed", nil), h); err != nil || done.GetOutcome() != fine {
				t.Errorf("%v, %v", done, err)
			}
		})
	}
	all.Wait()
}

// meeting answers when everybody has asked.
type meeting struct {
	host
	met func()
}

func (m *meeting) Call(context.Context, string, string) (string, error) {
	m.met()
	return "{}", nil
}

// resident is the process's memory in KiB, and how many mappings and files it has.
func resident(t *testing.T) (kib, maps, files int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here")
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		}
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return kib, strings.Count(string(text), "\n"), len(open)
}

// TestNothingLeaks: 300 events, some of which end their instance or make its memory grow, leave no more behind than 60.
func TestNothingLeaks(t *testing.T) {
	r := newRuntime(t)
	handle := loadGuest(t, r)
	run := func(n int) {
		for i := range n {
			kind := "config-changed"
			switch i % 20 {
			case 7:
				kind = "remove"
			case 13:
				kind = "install"
			}
			dispatch(t, r, start(handle, kind, title("x")), nil)
		}
	}
	run(60)
	kib, maps, files := resident(t)
	run(300)
	kib2, maps2, files2 := resident(t)
	if kib2 > kib+64<<10 || maps2 > maps+30 || files2 > files+5 {
		t.Errorf("resident %d → %d KiB, mappings %d → %d, files %d → %d", kib, kib2, maps, maps2, files, files2)
	}
}

func TestDryRunAsksForNothing(t *testing.T) {
	r := newRuntime(t)
	s := start(loadGuest(t, r), "update-status", map[string]*hookv1.ConfigValue{"dir": text("/nowhere")})
	s.Mode = charmruntimev1.Mode_MODE_DRY_RUN
	s.View.Containers = []*hookv1.ContainerView{{Name: "web", Socket: "/nowhere/socket"}}
	done := dispatch(t, r, s, nil)
	if len(done.GetEffects()) == 0 || done.GetEffects()[0].GetKind() != "file" || done.GetEffects()[0].GetTarget() != "web: /nowhere/a/file" {
		t.Errorf("%s %q, effects %v", done.GetOutcome(), done.GetMessage(), done.GetEffects())
	}
}

func BenchmarkDispatch(b *testing.B) {
	w, err := built()
	if err != nil {
		b.Fatal(err)
	}
	for name, dir := range map[string]string{"go": w.guest, "empty": w.empty} {
		b.Run(name, func(b *testing.B) {
			r := newRuntime(b)
			handle := load(b, r, name, dir)
			s := start(handle, "config-changed", title("a title"))
			for n := range 12 {
				s.View.Relations = append(s.View.Relations, &hookv1.RelationView{Id: int32(n + 1), Endpoint: "db", RemoteApp: "pg",
					Members: []*hookv1.MemberView{{Unit: "pg/0", Bag: map[string]string{"host": "10.0.0.1", "port": "5432", "user": "me", "name": "db"}}}})
			}
			b.ResetTimer()
			for b.Loop() {
				if done, err := r.Dispatch(b.Context(), s, &host{}); err != nil || done.GetOutcome() == failed {
					b.Fatal(done, err)
				}
			}
		})
	}
}

// Without resetting, each event would need a new instance.
func BenchmarkColdLoad(b *testing.B) {
	w, err := built()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := wasm.New(wasm.Config{CacheDir: w.dir + "/cache"})
		if err != nil {
			b.Fatal(err)
		}
		load(b, r, "x", w.guest)
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
