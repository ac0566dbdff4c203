package stage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// restartAfter is the pause of the process supervisor between a process's end and its next start.
const restartAfter = 100 * time.Millisecond

// Process is one process of the product that is started again whenever it ends, as the process supervisor of a
// controller does.
type Process struct {
	name string
	argv []string
	env  []string
	log  string

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // of the present life
	wanted  bool
	held    bool // stays dead until Release
	starts  int
	waiting *time.Timer
}

func newProcess(name, dir string, env []string, program string, args ...string) *Process {
	return &Process{name: name, argv: append([]string{program}, args...), env: env, log: filepath.Join(dir, name+".log")}
}

// Start starts it and keeps it running.
func (p *Process) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	p.start()
}

// start is one life. The caller holds the lock.
func (p *Process) start() {
	if !p.wanted || p.held || p.cmd != nil {
		return
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // the stage's directory is gone
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(log, "cannot start:", err)
		p.again()
		return
	}
	p.starts++
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cmd = nil
		close(ended)
		p.again()
	}()
}

// again plans the next life. The caller holds the lock.
func (p *Process) again() {
	if p.wanted && !p.held {
		p.waiting = time.AfterFunc(restartAfter, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.start()
		})
	}
}

// PID is the present life's, 0 between two.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Starts counts lives.
func (p *Process) Starts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

// Kill ends the present life with SIGKILL and waits for its end; the next one follows.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// Hold is Kill without a next life until Release.
func (p *Process) Hold() {
	p.mu.Lock()
	p.held = true
	p.mu.Unlock()
	p.Kill()
}

// Release ends Hold.
func (p *Process) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	p.start()
}

func (p *Process) signal(sig syscall.Signal) {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig) // it may just have ended
	<-ended
}

// Stop ends it for good, by SIGTERM and, where that does not end it in time, by SIGKILL and an error.
func (p *Process) Stop(limit time.Duration) error {
	p.mu.Lock()
	p.wanted = false
	cmd, ended := p.cmd, p.ended
	if p.waiting != nil {
		p.waiting.Stop()
	}
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
	select {
	case <-ended:
		return nil
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.name, limit)
	}
}

// Log is all that it printed, in all lives.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail is the end of that.
func (p *Process) Tail(lines int) string {
	all := strings.Split(strings.TrimSpace(p.Log()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
