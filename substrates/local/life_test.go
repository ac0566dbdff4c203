package local_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substratetest"
	"github.com/bangle-dev/bangle/substrates/local/process"
)

// recorded is the process that a unit's record names.
func recorded(t testing.TB, h home, unit, container string) process.ID {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(unitDir(h, unit), "unit.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Containers []struct {
			Name    string     `json:"name"`
			Process process.ID `json:"process"`
		} `json:"containers"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Containers {
		if c.Name == container {
			return c.Process
		}
	}
	t.Fatalf("no container %s in %s", container, text)
	return process.ID{}
}

// workload waits for a program of the container behind a socket, by the name of the program: a process id that the
// workload itself tells may be that of its own process namespace.
func workload(t testing.TB, socket, program string) process.ID {
	t.Helper()
	return workloadOf(t, "PEBBLE_SOCKET="+socket, process.ID{}, program)
}

func workloadOf(t testing.TB, entry string, leader process.ID, program string) process.ID {
	t.Helper()
	var found process.ID
	eventually(t, "a workload "+program+" runs", func() bool {
		for _, id := range process.Family(entry, leader) {
			if name, err := os.ReadFile("/proc/" + strconv.Itoa(id.PID) + "/comm"); err == nil && strings.TrimSpace(string(name)) == program {
				found = id
				return true
			}
		}
		return false
	})
	return found
}

const sleeping = "exec sleep 1000"

func TestWorkloadsOutliveAKilledProvider(t *testing.T) {
	h := newHome(t)
	start := substratetest.Binary(bin("substrate-local"))
	ensure := func(s substratetest.Subject, revision uint64) {
		t.Helper()
		if err := s.Provider.Configure(t.Context(), h.request(nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Provider.Ensure(t.Context(), &substratev1.EnsureRequest{Spec: application("web", []string{"c"}, "0"), Revision: revision}); err != nil {
			t.Fatal(err)
		}
	}
	first := start(t, substratetest.Dirs{})
	ensure(first, 1)
	var env *substratev1.EnvironmentResponse
	eventually(t, "the supervisor answers", func() bool {
		var err error
		env, err = first.Unit.Environment(t.Context(), &substratev1.EnvironmentRequest{ModelUuid: model, Unit: "web/0"})
		return err == nil && answers(env.GetContainers()[0].GetSocket())
	})
	socket := env.GetContainers()[0].GetSocket()
	if err := run(t, serve(t, socket, sleeping)); err != nil {
		t.Fatalf("cannot start the workload: %v", err)
	}
	sleeper, supervisor := workload(t, socket, "sleep"), peer(t, h, "web/0", "c")
	first.Kill()
	second := start(t, substratetest.Dirs{})
	ensure(second, 2)
	if !sleeper.Alive() || peer(t, h, "web/0", "c") != supervisor {
		t.Error("the workload or its supervisor did not survive the provider")
	}
	second.Kill()
}

func TestASupervisorThatDiesIsStartedOnceMoreWithoutItsWorkloads(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.untilReady(t, "web/0")
	socket := l.environment(t, "web/0").GetContainers()[0].GetSocket()
	if err := run(t, serve(t, socket, sleeping)); err != nil {
		t.Fatal(err)
	}
	sleeper, before := workload(t, socket, "sleep"), peer(t, h, "web/0", "c")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lives := make(chan string, 16)
	watched := make(chan error, 1)
	go func() {
		watched <- l.unit.Watch(ctx, &substratev1.WatchRequest{ModelUuid: model, Unit: "web/0"}, func(e *substratev1.UnitEvent) error {
			if up := e.GetContainerUp(); up != nil {
				lives <- up.GetBootId()
			}
			return nil
		})
	}()
	first := <-lives
	if err := before.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if second := <-lives; second == first {
		t.Error("the new supervisor has the old boot id")
	}
	if sleeper.Alive() {
		t.Error("a workload of the dead supervisor still runs")
	}
	if after := peer(t, h, "web/0", "c"); after == before {
		t.Error("the record still names the dead supervisor")
	}
	if n := len(process.Family("PEBBLE_SOCKET="+socket, process.ID{})); n != 1 {
		t.Errorf("%d processes in the container, want one supervisor", n)
	}
	cancel()
	<-watched
}

func TestRemoveLeavesNothing(t *testing.T) {
	h := newHome(t)
	l := live(t, h, map[string]string{"stop-timeout": "1s"})
	spec := application("web", []string{"a", "b"}, "0")
	spec.Storage = []*substratev1.Storage{{Name: "data", Kind: "filesystem", Count: 1}}
	spec.Units[0].Storage = []*substratev1.StorageAttachment{{Id: "data/0", Name: "data"}}
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	env := l.environment(t, "web/0")
	file := filepath.Join(env.GetStorage()[0].GetLocation(), "pid")
	// In a session of its own, deaf to the polite signal, without parent: only its environment tells whose it is.
	daemon := filepath.Join(h.state, "daemon.sh")
	text := "setsid sh -c 'trap : TERM; echo > " + file + "; while :; do tail -f /dev/null; done' &\nexec sleep 1000\n"
	if err := os.WriteFile(daemon, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t, serve(t, env.GetContainers()[0].GetSocket(), "exec sh "+daemon)); err != nil {
		t.Fatal(err)
	}
	stray := workload(t, env.GetContainers()[0].GetSocket(), "tail")
	sockets := []string{env.GetContainers()[0].GetSocket(), env.GetContainers()[1].GetSocket()}
	remove := func(destroy bool) {
		t.Helper()
		err := l.Remove(t.Context(), &substratev1.RemoveRequest{ModelUuid: model, Application: "web", DestroyStorage: destroy},
			func(*substratev1.RemoveProgress) error { return nil })
		if err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	remove(false)
	for _, s := range sockets {
		if left := process.Family("PEBBLE_SOCKET="+s, process.ID{}); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}
	if stray.Alive() {
		t.Error("the stray process still runs")
	}
	if entries, _ := os.ReadDir(h.run); len(entries) > 0 {
		t.Errorf("left in the run directory: %v", entries)
	}
	if _, err := os.Stat(filepath.Dir(unitDir(h, "web/0"))); err == nil {
		t.Error("the model's directory is left")
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the storage is gone, although it was to be kept: %v", err)
	}
	l.ensure(t, 2, spec)
	l.untilReady(t, "web/0")
	remove(false)
	remove(true) // the unit is gone already; whose the storage was is known all the same
	if _, err := os.Stat(filepath.Join(h.state, "storage")); err == nil {
		t.Error("the storage is left, although it was to be destroyed")
	}
}

func TestAfterAReboot(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	spec := application("web", []string{"c"}, "0")
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// What a reboot does: no process is left, and the record is of another boot.
	before := peer(t, h, "web/0", "c")
	if err := before.Signal(unix.SIGKILL); err != nil || before.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	file := filepath.Join(unitDir(h, "web/0"), "unit.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The number belongs to somebody else now, who must not be touched: this test.
	old := strings.ReplaceAll(string(text), process.Boot(), "00000000-dead-4000-8000-000000000000")
	old = strings.ReplaceAll(old, `"pid": `+strconv.Itoa(before.PID), `"pid": `+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	next := live(t, h, nil)
	next.until(t, "nothing was started before a spec", func(o *substratev1.Observation) bool { return o.GetSynced() })
	if id := recorded(t, h, "web/0", "c"); id.Alive() {
		t.Errorf("the adopted record names living process %d", id.PID)
	}
	next.ensure(t, 2, spec)
	next.untilReady(t, "web/0")
	peer(t, h, "web/0", "c")
}

func TestTwoHomesAtOnceAndLongPaths(t *testing.T) {
	var lives []*life
	for range 2 {
		h := newHome(t)
		h.state = filepath.Join(h.state, strings.Repeat("d", 100), strings.Repeat("e", 100))
		if err := os.MkdirAll(h.state, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.sweep(t) })
		l := live(t, h, nil)
		l.ensure(t, 1, application("web", []string{strings.Repeat("long-", 9) + "name", "c"}, "0"))
		lives = append(lives, l)
	}
	seen := map[string]bool{}
	for _, l := range lives {
		l.untilReady(t, "web/0")
		for _, c := range l.environment(t, "web/0").GetContainers() {
			if len(c.GetSocket()) > 107 || seen[c.GetSocket()] || !answers(c.GetSocket()) {
				t.Errorf("socket %s is too long, of two homes, or does not answer", c.GetSocket())
			}
			seen[c.GetSocket()] = true
		}
	}
	if err := lives[0].Remove(t.Context(), &substratev1.RemoveRequest{ModelUuid: model, Application: "web"}, func(*substratev1.RemoveProgress) error { return nil }); err != nil {
		t.Fatal(err)
	}
	lives[1].environment(t, "web/0")
	peer(t, lives[1].home, "web/0", "c")
}

func TestASecondProviderIsRefused(t *testing.T) {
	h := newHome(t)
	live(t, h, nil)
	other := configured(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := other.Adopt(ctx); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Adopt = %v, want unavailable", err)
	}
}

// edit changes a unit's record as a provider that died at the wrong moment would have left it.
func edit(t testing.TB, h home, unit string, change func(map[string]any)) {
	t.Helper()
	file := filepath.Join(unitDir(h, unit), "unit.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	change(r)
	if text, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASupervisorThatWasNotRecordedYetIsFound(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	spec := application("web", []string{"c"}, "0")
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	before := peer(t, h, "web/0", "c")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, h, "web/0", func(r map[string]any) { delete(r["containers"].([]any)[0].(map[string]any), "process") })
	next := live(t, h, nil)
	next.ensure(t, 2, spec)
	next.untilReady(t, "web/0")
	if after := peer(t, h, "web/0", "c"); after != before {
		t.Errorf("supervisor %v was started beside %v", after, before)
	}
}

func TestAnEndThatWasInterruptedGoesOn(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.untilReady(t, "web/0")
	before := peer(t, h, "web/0", "c")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, h, "web/0", func(r map[string]any) { r["ending"] = true })
	next := live(t, h, nil)
	next.until(t, "web/0 is gone", func(o *substratev1.Observation) bool { return o.GetUnit() == "web/0" && o.GetGoneConfirmed() })
	if before.Alive() {
		t.Error("gone was confirmed while the supervisor lives")
	}
}

func TestOnlyAChangedContainerIsStartedAnew(t *testing.T) {
	needNamespaces(t)
	h := newHome(t)
	l := live(t, h, nil)
	spec := application("web", []string{"a", "b"}, "0")
	l.ensure(t, 1, spec)
	l.untilReady(t, "web/0")
	a, b := peer(t, h, "web/0", "a"), peer(t, h, "web/0", "b")
	spec.CharmDigest, spec.Containers[1].Root = "new", rootTar(t)
	l.ensure(t, 2, spec)
	eventually(t, "container b has a new supervisor", func() bool {
		id := recorded(t, h, "web/0", "b")
		return id != b && id.Alive()
	})
	if b.Alive() || peer(t, h, "web/0", "a") != a {
		t.Error("the old supervisor of b lives, or that of a does not")
	}
}

// TestASpecTouchesWhatItChanges: a spec names all units of an application, and with thousands of them one that changes must not
// cost as much as all. The revision is remembered all the same: an older spec is refused by the next life too.
func TestASpecTouchesWhatItChanges(t *testing.T) {
	h := newHome(t)
	l := live(t, h, nil)
	spec := application("web", nil, "0", "1", "2")
	l.ensure(t, 1, spec)
	written := func(unit string) os.FileInfo {
		info, err := os.Stat(filepath.Join(unitDir(h, unit), "unit.json"))
		if err != nil {
			return nil
		}
		return info
	}
	eventually(t, "all have a place", func() bool { return written("web/0") != nil && written("web/1") != nil && written("web/2") != nil })
	first, same, changed := written("web/0"), written("web/1"), written("web/2")
	spec.Units[2].Incarnation = "another"
	l.ensure(t, 2, spec)
	eventually(t, "the first and the changed one were written", func() bool {
		return !os.SameFile(first, written("web/0")) && !os.SameFile(changed, written("web/2"))
	})
	if now := written("web/1"); !os.SameFile(same, now) || !same.ModTime().Equal(now.ModTime()) {
		t.Error("what did not change was written too")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	next := live(t, h, nil)
	if answer, err := next.Ensure(t.Context(), &substratev1.EnsureRequest{Spec: spec, Revision: 1}); err != nil || answer.GetAccepted() {
		t.Errorf("an older spec: %v %v", answer, err)
	}
}

func TestWhatCannotBeStartedIsSaid(t *testing.T) {
	h := newHome(t)
	s := configured(t, h)
	req := h.request(nil)
	req.Supervisor = "/no/such/supervisor"
	if err := s.Configure(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	l := &life{Substrate: s, unit: s, home: h}
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.until(t, "the reason is told", func(o *substratev1.Observation) bool {
		return !o.GetReady() && strings.Contains(o.GetReason(), "container c") && strings.Contains(o.GetReason(), "/no/such/supervisor")
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLogsOfAService(t *testing.T) {
	l := live(t, newHome(t), nil)
	l.ensure(t, 1, application("web", []string{"c"}, "0"))
	l.untilReady(t, "web/0")
	if err := run(t, serve(t, l.environment(t, "web/0").GetContainers()[0].GetSocket(), "echo hello from the service; exec sleep 1000")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service's output is in the logs", func() bool {
		said := ""
		err := l.Logs(t.Context(), &substratev1.LogsRequest{ModelUuid: model, Unit: "web/0"}, func(c *substratev1.LogChunk) error {
			said += string(c.GetData())
			return nil
		})
		return err == nil && strings.Contains(said, "[w] hello from the service")
	})
}
