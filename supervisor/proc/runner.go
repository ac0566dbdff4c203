package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/bangle-dev/bangle/supervisor/plan"
	"github.com/bangle-dev/bangle/supervisor/service"
)

// Runner runs services as child processes in process groups of their own.
type Runner struct{ Launcher *Launcher }

var _ service.Runner = Runner{}

// Start implements [service.Runner].
func (r Runner) Start(def service.Definition, out io.Writer) (service.Run, error) {
	s := def.Service
	words, err := plan.Words(s.Command)
	if err != nil {
		return nil, err
	}
	cmd := Command{Words: words, Env: []map[string]string{s.Environment}, Account: Of(s.Account), Dir: s.WorkingDir, Expand: s.ExpandVariables}
	if w := def.Workload; w != nil {
		cmd.Env = []map[string]string{w.Environment, s.Environment}
		cmd.Account = Of(w.Account)
	}
	spec, err := r.Launcher.Prepare(cmd)
	if err != nil {
		return nil, err
	}
	return r.start(spec, out)
}

// Of turns the account of a layer into a request.
func Of(a plan.Account) Request {
	return Request{UserID: a.UserID, User: a.User, GroupID: a.GroupID, Group: a.Group}
}

func (r Runner) start(spec Spec, out io.Writer) (service.Run, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe for output: %w", err)
	}
	defer pw.Close()
	spec.Files = []*os.File{null, pw, pw}
	p, err := r.Launcher.Reaper.Start(spec)
	if err != nil {
		pr.Close()
		return nil, err
	}
	run := &processRun{Process: p, drained: make(chan struct{})}
	go func() {
		defer close(run.drained)
		defer pr.Close()
		r.Launcher.Reaper.Drain(pr, out)
	}()
	return run, nil
}

type processRun struct {
	*Process
	drained chan struct{}
}

func (p *processRun) Drained() <-chan struct{} { return p.drained }

func (p *processRun) SignalAll(sig syscall.Signal) error { return p.SignalGroup(sig) }

const drainSize = 64 << 10 // bytes; what a pipe holds

// Drain copies a pipe until its end. It holds a buffer only while there is
// something to read, so a hundred silent services cost none.
func (r *Reaper) Drain(f *os.File, out io.Writer) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	for {
		ended := false
		err := raw.Read(func(fd uintptr) bool {
			b, ok := r.buffers.Get().(*[]byte)
			if !ok {
				fresh := make([]byte, drainSize)
				b = &fresh
			}
			defer r.buffers.Put(b)
			n, err := syscall.Read(int(fd), *b)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
			case n <= 0:
				ended = true
			default:
				_, _ = out.Write((*b)[:n])
			}
			return true
		})
		if err != nil || ended {
			return
		}
	}
}
