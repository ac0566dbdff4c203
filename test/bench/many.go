package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/sdk/profile"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// unitsVariable says how many units of WASM charms are made at most; 1,000 without it.
const unitsVariable = "UNITS"

// many measures 1,000 and, where asked for, 10,000 units of a Go charm: their memory, and one change that all must see.
func (b *bench) many() {
	most := 1000
	if n, err := strconv.Atoi(os.Getenv(unitsVariable)); err == nil {
		most = n
	}
	s := stage.New(b, stage.Config{Bin: b.bin, Profile: b.profiles != ""})
	s.Deploy(filepath.Join(b.dir, "echo"), &clientv1.DeployRequest{Application: "web", Units: 1})
	s.Await(stage.Active("web", 1, "quiet"))
	b.units(s, 1)
	have := 0
	for _, n := range []int{1000, 10_000} {
		if n > most {
			break
		}
		began := time.Now()
		for have < n {
			have += 1000 // more are not made at once
			s.Scale("web", uint32(have))
			b.await(s, have, "quiet")
		}
		name := strconv.Itoa(n)
		b.say("wasm.units."+name+".ready", time.Since(began).Seconds(), "s")
		time.Sleep(idleFor)
		b.units(s, n)
		looked := b.look(s, n)
		before := b.used(s)
		began = time.Now()
		revision := s.Config("web", map[string]string{"note": "n" + name})
		last := b.await(s, n, "n"+name)
		b.say("wasm.units."+name+".change-seen-by-all", time.Since(began).Seconds(), "s")
		for program, ticks := range b.used(s) { // less of a busy machine's business than the time
			b.say("wasm.units."+name+".change.cpu."+program, float64(ticks-before[program])/100, "s")
		}
		b.say("wasm.units."+name+".change.transactions", float64(last-revision), "txn")
		looked()
		s.Config("web", map[string]string{"note": "quiet"})
		b.await(s, n, "quiet")
	}
	b.fewer(s, have)
	s.Close()
}

// fewer measures how long it takes until the last unit alone is left: the others have run their last hooks, their places are
// gone and so are their records.
func (b *bench) fewer(s *stage.Stage, have int) {
	if have < 1000 {
		return
	}
	before, began := b.used(s), time.Now()
	s.Scale("web", 1)
	name := "wasm.units." + strconv.Itoa(have) + ".removed"
	for {
		status, err := s.Client().Status(b.ctx, connect.NewRequest(&clientv1.StatusRequest{Model: stage.Model, Selectors: []string{"web"}}))
		b.check(err)
		left := len(stage.App(status.Msg, "web").GetUnits())
		if left == 1 {
			break
		}
		if time.Since(began) > time.Duration(have)*100*time.Millisecond {
			b.Fatalf("%d units are left after %s", left, time.Since(began))
		}
		time.Sleep(time.Duration(have) * 100 * time.Microsecond)
	}
	b.say(name, time.Since(began).Seconds(), "s")
	for program, ticks := range b.used(s) {
		b.say(name+".cpu."+program, float64(ticks-before[program])/100, "s")
	}
}

// await asks until all units say so, and answers the store's revision then. A few of them are asked about until they do, which
// is near the end, since units have their turns in no order; only then all are: thousands of answers a second, and making them,
// would cost more than what is measured.
func (b *bench) await(s *stage.Stage, n int, message string) int64 {
	limit := time.Duration(max(n, 6000)) * 50 * time.Millisecond
	some := make([]string, 0, samplesOfMany)
	for i := range samplesOfMany {
		some = append(some, fmt.Sprintf("web/%d", i*n/samplesOfMany))
	}
	why, asked, want := "", some, len(some)
	for began := time.Now(); time.Since(began) < limit; time.Sleep(time.Duration(n) * 40 * time.Microsecond) {
		status, err := s.Client().Status(b.ctx, connect.NewRequest(&clientv1.StatusRequest{Model: stage.Model, Selectors: asked}))
		b.check(err)
		if why = stage.Active("web", want, message)(status.Msg); why != "" {
			continue
		}
		if asked == nil {
			return status.Msg.GetRevision()
		}
		asked, want = nil, n
	}
	b.Fatalf("waited %s in vain: %s", limit, why)
	return 0
}

// samplesOfMany is how many units are asked about before all are.
const samplesOfMany = 16

// carriers are the processes that carry the units.
func (b *bench) carriers(s *stage.Stage) map[string]int {
	pids := map[string]int{"controller": s.Controller.PID(), "agent": s.AgentPID()}
	for _, p := range s.Processes() {
		if program, _, _ := strings.Cut(p.Command, " "); filepath.Base(program) == "runtime-wasm" && p.Parent == s.AgentPID() {
			pids["runtime"] = p.PID
		}
	}
	return pids
}

// used is the CPU time that they took so far, in hundredths of a second.
func (b *bench) used(s *stage.Stage) map[string]int64 {
	all := map[string]int64{}
	for name, pid := range b.carriers(s) {
		all[name] = cpu(pid)
	}
	return all
}

// units prints their memory.
func (b *bench) units(s *stage.Stage, n int) {
	name, all := "wasm.units."+strconv.Itoa(n), 0.0
	for program, pid := range b.carriers(s) {
		size := pss(pid)
		b.say(name+"."+program, size, "MB")
		if program != "controller" {
			all += size
		}
	}
	b.say(name+".agent-and-runtime", all, "MB")
}

// look keeps the heaps and goroutines of the processes that carry the units, and has their profilers on for as long as a
// change should take. It answers what waits for them.
func (b *bench) look(s *stage.Stage, n int) (wait func()) {
	if b.profiles == "" {
		return func() {}
	}
	b.check(os.MkdirAll(b.profiles, 0o700))
	length := time.Duration(n) * time.Millisecond
	var asked sync.WaitGroup
	for _, p := range s.Processes() {
		program, _, _ := strings.Cut(p.Command, " ")
		socket := profile.Socket(s.Profiles(), program, p.PID)
		if _, err := os.Stat(socket); err != nil {
			continue
		}
		ask := func(question, file string) {
			text, err := profile.Ask(b.ctx, socket, question)
			b.check(err)
			b.check(os.WriteFile(filepath.Join(b.profiles, fmt.Sprintf("%s.%d.%d.%s", filepath.Base(program), p.PID, n, file)), text, 0o600))
		}
		for _, question := range []string{"heap", "goroutine", "stats"} {
			ask(question, question)
		}
		asked.Go(func() { ask("cpu "+length.String(), "cpu") })
	}
	return asked.Wait
}
