package soak_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/sdk/profile"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/soak"
	"github.com/bangle-dev/bangle/test/stage"
)

var (
	duration = flag.Duration("for", 0, "how long the units are kept at work; 0 skips the soak")
	units    = flag.Int("units", 1000, "units, shared by the charms of all languages that can be built here")
	every    = flag.Duration("every", 10*time.Second, "between two looks at the processes")
	profiles = flag.String("profiles", "", "a directory for the samples, CPU profiles of agent and runtime and their heaps at the end; \"\" keeps none")
)

// tolerances are how much more each figure may be at the end than in the middle.
func tolerances() map[string]soak.Tolerance {
	list := map[string]soak.Tolerance{}
	for _, process := range []string{"agent", "runtime"} {
		for figure, t := range map[string]soak.Tolerance{"pss-mb": {0.05, 3}, "heap-mb": {0.05, 1}, "heap-objects": {0.05, 5000},
			"goroutines": {0.05, 10}, "descriptors": {0.05, 5}, "mappings": {0.05, 10}} {
			list[process+"."+figure] = t
		}
	}
	return list
}

// TestSoak keeps units of charms in every language at work: a change of the configuration for all of them, again and again,
// and charms that trap, take memory and never end. Nothing may grow, with the CPU profiler on for part of the time.
func TestSoak(t *testing.T) {
	if *duration == 0 {
		t.Skip("`go tool task soak` runs it")
	}
	s := &soaking{T: t, Stage: stage.New(t, stage.Config{Profile: true, Ending: 10 * time.Minute}), rng: rand.New(rand.NewPCG(1, 2))}
	s.deploy()
	s.round(1)
	s.pid = s.runtime()
	began := time.Now()
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(stop) })
	watching.Go(func() { s.profile(stop) })
	rounds := 0
	for time.Since(began) < *duration {
		rounds++
		wait := func() {}
		if rounds%5 == 0 {
			wait = s.misbehave(rounds / 5)
		}
		s.round(rounds + 1)
		wait()
	}
	close(stop)
	watching.Wait()
	if now := s.runtime(); now != s.pid {
		t.Errorf("the runtime's process changed from %d to %d", s.pid, now)
	}
	for _, v := range soak.Judge(s.samples, tolerances()) {
		t.Log(v)
		if v.Grew() {
			t.Errorf("%s grew", v.Name)
		}
	}
	took := time.Since(began)
	t.Logf("%d units of %d charms, %s, %d events and %d actions (%d traps, %d grown, %d ended at their deadline), %.0f events a second, %d looks", s.units, len(s.apps),
		took.Round(time.Second), rounds*s.units, s.done["trap"]+s.done["grow"]+s.done["spin"], s.done["trap"], s.done["grow"], s.done["spin"],
		float64(rounds*s.units)/took.Seconds(), len(s.samples))
	last := s.samples[len(s.samples)-1]
	t.Logf("CPU: agent %.0f s, runtime %.0f s; controller at the end %.0f MB (PSS)", last["agent.cpu-s"], last["runtime.cpu-s"], last["controller.pss-mb"])
}

// soaking is the model at work.
type soaking struct {
	*testing.T
	*stage.Stage
	rng     *rand.Rand
	apps    []string
	units   int
	pid     int // of the runtime
	samples []soak.Sample
	done    map[string]int // actions
}

// deploy makes an application of each language that can be built here.
func (s *soaking) deploy() {
	s.done = map[string]int{}
	dirs := map[string]string{}
	for _, language := range []string{"go", "c", "rust", "js", "micropython"} {
		dir := filepath.Join(s.Dir, language)
		if err := s.build(language, dir); err != nil {
			s.T.Logf("without %s: %v", language, err)
			continue
		}
		dirs[language] = dir
		s.apps = append(s.apps, language)
	}
	each := *units / len(s.apps)
	for _, app := range s.apps {
		s.units += each
		s.Deploy(dirs[app], &clientv1.DeployRequest{Application: app, Units: uint32(each), HookTimeoutMs: 5000})
		s.settled(app, each, "quiet")
	}
}

// build makes a charm's directory.
func (s *soaking) build(language, dir string) error {
	from := filepath.Join("testdata", language)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	metadata, err := os.ReadFile("testdata/metadata.yaml")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "charmcraft.yaml"), metadata, 0o644)
	}
	if err != nil {
		return err
	}
	var command *exec.Cmd
	switch language {
	case "js", "micropython":
		return os.CopyFS(dir, os.DirFS(from))
	case "go":
		command = exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "charm.wasm"), "./"+from)
		command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	default:
		command = exec.Command("sh", filepath.Join("..", "..", "sdk", "wasm", language, "bangle", "build.sh"), from, filepath.Join(dir, "charm.wasm"))
	}
	if out, err := command.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}

// round changes the configuration of all applications and waits until every unit has said so.
func (s *soaking) round(n int) {
	note := fmt.Sprint("n", n)
	for _, app := range s.apps {
		s.Config(app, map[string]string{"note": note})
	}
	for _, app := range s.apps {
		s.settled(app, s.units/len(s.apps), note)
	}
}

