package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/client"
)

// peerVariable names a program that speaks the same API and is measured beside ours.
const peerVariable = "PEER"

const (
	execs     = 300
	logLines  = 1_000_000
	fileBytes = 100 << 20
	many      = 100 // services in one change
)

// quietly waits for the machine to be idle.
func (b *bench) quietly() { b.quiet("supervisor") }

// supervisor measures PID 1 by itself, and the peer where there is one.
func (b *bench) supervisor() {
	b.measureSupervisor("supervisor", filepath.Join(b.bin, "bangle-supervisor"))
	if peer := os.Getenv(peerVariable); peer != "" {
		b.measureSupervisor("peer", peer)
	}
}

func (b *bench) measureSupervisor(name, program string) {
	info, err := os.Stat(program)
	b.check(err)
	b.say(name+".size", float64(info.Size())/1e6, "MB")
	for _, part := range []func(*bench, string, *daemonProcess){
		(*bench).supervisorIdle, (*bench).supervisorExecs, (*bench).supervisorServices, (*bench).supervisorFiles, (*bench).supervisorLogs,
	} {
		d := b.startDaemon(program)
		part(b, name, d)
		d.end()
	}
}

// daemonProcess is a supervisor with an empty plan and a fresh state.
type daemonProcess struct {
	b     *bench
	c     *client.Client
	cmd   *exec.Cmd
	dir   string
	first time.Duration // from its start to its first answer
}

func (b *bench) startDaemon(program string) *daemonProcess {
	dir, err := os.MkdirTemp(b.dir, "d")
	b.check(err)
	d := &daemonProcess{b: b, dir: dir}
	d.c, err = client.New(client.Config{Socket: filepath.Join(dir, "s")})
	b.check(err)
	d.cmd = exec.Command(program, "run", "--hold")
	d.cmd.Env = append(os.Environ(), "PEBBLE="+dir, "PEBBLE_SOCKET="+filepath.Join(dir, "s"))
	began := time.Now()
	b.check(d.cmd.Start())
	for {
		if _, err := d.c.SystemInfo(b.ctx); err == nil {
			break
		}
		if time.Since(began) > 10*time.Second {
			b.Fatalf("%s does not answer", program)
		}
		time.Sleep(50 * time.Microsecond)
	}
	d.first = time.Since(began)
	return d
}

func (d *daemonProcess) end() {
	d.c.Close()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait() // it may end by the signal, that is no failure
	_ = os.RemoveAll(d.dir)
}

// change waits for a change that must succeed.
func (d *daemonProcess) change(id string, err error) {
	d.b.check(err)
	c, err := d.c.WaitChange(d.b.ctx, id)
	d.b.check(errors.Join(err, c.Failure()))
}

func (d *daemonProcess) layer(text string) {
	d.b.check(d.c.AddLayer(d.b.ctx, "bench", text, client.AddOptions{Combine: true}))
}

func (d *daemonProcess) exec() {
	p, err := d.c.Exec(d.b.ctx, client.ExecOptions{Command: []string{"true"}})
	d.b.check(err)
	d.b.check(p.Wait(d.b.ctx))
}

// supervisorIdle prints start-up, memory and what plain requests cost.
func (b *bench) supervisorIdle(name string, d *daemonProcess) {
	b.say(name+".start-to-answer", d.first.Seconds()*1e3, "ms")
	time.Sleep(time.Second) // let what start-up left be collected
	b.say(name+".idle.rss", rss(d.cmd.Process.Pid), "MB")
	info := func(int) {
		_, err := d.c.SystemInfo(b.ctx)
		b.check(err)
	}
	services := func(int) {
		_, err := d.c.Services(b.ctx)
		b.check(err)
	}
	times(200, info)
	b.median(name+".get.system-info", times(5000, info), time.Microsecond, "µs")
	b.median(name+".get.services", times(5000, services), time.Microsecond, "µs")
}

