package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/pluginhost"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// manner is one way of running the events of a Python charm: the runtime's plugin told so, and a unit of its own.
type manner struct {
	name   string
	client *charmruntime.Remote
	plugin stage.Proc
	handle string
	place  *charmruntimev1.Workspace

	wall, cpu, rss []float64 // of each event: ms, ms, MB
	calls          int32
	busy           int64 // of the plugin and everything below, hundredths of a second
}

// warmPython measures events of one charm through the real plugin, each in an interpreter of its own and in children of a
// warm one, in turn. The charm is ours, with hook tools called 0, 9 and 50 times; with -venv or -charm it is another.
func (b *bench) warmPython() {
	counts := []string{"0", "9", "50"}
	charm := b.pythonCharm()
	if b.charm != "" || b.venv != "" {
		counts = []string{"own"}
	}
	tools := filepath.Join(b.dir, "tools")
	b.check(os.Mkdir(tools, 0o755))
	for _, name := range tool.Names() {
		b.check(os.Symlink(filepath.Join(b.bin, "hooktool"), filepath.Join(tools, name)))
	}
	cold, warm := b.manner("cold", charm, tools), b.manner("auto", charm, tools)
	warm.name = "warm"
	both := []*manner{cold, warm}
	for _, count := range counts {
		b.quiet("python-tools" + count)
		b.rounds(both, count)
		for _, m := range both {
			b.sayManner("python.tools"+count, m)
		}
		figure := "python.tools" + count
		b.say(figure+".calls", float64(warm.calls), "")
		b.say(figure+".speed-up", at(cold.wall, 0.5)/at(warm.wall, 0.5), "x")
		b.say(figure+".speed-up.cpu", float64(cold.busy)/float64(max(warm.busy, 1)), "x")
	}
	for _, m := range both {
		rss, share := 0.0, 0.0
		for _, pid := range below(m.plugin.PID)[1:] {
			rss, share = rss+resident(pid), share+pss(pid)
		}
		b.say("python."+m.name+".kept.rss", rss, "MB")
		b.say("python."+m.name+".kept.pss", share, "MB")
	}
}

// pythonCharm is the directory of the charm to be measured, made for it.
func (b *bench) pythonCharm() string {
	if b.charm != "" {
		return b.charm
	}
	name, to := "framework", filepath.Join(b.dir, "python-charm")
	if b.venv != "" {
		name = "observed"
	}
	b.check(os.CopyFS(to, os.DirFS(filepath.Join(b.root, "test", "bench", "testdata", name))))
	if b.venv != "" {
		b.check(os.CopyFS(filepath.Join(to, "venv"), os.DirFS(b.venv)))
	}
	for _, program := range []string{"dispatch", "src/charm.py"} {
		b.check(os.Chmod(filepath.Join(to, program), 0o755))
	}
	return to
}

// manner starts a plugin and makes a unit's place: what was unpacked once for all, and the unit's own copy.
func (b *bench) manner(mode, charm, tools string) *manner {
	host, err := pluginhost.New(pluginhost.Config{Catalog: pluginhost.Catalog{Dirs: []string{filepath.Join(b.bin, "plugins")}}, RunDir: b.dir,
		Env: []string{"BANGLE_PYTHON=" + mode}})
	b.check(err)
	b.Cleanup(host.Close)
	before := below(os.Getpid())
	instance, err := host.Start(b.ctx, pluginhost.KindRuntime, "python")
	b.check(err)
	m := &manner{name: mode, client: charmruntime.Client(instance.Conn())}
	b.Cleanup(m.client.Close)
	for _, pid := range below(os.Getpid()) {
		if p, ok := stage.Find(pid); ok && p.Parent == os.Getpid() && !slices.Contains(before, pid) {
			m.plugin = p
		}
	}
	home := filepath.Join(b.dir, mode)
	m.place = &charmruntimev1.Workspace{CharmDir: filepath.Join(home, "charm"), RunDir: filepath.Join(home, "run"), ToolsDir: tools}
	b.check(os.MkdirAll(m.place.RunDir, 0o700))
	for _, dir := range []string{m.place.CharmDir, filepath.Join(home, "unpacked")} {
		b.check(os.CopyFS(dir, os.DirFS(charm)))
	}
	m.handle = b.load(m.client, filepath.Join(home, "unpacked"))
	return m
}

// rounds runs an event in each manner in turn, so that whatever else the machine does falls on all alike.
func (b *bench) rounds(all []*manner, count string) {
	for _, m := range all {
		m.wall, m.cpu, m.rss = nil, nil, nil
		for i := range 5 {
			b.once(m, count, -1-i)
		}
		m.wall, m.cpu, m.rss, m.busy = nil, nil, nil, -used(m.plugin.PID)
	}
	for i := range b.samples {
		for _, m := range all {
			pause()
			if b.ctx.Err() != nil {
				b.Fatalf("interrupted")
			}
			b.once(m, count, i)
		}
	}
	for _, m := range all {
		m.busy += used(m.plugin.PID)
	}
}

// once runs one event.
func (b *bench) once(m *manner, count string, i int) {
	v := view(6)
	v.Environment = map[string]string{"BENCH_CALLS": strings.ReplaceAll(count, "own", "0")}
	began := time.Now()
	done, err := m.client.Dispatch(b.ctx, &charmruntimev1.Start{Handle: m.handle, Event: event(i), View: v, Workspace: m.place}, deaf{})
	took := time.Since(began)
	b.check(err)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		b.Fatalf("the charm failed, %s: %v", m.name, done)
	}
	s := done.GetStats()
	m.wall, m.cpu, m.rss = append(m.wall, took.Seconds()*1e3), append(m.cpu, float64(s.GetCpuUs())/1e3), append(m.rss, float64(s.GetMaxRssBytes())/(1<<20))
	m.calls = s.GetCalls()
}

// sayManner prints what the events took in one manner.
func (b *bench) sayManner(name string, m *manner) {
	for _, list := range [][]float64{m.wall, m.cpu, m.rss} {
		slices.Sort(list)
	}
	name += "." + m.name
	b.say(name+".min", m.wall[0], "ms")
	b.say(name+".p50", at(m.wall, 0.5), "ms")
	b.say(name+".p95", at(m.wall, 0.95), "ms")
	b.say(name+".cpu.p50", at(m.cpu, 0.5), "ms") // of the event's processes
	b.say(name+".cpu.all", 10*float64(m.busy)/float64(b.samples), "ms")
	b.say(name+".rss.p50", at(m.rss, 0.5), "MB")
}

func at(sorted []float64, p float64) float64 { return sorted[int(p*float64(len(sorted)-1))] }

// below are a process and all that it started and that those started, without those whose parents have ended.
func below(pid int) []int {
	list := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file) // a thread that has ended has none
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				list = append(list, below(n)...)
			}
		}
	}
	return list
}

// used is the time that a process and all below it have used, with those that have ended, in hundredths of a second.
func used(pid int) (sum int64) {
	for _, p := range below(pid) {
		sum += cpu(p) + cpuOfEnded(p)
	}
	return sum
}
