package load_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/test/stage"
)

var (
	pyUnits  = flag.Int("python-units", 10, "units of the five Python charms")
	pyEvents = flag.Int("python-events", 200, "events that they have to have run at least")
	pyKills  = flag.Int("python-kills", 6, "warm interpreters killed meanwhile")
)

const pyCharms = 5

// TestPythonUnits runs many events of the units of five Python charms while their warm interpreters are killed at random.
// Every event must be committed exactly once and in its unit's order, and the interpreters' memory stays within bounds.
func TestPythonUnits(t *testing.T) {
	l := bareLoad(t)
	t.Logf("%d units, %d events, %d kills, -seed %d", *pyUnits, *pyEvents, *pyKills, l.seed)
	for i := range pyCharms {
		l.deploy(fmt.Sprint("p", i), l.pyCharm(i), *pyUnits/pyCharms)
	}
	l.awaitAll()
	before := len(l.lines("runs"))
	w := l.watchRuntime(*pyKills)
	began := time.Now()
	for i := 0; len(l.lines("runs"))-before < *pyEvents; i++ {
		l.pyChange(i)
	}
	l.calm()
	changed := time.Now()
	l.settle()
	took := time.Since(began)
	w.end()
	ran := len(l.lines("runs")) - before
	for _, why := range l.wrong() {
		t.Errorf("%s (-seed %d)", why, l.seed)
	}
	if w.most > w.bound {
		t.Errorf("the runtime and its interpreters took %d MB, at most %d are allowed", w.most, w.bound)
	}
	if *pyKills > 0 && w.killed == 0 && os.Getenv("BANGLE_PYTHON") != "cold" {
		t.Error("no warm interpreter was there to be killed")
	}
	t.Logf("%d runs of events in %s, %.0f a second (changes were made for %s), %d interpreters killed", ran, took.Round(time.Millisecond),
		float64(ran)/took.Seconds(), changed.Sub(began).Round(time.Millisecond), w.killed)
	t.Logf("runtime with its children: %.1f ms of CPU for each event, at most %d processes with %d MB (PSS), %d MB at the end", 10*float64(w.used)/float64(ran), w.processes, w.most, w.last)
	t.Logf("%d units at the end have %d events; %d tasks; made: %v", len(l.books), l.events, l.tasks, l.made)
}

// pyCharm is one of the charms: all are alike but for their content, as far as a digest goes.
func (l *load) pyCharm(i int) string {
	l.t.Helper()
	dir := filepath.Join(l.Dir, fmt.Sprint("ledger-py", i))
	must(l.t, os.CopyFS(dir, os.DirFS("testdata/ledger-py")))
	must(l.t, os.CopyFS(filepath.Join(dir, "venv"), os.DirFS("../bench/testdata/framework/venv")))
	for _, program := range []string{"dispatch", "src/charm.py"} {
		must(l.t, os.Chmod(filepath.Join(dir, program), 0o755))
	}
	env, err := json.Marshal(map[string]any{"log": l.log, "charm": i})
	must(l.t, err)
	must(l.t, os.WriteFile(filepath.Join(dir, "env.json"), env, 0o644))
	return dir
}

// pyChange makes a change that gives many units something to do.
func (l *load) pyChange(i int) {
	l.t.Helper()
	app := l.apps[l.rng.IntN(len(l.apps))]
	dice := l.rng.IntN(100)
	what, do := "config", func() { l.tick(app, fmt.Sprint(i)) }
	switch {
	case dice < 25:
		what, do = "action", func() { l.act(app) }
	case dice < 30:
		what, do = "integrate", l.relate
	case dice < 33:
		what, do = "remove-relation", l.unrelate
	case dice < 36:
		what, do = "remove-unit", func() { l.drop(app) }
	case dice < 39:
		what, do = "trip", func() { l.trip(app) }
	case dice < 43:
		what, do = "resolved", l.resolve
	}
	l.made[what]++
	do()
	<-time.After(*every) // the changes of one moment are one event
}

// watcher looks at the runtime's processes, and kills warm interpreters.
type watcher struct {
	load      *load
	rng       *rand.Rand
	kills     int
	stop      chan struct{}
	group     sync.WaitGroup
	killed    int
	processes int
	most      int // MB
	last      int
	bound     int
	began     map[string]int64 // start of a runtime's process → hundredths of a second it had used when it was first seen
	seen      map[string]int64
	used      int64
}

// watchRuntime begins to watch.
func (l *load) watchRuntime(kills int) *watcher {
	l.t.Helper()
	w := &watcher{load: l, rng: rand.New(rand.NewPCG(l.seed, 3)), kills: kills, stop: make(chan struct{}), bound: max(512, memoryOfMachine(l.t)/5),
		began: map[string]int64{}, seen: map[string]int64{}}
	w.look()
	w.group.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.look()
			}
		}
	})
	return w
}

// look takes the sum of what the runtime and all below it use, and ends one of the interpreters now and then.
func (w *watcher) look() {
	plugin, found := stage.Plugin(w.load.AgentPID(), "runtime-python")
	if !found {
		return
	}
	list := below(plugin)
	memory, used := 0, int64(0)
	for _, p := range list {
		memory += pssOf(p.PID)
		used += ticks(p.PID)
	}
	w.most, w.last, w.processes = max(w.most, memory/1024), memory/1024, max(w.processes, len(list))
	if _, known := w.began[plugin.Start]; !known {
		w.began[plugin.Start] = used
	}
	w.seen[plugin.Start] = max(w.seen[plugin.Start], used)
	var servers []stage.Proc
	for _, p := range list[1:] {
		if p.Parent == plugin.PID && !strings.Contains(p.Command, "dispatch") && !strings.Contains(p.Command, "src/charm.py") {
			servers = append(servers, p)
		}
	}
	if w.killed < w.kills && len(servers) > 0 && w.rng.IntN(4) == 0 {
		servers[w.rng.IntN(len(servers))].Kill()
		w.killed++
	}
}

func (w *watcher) end() {
	close(w.stop)
	w.group.Wait()
	w.look()
	for start, used := range w.seen {
		w.used += used - w.began[start]
	}
}

// below are a process and everything that it started, and that those started.
func below(p stage.Proc) []stage.Proc {
	list := []stage.Proc{p}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID))
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread that has ended has none
		for f := range strings.FieldsSeq(string(text)) {
			if child, ok := stage.Find(number(f)); ok {
				list = append(list, below(child)...)
			}
		}
	}
	return list
}

// pssOf is in KB, 0 for a process that is gone.
func pssOf(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			return number(f[1])
		}
	}
	return 0
}

// ticks is what a process and the children it waited for have used, in hundredths of a second.
func ticks(pid int) (sum int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	for i := 11; i < 15 && i < len(f); i++ {
		n, _ := strconv.ParseInt(f[i], 10, 64) // the kernel's own number
		sum += n
	}
	return sum
}

// memoryOfMachine is in MB.
func memoryOfMachine(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	must(t, err)
	f := strings.Fields(string(text))
	return number(f[1]) / 1024
}
