package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper waits for every child of this process.
type Reaper struct {
	// mu is held shared while forking and exclusively while reaping, so a
	// child's status cannot be reaped before its pid is registered, and a pid
	// cannot be signalled after it was reaped.
	mu       sync.RWMutex
	children sync.Map // pid int -> *Process

	buffers sync.Pool // of *[]byte, for Drain
	signals chan os.Signal
	stop    chan struct{}
	stopped chan struct{}
}

// NewReaper makes this process a subreaper and begins to reap. Close ends it.
func NewReaper() (*Reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("cannot become the reaper of orphans: %w", err)
	}
	r := &Reaper{
		signals: make(chan os.Signal, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	heed()
	signal.Notify(r.signals, unix.SIGCHLD)
	go r.loop()
	return r, nil
}

// heed makes children begin with the usual signals, whatever this process was started with: who runs it under nohup, or in
// the background of a shell script, would have every service ignore SIGHUP or SIGINT, and no shell can trap what it was
// born to ignore. Here they are still ignored: caught, and dropped.
func heed() {
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// Close stops reaping; children that still run are left alone.
func (r *Reaper) Close() {
	signal.Stop(r.signals)
	close(r.stop)
	<-r.stopped
}

func (r *Reaper) loop() {
	defer close(r.stopped)
	for {
		select {
		case <-r.stop:
			return
		case <-r.signals:
			r.reap()
		}
	}
}

func (r *Reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if p, ok := r.children.LoadAndDelete(pid); ok {
			p.(*Process).finish(exitCode(ws))
		}
	}
}

// exitCode follows the shell: death by signal N is 128+N.
func exitCode(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// Spec says what to run and how.
type Spec struct {
	Path       string   // resolved program, as seen inside Root
	Args       []string // argument vector, program name first
	Env        []string // complete environment, KEY=value
	Dir        string   // working directory, as seen inside Root; empty is the daemon's
	Root       string   // chroot when not empty and not "/"
	Credential *Credential
	Session    bool // new session instead of a new process group
	Terminal   bool // file 0 becomes the controlling terminal; needs Session
	Files      []*os.File
}

// Credential is the user and group a process runs as; supplementary groups are cleared.
type Credential struct {
	UID, GID uint32
}

// Start forks and executes. A nil error means that the program itself was
// entered; the caller closes its copies of the files.
func (r *Reaper) Start(s Spec) (*Process, error) {
	attr := &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Sys: s.sysProcAttr()}
	for _, f := range s.Files {
		attr.Files = append(attr.Files, f.Fd())
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	pid, err := syscall.ForkExec(s.Path, s.Args, attr)
	if c := attr.Sys.Credential; c != nil && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL)) {
		return nil, fmt.Errorf("cannot run %s as user %d, group %d: this supervisor may not switch to them; leave user and group out, run as root, "+
			"or give the user subordinate ids (install uidmap, add lines to /etc/subuid and /etc/subgid, start again): %w", s.Path, c.Uid, c.Gid, err)
	}
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
	}
	p := &Process{pid: pid, reaper: r, exited: make(chan struct{})}
	r.children.Store(pid, p)
	return p, nil
}

func (s Spec) sysProcAttr() *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Setpgid: !s.Session, Setsid: s.Session, Setctty: s.Terminal}
	if s.Root != "" && s.Root != "/" {
		sys.Chroot = s.Root
	}
	if c := s.Credential; c != nil {
		own := c.UID == uint32(os.Getuid()) && c.GID == uint32(os.Getgid())
		if !own {
			sys.Credential = &syscall.Credential{Uid: c.UID, Gid: c.GID}
		}
	}
	return sys
}

// Process is one child, from fork until it was reaped.
type Process struct {
	pid    int
	reaper *Reaper
	exited chan struct{}
	code   int
}

func (p *Process) finish(code int) {
	p.code = code
	close(p.exited)
}

// PID returns the process id, which is also the id of its group.
func (p *Process) PID() int { return p.pid }

// Exited is closed once the process has been reaped.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode returns the exit code, 128+N after death by signal N. Valid once Exited is closed.
func (p *Process) ExitCode() int { return p.code }

// ErrEnded is returned when a process that has ended is signalled.
var ErrEnded = errors.New("process has already ended")

// Signal sends sig to the process itself.
func (p *Process) Signal(sig syscall.Signal) error {
	p.reaper.mu.RLock()
	defer p.reaper.mu.RUnlock()
	select {
	case <-p.exited:
		return ErrEnded
	default:
		return syscall.Kill(p.pid, sig)
	}
}

// SignalGroup sends sig to every process of the group, also when its leader
// has ended and others live on.
func (p *Process) SignalGroup(sig syscall.Signal) error {
	p.reaper.mu.RLock()
	defer p.reaper.mu.RUnlock()
	return syscall.Kill(-p.pid, sig)
}

// Wait blocks until the process ended and returns its exit code, or ctx's error.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		return p.code, nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}
