package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/test/stage"
)

// demo starts the demo in a home of its own and prints what each of its processes takes, by name and, where it serves a
// unit's container, by unit.
func (b *bench) demo() {
	home := filepath.Join(b.dir, "demo")
	run := func(ctx context.Context, args ...string) {
		cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./test/demo"}, args...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = b.root, b.err, b.err
		cmd.Env = append(os.Environ(), "BANGLE_HOME="+home)
		b.check(cmd.Run())
	}
	b.Cleanup(func() { run(context.WithoutCancel(b.ctx), "down") })
	run(b.ctx)
	time.Sleep(idleFor) // what starting needed is given back
	all := 0.0
	seen := map[string]int{}
	for _, p := range stage.Belonging(home) {
		name, size := role(p), pss(p.PID)
		if seen[name]++; seen[name] > 1 {
			name += "." + strconv.Itoa(seen[name]-1)
		}
		b.say("demo."+name, size, "MB")
		all += size
	}
	b.say("demo.all", all, "MB")
}

// role names a process of the demo by its program and, for a supervisor, by what it supervises.
func role(p stage.Proc) string {
	program, _, _ := strings.Cut(p.Command, " ")
	name := filepath.Base(program)
	if name != "bangle-supervisor" {
		if parent, ok := stage.Find(p.Parent); ok && strings.Contains(parent.Command, "controller run") {
			return name + ".provider"
		}
		return name
	}
	env, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ")) // it has just ended then
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if dir, ok := strings.CutPrefix(string(entry), "PEBBLE="); ok {
			// <state>/<model>/<app>-<n>/containers/<name>/pebble, or the controller's own
			if unit := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(dir)))); strings.Contains(dir, "/containers/") {
				return name + "." + unit
			}
			return name + ".of-controller"
		}
	}
	return name
}
