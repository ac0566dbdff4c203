package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	samples   = 200
	quietIdle = 92 // percent
	quietWait = 20 * time.Second
)

// pause lies between two events: a loop without pauses finds everything awake and flatters by two or three times.
func pause() { time.Sleep(2*time.Millisecond + rand.N(4*time.Millisecond)) }

// sample takes the time of something samples times, after a few that do not count.
func (b *bench) sample(one func(i int)) []time.Duration {
	for i := range 10 {
		one(-1 - i)
	}
	list := make([]time.Duration, samples)
	for i := range list {
		pause()
		if b.ctx.Err() != nil {
			b.Fatalf("interrupted")
		}
		began := time.Now()
		one(i)
		list[i] = time.Since(began)
	}
	return list
}

// percentiles prints the median and the 99th of a sample.
func (b *bench) percentiles(name string, list []time.Duration, unit string) (p50 float64) {
	slices.Sort(list)
	scale := map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond}[unit]
	at := func(p float64) float64 { return float64(list[int(p*float64(len(list)-1))]) / float64(scale) }
	b.say(name+".p50", at(0.5), unit)
	b.say(name+".p99", at(0.99), unit)
	return at(0.5)
}

// machine says what this machine is like: how long its disk takes to make a small write last.
func (b *bench) machine() {
	b.quiet("disk")
	file, err := os.Create(filepath.Join(b.dir, "fsync"))
	b.check(err)
	defer func() { _ = file.Close() }() // nothing in it counts
	block := make([]byte, 512)
	b.percentiles("machine.fsync", b.sample(func(int) {
		_, err := file.Write(block)
		b.check(err)
		b.check(file.Sync())
	}), "us")
}

// quiet waits a while for the machine to be idle and prints how idle it is.
func (b *bench) quiet(before string) {
	deadline := time.Now().Add(quietWait)
	for {
		idle := idle(500 * time.Millisecond)
		if idle >= quietIdle || time.Now().After(deadline) {
			b.say("machine.idle."+before, idle, "%")
			return
		}
	}
}

// idle is the share of all processors' time that nobody wanted, in percent.
func idle(over time.Duration) float64 {
	idle0, all0 := jiffies()
	time.Sleep(over)
	idle1, all1 := jiffies()
	return 100 * float64(idle1-idle0) / float64(max(all1-all0, 1))
}

func jiffies() (idle, all int64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var f [8]int64 // user nice system idle iowait irq softirq steal
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]); err != nil {
		return 0, 0
	}
	for _, n := range f {
		all += n
	}
	return f[3] + f[4], all
}