// supervisorExecs prints what an exec costs, also with a history and beside others.
func (b *bench) supervisorExecs(name string, d *daemonProcess) {
	one := func(int) { d.exec() }
	list := times(execs, one)
	first, last := slices.Clone(list[:50]), slices.Clone(list[execs-50:])
	b.median(name+".exec.first-50", first, time.Millisecond, "ms")
	b.median(name+".exec.last-50", last, time.Millisecond, "ms")
	b.median(name+".exec", list, time.Millisecond, "ms")
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			own := times(execs/8, one)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	wg.Wait()
	b.median(name+".exec.8-at-a-time", all, time.Millisecond, "ms")
}

// supervisorServices prints how long many services take beyond the okay delay.
func (b *bench) supervisorServices(name string, d *daemonProcess) {
	var text strings.Builder
	text.WriteString("services:\n")
	names := make([]string, many)
	for i := range many {
		names[i] = fmt.Sprintf("s%d", i)
		fmt.Fprintf(&text, "  %s: {override: replace, command: sleep 3600}\n", names[i])
	}
	d.layer(text.String())
	began := time.Now()
	d.change(d.c.Start(b.ctx, names...))
	b.say(name+".start-100", (time.Since(began)-time.Second).Seconds()*1e3, "ms")
	b.say(name+".rss.100-services", rss(d.cmd.Process.Pid), "MB")
	began = time.Now()
	d.change(d.c.Stop(b.ctx, names...))
	b.say(name+".stop-100", time.Since(began).Seconds()*1e3, "ms")
}

// supervisorFiles prints the speed of the files API.
func (b *bench) supervisorFiles(name string, d *daemonProcess) {
	content := make([]byte, fileBytes)
	path := filepath.Join(d.dir, "big")
	push := times(3, func(int) {
		b.check(d.c.Push(b.ctx, path, bytes.NewReader(content), false, client.Owner{}))
	})
	pull := times(3, func(int) { b.check(d.c.Pull(b.ctx, path, io.Discard)) })
	rate := func(list []time.Duration) float64 {
		slices.Sort(list)
		return fileBytes / 1e6 / list[len(list)/2].Seconds()
	}
	b.say(name+".push", rate(push), "MB/s")
	b.say(name+".pull", rate(pull), "MB/s")
}

// supervisorLogs prints how fast output is taken: from when the service begins to write, by its own clock, to the
// time that its last line was stamped with.
func (b *bench) supervisorLogs(name string, d *daemonProcess) {
	began := filepath.Join(d.dir, "began")
	script := fmt.Sprintf("sleep 1.2; date +%%s%%N > %s; yes %s | head -n %d; echo last; exec sleep 3600", began, strings.Repeat("x", 82), logLines)
	d.layer(fmt.Sprintf("services:\n  chat: {override: replace, command: \"sh -c '%s'\"}\n", script))
	d.change(d.c.Start(b.ctx, "chat"))
	var last time.Time
	for deadline := time.Now().Add(time.Minute); last.IsZero(); time.Sleep(10 * time.Millisecond) {
		b.check(d.c.Logs(b.ctx, client.LogOptions{Services: []string{"chat"}, N: 1}, func(e client.LogEntry) error {
			if e.Message == "last" {
				last = e.Time
			}
			return nil
		}))
		if time.Now().After(deadline) {
			b.Fatalf("the last line never came")
		}
	}
	text, err := os.ReadFile(began)
	b.check(err)
	nanos, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	b.check(err)
	b.say(name+".logs", logLines/1e6/last.Sub(time.Unix(0, nanos)).Seconds(), "Mlines/s")
}

// times runs one n times and returns how long each took.
func times(n int, one func(i int)) []time.Duration {
	list := make([]time.Duration, n)
	for i := range n {
		began := time.Now()
		one(i)
		list[i] = time.Since(began)
	}
	return list
}

// median prints p50 and p99 of a list, which it sorts.
func (b *bench) median(name string, list []time.Duration, in time.Duration, unit string) {
	slices.Sort(list)
	b.say(name+".p50", float64(list[len(list)/2])/float64(in), unit)
	b.say(name+".p99", float64(list[len(list)*99/100])/float64(in), unit)
}

// rss is the resident memory of a process in MB.
func rss(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb * 1024 / 1e6
		}
	}
	return 0
}
