// Command bench measures the real parts, each in a process of its own, and prints one line per figure on stdout:
//
//	name value unit
//
// and on stderr a table beside the budgets of the design. Figures that miss their budget are printed like all others.
//
//	go run ./test/bench            everything
//	go run ./test/bench dispatch   what dispatching an event costs, for both runtimes
//	go run ./test/bench wasm       the same for WASM charms, their limits and their fairness, and 1,000 of them; UNITS=10000 for more
//	go run ./test/bench units      these 1,000; -profiles DIR keeps profiles
//	go run ./test/bench beside     one charm as WASM and in Python, cold and warm; a part of wasm
//	go run ./test/bench python     Python charms cold and warm; -venv and -charm measure with other frameworks and charms
//	go run ./test/bench supervisor PID 1 by itself, and with PEER=PROGRAM another that speaks its API, in the same run
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/bangle-dev/bangle/test/stage"
)

func main() {
	if dir := os.Getenv(etcdVariable); dir != "" {
		serveEtcd(dir)
		return
	}
	if socket := os.Getenv(floorVariable); socket != "" {
		serveFloor(socket)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	what := "all"
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	b := &bench{ctx: ctx, out: os.Stdout, err: os.Stderr}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&b.charm, "charm", "", "python: the directory of a whole charm, with its own framework")
	flags.StringVar(&b.venv, "venv", "", "python: a directory of modules with a framework, for the charm in testdata/observed")
	flags.StringVar(&b.profiles, "profiles", "", "units: a directory for the heaps of controller, agent and runtime at rest and where their CPU time goes in a change")
	flags.IntVar(&b.samples, "samples", samples, "python, beside: events of each kind")
	_ = flags.Parse(os.Args[min(2, len(os.Args)):]) // it exits
	sections, ok := suites()[what]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: bench [all|dispatch|wasm|beside|units|commit|change|ready|status|memory|demo|sizes|supervisor|python] [FLAGS]")
		os.Exit(2)
	}
	b.prepare()
	for _, section := range sections {
		section(b)
	}
	b.finish()
	b.table()
}

// suites are the sections by name.
func suites() map[string][]func(*bench) {
	all := map[string][]func(*bench){
		"dispatch": {(*bench).machine, (*bench).floor, (*bench).smallest, (*bench).wasm, (*bench).python},
		"wasm":     {(*bench).machine, (*bench).floor, (*bench).instances, (*bench).smallest, (*bench).wasm, (*bench).wasmCold, (*bench).guests, (*bench).beside, (*bench).many},
		"beside":   {(*bench).beside},
		"units":    {(*bench).many},
		"commit":   {(*bench).machine, (*bench).commits},
		"change":   {(*bench).machine, (*bench).firstUnit, (*bench).changes},
		"ready":    {(*bench).ready},
		"status":   {(*bench).status},
		"memory":   {(*bench).memory},
		"demo":     {(*bench).demo},
		"sizes":    {(*bench).sizes},

		"python":     {(*bench).warmPython},
		"supervisor": {(*bench).quietly, (*bench).supervisor},
	}
	for _, name := range []string{"sizes", "dispatch", "commit", "change", "ready", "status", "memory", "demo", "python", "supervisor"} {
		list := all[name]
		if name != "dispatch" && (name == "commit" || name == "change") {
			list = list[1:] // the machine once
		}
		all["all"] = slices.Concat(all["all"], list)
	}
	return all
}

// figure is one line of the output.
type figure struct {
	name  string
	value float64
	unit  string
}

// bench is the stage's TB of a program that is no test.
type bench struct {
	ctx      context.Context
	out, err io.Writer
	root     string // of the repository
	bin      string // built programs
	dir      string // for what is made
	figures  []figure
	charm    string // of somebody else
	venv     string
	samples  int
	profiles string
	echo     float64 // µs, of machine.echo.p50; 0 = not measured
	cleanups []func()
}

// Helper implements stage.TB.
func (*bench) Helper() {}

// Context implements stage.TB.
func (b *bench) Context() context.Context { return b.ctx }

// Logf implements stage.TB.
func (b *bench) Logf(format string, args ...any) { fmt.Fprintf(b.err, format+"\n", args...) }

// Cleanup implements stage.TB.
func (b *bench) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

// Fatalf implements stage.TB.
func (b *bench) Fatalf(format string, args ...any) {
	b.Logf("ERROR "+format, args...)
	b.finish()
	os.Exit(1)
}

// finish runs the cleanups, the last one first; one of them may fail in its turn.
func (b *bench) finish() {
	for len(b.cleanups) > 0 {
		last := b.cleanups[len(b.cleanups)-1]
		b.cleanups = b.cleanups[:len(b.cleanups)-1]
		last()
	}
}

// check ends the program where an error means that nothing can be measured.
func (b *bench) check(err error) {
	if err != nil {
		b.Fatalf("%v", err)
	}
}

// say prints a figure.
func (b *bench) say(name string, value float64, unit string) {
	b.figures = append(b.figures, figure{name, value, unit})
	fmt.Fprintf(b.out, "%s %.4g %s\n", name, value, unit)
}

// prepare builds the programs and the charms.
func (b *bench) prepare() {
	var err error
	b.root, err = stage.Root()
	b.check(err)
	b.bin, err = stage.Programs(b.ctx, "")
	b.check(err)
	b.dir, err = os.MkdirTemp("", "bb")
	b.check(err)
	b.Cleanup(func() { _ = os.RemoveAll(b.dir) })
	echo := filepath.Join(b.dir, "echo")
	b.check(os.CopyFS(echo, os.DirFS(filepath.Join(b.root, "test", "bench", "testdata", "echo"))))
	b.check(os.Remove(filepath.Join(echo, "main.go")))
	cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", filepath.Join(echo, "charm.wasm"), "./test/bench/testdata/echo")
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("cannot build the charm: %v\n%s", err, text)
	}
}
