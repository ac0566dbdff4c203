package command

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// waitDelay is how long output is waited for after the process has ended while
// somebody else holds it open and is silent.
const waitDelay = time.Second

// timedOutDelay is that time after a command that took longer than its client allowed. Clients wait for the change a
// second longer than that, so with one second it would be chance which of the two they are told.
const timedOutDelay = 2 * time.Second

// longestWait is how long output is waited for while somebody else holds it open and goes on writing.
const longestWait = 5 * time.Second

func (x *Executor) self() proc.Account {
	u, err := proc.FindUser(x.cfg.Launcher.Tree, func(u proc.User) bool { return u.UID == os.Getuid() })
	if err != nil {
		return proc.Account{}
	}
	return proc.Account{Name: u.Name, Home: u.Home}
}

// tail keeps the last bytes written to it.
type tail struct {
	limit int
	buf   []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - t.limit; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// capture runs a command to its end and returns the end of its output.
func (x *Executor) capture(ctx context.Context, spec proc.Spec, limit int) (int, string, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return -1, "", err
	}
	defer null.Close()
	pr, pw, err := os.Pipe()
	if err != nil {
		return -1, "", err
	}
	defer pr.Close()
	spec.Files = []*os.File{null, pw, pw}
	p, err := x.cfg.Launcher.Reaper.Start(spec)
	pw.Close()
	if err != nil {
		return -1, "", err
	}
	out := &tail{limit: limit}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		x.cfg.Launcher.Reaper.Drain(pr, out)
	}()
	code, err := p.Wait(ctx)
	if err != nil {
		_ = p.SignalGroup(syscall.SIGKILL)
		<-p.Exited()
	}
	_ = pr.SetReadDeadline(time.Now().Add(waitDelay))
	<-drained
	return code, string(out.buf), err
}
