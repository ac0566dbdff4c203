package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// sizes prints how large the programs are.
func (b *bench) sizes() {
	for _, name := range []string{"bangle", "bangle-agent", "bangle-supervisor", "hooktool"} {
		info, err := os.Stat(filepath.Join(b.bin, name))
		b.check(err)
		b.say("size."+name, float64(info.Size())/1e6, "MB")
	}
}

// idleFor is how long the controller is watched doing nothing.
const idleFor = 5 * time.Second

// memory prints what every process of a small model takes: a WASM charm, and an executable one with two units whose
// containers run a workload.
func (b *bench) memory() {
	s := stage.New(b, stage.Config{Bin: b.bin})
	s.Deploy(filepath.Join(b.dir, "echo"), &clientv1.DeployRequest{Application: "web", Units: 1})
	s.Deploy(b.tally(s), &clientv1.DeployRequest{Application: "tally", Units: 2})
	s.Await(stage.All(stage.Active("web", 1, ""), stage.Active("tally", 2, "")))

	before := cpu(s.Controller.PID())
	time.Sleep(idleFor)
	b.say("idle.controller.cpu", 100*float64(cpu(s.Controller.PID())-before)/100/idleFor.Seconds(), "%")
	all, pod := 0.0, 0.0
	names := map[string]float64{}
	for _, p := range s.Processes() {
		program, _, _ := strings.Cut(p.Command, " ")
		name := filepath.Base(program)
		if p.Parent == s.Controller.PID() {
			name += ".provider"
		}
		size := pss(p.PID)
		all += size
		if name == "bangle-agent" || p.Parent == s.AgentPID() && name != "runtime-python" {
			pod += size
		}
		for n, base := 1, name; names[name] != 0; n++ {
			name = base + "." + strconv.Itoa(n)
		}
		names[name] = size
	}
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		b.say("pss."+name, names[name], "MB")
	}
	b.say("pss.agent-side-wasm", pod, "MB")
	b.say("pss.all", all, "MB")
	s.Close()
}

// tally makes the charm of that name ready for a stage.
func (b *bench) tally(s *stage.Stage) string {
	dir := filepath.Join(s.Dir, "tally")
	b.check(os.CopyFS(dir, os.DirFS(filepath.Join(b.root, "test", "crash", "testdata", "tally"))))
	b.check(os.Chmod(filepath.Join(dir, "dispatch"), 0o755))
	b.check(os.WriteFile(filepath.Join(dir, "env.sh"), fmt.Appendf(nil, "LOG=%s\nPEBBLE=%s\n", s.Dir, filepath.Join(b.bin, "pebble")), 0o644))
	return dir
}

// pss is a process's share of memory in MB, 0 if it is gone.
func pss(pid int) float64 { return memory(pid, "Pss:") }

// resident is what it has in memory in MB, shared with others or not.
func resident(pid int) float64 { return memory(pid, "Rss:") }

func memory(pid int, line string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == line {
			kb, _ := strconv.ParseFloat(f[1], 64) // 0 is none
			return kb / 1024
		}
	}
	return 0
}

// cpu is the time that a process has used, in hundredths of a second.
func cpu(pid int) int64 { return ticks(pid, 11) }

// cpuOfEnded is that of the children that it waited for, with theirs.
func cpuOfEnded(pid int) int64 { return ticks(pid, 13) }

// ticks adds two fields of a process's stat, the user's time and the system's.
func ticks(pid, field int) int64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(stat, ')')
	if err != nil || end < 0 {
		return 0
	}
	f := strings.Fields(string(stat[end+1:]))
	user, _ := strconv.ParseInt(f[field], 10, 64)     // the kernel's own numbers
	system, _ := strconv.ParseInt(f[field+1], 10, 64) // the kernel's own numbers
	return user + system
}
