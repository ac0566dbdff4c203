package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/plugin"
)

// drain is how long the output of a dead plugin is still read: a charm's
// process may have inherited its stderr and live for days.
const drain = 200 * time.Millisecond

// process is a plugin's process; it is go-plugin's runner.Runner.
type process struct {
	cmd    *exec.Cmd
	thread *thread
	exited chan struct{} // closed when the process was reaped

	stdout, stderr *os.File
	said           opening
	parent         *os.File // write end of the pipe that the plugin watches

	mu     sync.Mutex
	pid    int  // 0 = not started
	doomed bool // Kill came before the start
	reaped bool
	err    error // how it ended
}

func newProcess(t *thread, file string, env []string) *process {
	cmd := exec.Command(file)
	cmd.Env = append(env, plugin.EnvParentPipe+"=3") // the first of ExtraFiles
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return &process{cmd: cmd, thread: t, exited: make(chan struct{})}
}

// Start starts the process and what waits for its end.
func (p *process) Start(context.Context) error {
	pipes := [3][2]*os.File{}
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(pipes)
			return err
		}
		pipes[i] = [2]*os.File{r, w}
	}
	p.cmd.Stdout, p.cmd.Stderr = pipes[0][1], pipes[1][1]
	p.cmd.ExtraFiles = []*os.File{pipes[2][0]}
	if err := p.fork(); err != nil {
		closeAll(pipes)
		return err
	}
	p.stdout, p.stderr, p.parent = pipes[0][0], pipes[1][0], pipes[2][1]
	for _, theirs := range []*os.File{pipes[0][1], pipes[1][1], pipes[2][0]} {
		_ = theirs.Close() // the child has its own copy
	}
	go p.reap()
	return nil
}

// fork starts the process unless it was killed before.
func (p *process) fork() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doomed {
		return context.Canceled
	}
	if err := p.thread.do(p.cmd.Start); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	return nil
}

func closeAll(pipes [3][2]*os.File) {
	for _, pair := range pipes {
		for _, f := range pair {
			if f != nil {
				_ = f.Close() // nothing was written yet
			}
		}
	}
}

// reap waits for the end, then kills what is left of the group while the dead
// leader still reserves its number.
func (p *process) reap() {
	for errors.Is(unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // nobody left is the usual case
	p.err = p.cmd.Wait()
	p.reaped = true
	p.mu.Unlock()
	deadline := time.Now().Add(drain)
	_, _, _ = p.stdout.SetReadDeadline(deadline), p.stderr.SetReadDeadline(deadline), p.parent.Close()
	close(p.exited)
}

// Wait waits until the process was reaped. go-plugin calls it when it has read
// all output.
func (p *process) Wait(context.Context) error {
	<-p.exited
	_, _ = p.stdout.Close(), p.stderr.Close()
	return p.err
}

// Kill ends the whole process group at once.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	if p.pid == 0 || p.reaped {
		return nil
	}
	return unix.Kill(-p.pid, unix.SIGKILL)
}

// state says how the process ended.
func (p *process) state() string {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.String()
	default:
		return "running"
	}
}

// Diagnose adds nothing: the host's error has the last lines of stderr.
func (p *process) Diagnose(context.Context) string { return "" }

// Stdout is read by go-plugin.
func (p *process) Stdout() io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(p.stdout, &p.said), p.stdout}
}

// Stderr is read by go-plugin.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name is the plugin's file.
func (p *process) Name() string { return p.cmd.Path }

// ID is the pid, "" before the start.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return ""
	}
	return strconv.Itoa(p.pid)
}

// PluginToHost changes nothing: both see the same files.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin changes nothing.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// opening keeps the beginning of what is written to it.
type opening struct {
	mu   sync.Mutex
	text []byte
}

// Write never fails.
func (o *opening) Write(data []byte) (int, error) {
	const some = 200
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, data[:min(len(data), max(0, some-len(o.text)))]...)
	return len(data), nil
}

// line is the first line, cut.
func (o *opening) line() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	line, _, _ := bytes.Cut(o.text, []byte("\n"))
	return string(line)
}
