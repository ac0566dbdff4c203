package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const (
	killAfter = 20 * time.Millisecond
	kills     = 40
)

var perInstance = regexp.MustCompile(`(?m)^BenchmarkInstance/(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`)

// instances prints what an instance of a Go charm costs.
func (b *bench) instances() {
	b.quiet("instances")
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkInstance$", "-benchtime", "100x", "./runtimes/wasm")
	cmd.Dir, cmd.Stderr = b.root, b.err
	out, err := cmd.Output()
	b.check(err)
	for _, f := range perInstance.FindAllSubmatch(out, -1) {
		ns, err := strconv.ParseFloat(string(f[2]), 64)
		b.check(err)
		b.say("wasm.instance."+string(f[1]), ns/1e3, "us")
	}
}

// smallest measures the way there and back with a charm that does nothing.
func (b *bench) smallest() {
	client := b.runtime("wasm")
	handle := b.loadAs(client, "answers", b.tiny("answers", tinyAnswers, 1))
	b.quiet("smallest")
	view := view(6)
	b.perEcho("dispatch.wasm.smallest", b.percentiles("dispatch.wasm.smallest", b.sample(func(i int) {
		b.dispatch(client, &charmruntimev1.Start{Handle: handle, Event: event(i), View: view, TimeoutMs: 10_000})
	}), "us"))
}

func (b *bench) loadAs(client *charmruntime.Remote, digest, dir string) string {
	loaded, err := client.Load(b.ctx, &charmruntimev1.LoadRequest{Digest: digest, Dir: dir})
	b.check(err)
	if len(loaded.GetDiagnostics()) > 0 {
		b.Fatalf("cannot load %s: %v", dir, loaded.GetDiagnostics())
	}
	return loaded.GetHandle()
}

// busy are the guests that never end.
func (b *bench) busy(client *charmruntime.Remote) map[string]string {
	return map[string]string{
		"loop":      b.loadAs(client, "loops", b.tiny("loops", tinyLoops, 1)),
		"recursion": b.loadAs(client, "recurses", b.tiny("recurses", tinyRecurses, 1)),
		"fill":      b.loadAs(client, "fills", b.tiny("fills", tinyFills, 1020)),
	}
}

// guests measures how late guests that never end are ended, and what they cost others meanwhile.
func (b *bench) guests() {
	client := b.runtime("wasm")
	busy := b.busy(client)
	quiet := b.loadAs(client, "answers", b.tiny("quiet", tinyAnswers, 1))
	b.quiet("guests")
	for _, name := range []string{"loop", "recursion", "fill"} {
		list := make([]time.Duration, 0, kills)
		for i := range kills {
			pause()
			done, err := client.Dispatch(b.ctx, &charmruntimev1.Start{Handle: busy[name], Event: event(i), View: view(0), TimeoutMs: killAfter.Milliseconds()}, deaf{})
			b.check(err)
			if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED {
				b.Fatalf("%s was not killed: %v", name, done)
			}
			list = append(list, time.Duration(done.GetStats().GetCpuUs())*time.Microsecond-killAfter)
		}
		b.extremes("wasm.kill."+name, list)
	}
	b.stall(client, "nobody", quiet, "", 0)
	for _, name := range []string{"loop", "recursion", "fill"} {
		b.stall(client, name, quiet, busy[name], 1)
	}
	b.stall(client, "4-loops", quiet, busy["loop"], 4)
}

// extremes prints the median and the longest.
func (b *bench) extremes(name string, list []time.Duration) {
	slices.Sort(list)
	b.say(name+".p50", float64(list[len(list)/2])/1e3, "us")
	b.say(name+".max", float64(list[len(list)-1])/1e3, "us")
}

// stall measures events of one charm while others run without end.
func (b *bench) stall(client *charmruntime.Remote, name, quiet, busy string, n int) {
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, _ = client.Dispatch(ctx, &charmruntimev1.Start{Handle: busy, Event: event(i), View: view(0), TimeoutMs: 600_000}, deaf{}) // it is ended below
		})
	}
	view := view(0)
	list := b.sample(func(i int) {
		b.dispatch(client, &charmruntimev1.Start{Handle: quiet, Event: event(i), View: view, TimeoutMs: 10_000})
	})
	stop()
	all.Wait()
	b.extremes("wasm.beside-"+name, list)
}

// wasmCold measures loading a Go charm whose code is in the cache.
func (b *bench) wasmCold() {
	for _, name := range []string{"wasm.load.compiled-before", "wasm.load.again"} {
		client := b.runtime("wasm")
		began := time.Now()
		b.loadAs(client, fmt.Sprint(name), filepath.Join(b.dir, "echo"))
		b.say(name, float64(time.Since(began).Milliseconds()), "ms")
	}
}
