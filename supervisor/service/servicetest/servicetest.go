// Package servicetest has a Runner of goroutines, for tests of whatever uses
// services without processes.
package servicetest

import (
	"fmt"
	"io"
	"sync"
	"syscall"

	"github.com/bangle-dev/bangle/supervisor/service"
)

// Runner runs every service as a goroutine-free stub that lives until it is
// told to exit or, unless Stubborn, signalled.
type Runner struct {
	// Fail, if not nil, may refuse a start.
	Fail func(name string) error
	// Stubborn services ignore SIGTERM; immortal ones ignore SIGKILL too.
	Stubborn, Immortal map[string]bool

	mu     sync.Mutex
	runs   map[string]*Run
	events []string
}

// Start implements [service.Runner].
func (r *Runner) Start(def service.Definition, out io.Writer) (service.Run, error) {
	name := def.Service.Name
	if r.Fail != nil {
		if err := r.Fail(name); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs == nil {
		r.runs = map[string]*Run{}
	}
	run := &Run{name: name, runner: r, out: out, exited: make(chan struct{}), drained: make(chan struct{})}
	r.runs[name] = run
	r.events = append(r.events, "start "+name)
	return run, nil
}

// Last returns the newest run of a service, nil if it was never started.
func (r *Runner) Last(name string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[name]
}

// Events returns what happened, in order: "start NAME", "SIGNAL NAME".
func (r *Runner) Events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.events...)
}

func (r *Runner) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

// Run is one life of a stub.
type Run struct {
	name    string
	runner  *Runner
	out     io.Writer
	once    sync.Once
	exited  chan struct{}
	drained chan struct{}
	code    int
}

// Exit ends the run with a code and closes its output.
func (r *Run) Exit(code int) {
	r.once.Do(func() {
		r.code = code
		close(r.exited)
		close(r.drained)
	})
}

// Print writes a line of output.
func (r *Run) Print(line string) { fmt.Fprintln(r.out, line) }

// Exited implements [service.Run].
func (r *Run) Exited() <-chan struct{} { return r.exited }

// Drained implements [service.Run].
func (r *Run) Drained() <-chan struct{} { return r.drained }

// ExitCode implements [service.Run].
func (r *Run) ExitCode() int { return r.code }

// Signal implements [service.Run].
func (r *Run) Signal(sig syscall.Signal) error {
	r.runner.note("%s %s", sig, r.name)
	return nil
}

// SignalAll implements [service.Run].
func (r *Run) SignalAll(sig syscall.Signal) error {
	r.runner.note("%s %s", sig, r.name)
	dies := sig == syscall.SIGTERM && !r.runner.Stubborn[r.name] || sig == syscall.SIGKILL
	if dies && !r.runner.Immortal[r.name] {
		r.Exit(128 + int(sig))
	}
	return nil
}