// settled waits until all units of an application say so: to be told of each change would be more work than the change.
func (s *soaking) settled(app string, units int, note string) {
	why := ""
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
		status, err := s.Client().Status(s.T.Context(), connect.NewRequest(&clientv1.StatusRequest{Model: stage.Model}))
		if err != nil {
			s.T.Fatal(err)
		}
		if why = stage.Active(app, units, note)(status.Msg); why == "" {
			return
		}
	}
	s.T.Fatalf("waited in vain: %s", why)
}

// misbehave has a unit of each application trap and one take memory, and one of one application run until it is ended,
// beside whatever else goes on. The returned function waits for them: none succeeds but those that take memory.
func (s *soaking) misbehave(n int) (wait func()) {
	operations := map[string]string{} // → the status that its task must end with
	queue := func(app, action, status string) {
		s.done[action]++
		operations[s.Queue(action, "", fmt.Sprintf("%s/%d", app, s.rng.IntN(s.units/len(s.apps))))] = status
	}
	for _, app := range s.apps {
		queue(app, "trap", "failed")
		queue(app, "grow", "completed")
	}
	queue(s.apps[n%len(s.apps)], "spin", "failed")
	return func() {
		for operation, status := range operations {
			for _, task := range s.Finished(operation) {
				if task.GetStatus() != status {
					s.T.Errorf("want %s: %v", status, task)
				}
			}
		}
	}
}

// runtime is the number of the runtime's process.
func (s *soaking) runtime() int {
	p, ok := stage.Plugin(s.AgentPID(), "runtime-wasm")
	if !ok {
		s.T.Fatal("there is no runtime")
	}
	return p.PID
}

// watch takes samples until it is stopped.
func (s *soaking) watch(stop <-chan struct{}) {
	tick := time.NewTicker(*every)
	defer tick.Stop()
	for {
		now := soak.Sample{"controller.pss-mb": pss(s.Controller.PID())}
		for name, pid := range map[string]int{"agent": s.AgentPID(), "runtime": s.pid} {
			s.look(now, name, pid)
		}
		s.samples = append(s.samples, now)
		s.note(now)
		if len(s.samples)%30 == 1 {
			s.T.Log(line(now))
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// look adds the figures of one process. Its memory is measured after the collection that counting its heap makes.
func (s *soaking) look(now soak.Sample, name string, pid int) {
	stats, err := profile.Look(s.T.Context(), profile.Socket(s.Profiles(), s.program(name), pid))
	if err != nil {
		s.T.Errorf("cannot look at the %s: %v", name, err)
		return
	}
	now[name+".heap-mb"] = float64(stats.HeapBytes) / (1 << 20)
	now[name+".heap-objects"] = float64(stats.HeapObjects)
	now[name+".goroutines"] = float64(stats.Goroutines)
	now[name+".pss-mb"] = pss(pid)
	now[name+".descriptors"] = float64(entries(pid, "fd"))
	now[name+".mappings"] = float64(lines(pid, "maps"))
	now[name+".cpu-s"] = cpu(pid)
}

func (s *soaking) program(process string) string {
	return map[string]string{"agent": "bangle-agent", "runtime": "runtime-wasm"}[process]
}

// profile has the profiler of the runtime on for a part of the first third and a part of the last, and keeps what it and
// the heaps say where it is wanted.
func (s *soaking) profile(stop <-chan struct{}) {
	for n, share := range []time.Duration{4, 12} {
		wait := []time.Duration{*duration / 20, *duration / 2}[n]
		select {
		case <-stop:
			return
		case <-time.After(wait):
		}
		var both sync.WaitGroup
		for name, pid := range map[string]int{"runtime": s.pid, "agent": s.AgentPID()} {
			both.Go(func() { s.keep(name, pid, "cpu "+(*duration/share).String(), fmt.Sprintf("cpu%d", n+1)) })
		}
		both.Wait()
	}
	for name, pid := range map[string]int{"runtime": s.pid, "agent": s.AgentPID()} {
		s.keep(name, pid, "heap", "heap")
	}
}

func (s *soaking) keep(name string, pid int, question, file string) {
	text, err := profile.Ask(s.T.Context(), profile.Socket(s.Profiles(), s.program(name), pid), question)
	if err == nil && *profiles != "" {
		err = os.WriteFile(filepath.Join(*profiles, name+"."+file), text, 0o600)
	}
	if err != nil {
		s.T.Errorf("cannot profile the %s: %v", name, err)
	}
}

// note keeps a sample beside the profiles.
func (s *soaking) note(now soak.Sample) {
	if *profiles == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(*profiles, "samples"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(json.NewEncoder(f).Encode(now), f.Close())
	}
	if err != nil {
		s.T.Errorf("cannot keep a sample: %v", err)
	}
}

// line writes a sample.
func line(s soak.Sample) string {
	var names []string
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, " %s %.1f", name, s[name])
	}
	return b.String()
}
