package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/proc"
)

// Ids of the websockets of a command.
const (
	control = "control"
	stdio   = "stdio"
	stderr  = "stderr"
)

const (
	connectTimeout = 5 * time.Second
	lingerTime     = 30 * time.Second // for the client to close its sockets after the end
)

// slot is one websocket of a session.
type slot struct {
	taken bool
	conn  *websocket.Conn
	ready chan struct{} // closed once conn is set
}

// session is one command and its websockets.
type session struct {
	x    *Executor
	req  Request
	spec proc.Spec

	mu    sync.Mutex
	slots map[string]*slot
	term  *os.File // the terminal's master while it is open
	done  bool     // no more connections are taken

	proc    *proc.Process
	started chan struct{} // closed once proc is set, or never will be
	ended   chan struct{} // closed once the process has ended
	over    chan struct{} // closed once the task's work is over
	pumps   sync.WaitGroup
	readers sync.WaitGroup // goroutines that read from clients, and handlers
}

func newSession(x *Executor, q Request, spec proc.Spec) *session {
	s := &session{
		x: x, req: q, spec: spec, slots: map[string]*slot{},
		started: make(chan struct{}), ended: make(chan struct{}), over: make(chan struct{}),
	}
	ids := []string{control, stdio}
	if q.SplitStderr {
		ids = append(ids, stderr)
	}
	for _, id := range ids {
		s.slots[id] = &slot{ready: make(chan struct{})}
	}
	return s
}

// run is the work of the exec task.
func (s *session) run(ctx context.Context, t *change.Task) error {
	defer close(s.over)
	if err := s.waitConnected(ctx); err != nil {
		close(s.started)
		close(s.ended)
		return err
	}
	streams, err := s.open()
	if err != nil {
		close(s.started)
		close(s.ended)
		t.SetData("exit-code", -1)
		s.finish(ctx, nil)
		return err
	}
	s.spec.Files = streams.child
	p, err := s.x.cfg.Launcher.Reaper.Start(s.spec)
	streams.closeChild()
	s.proc = p
	close(s.started)
	if err != nil {
		close(s.ended)
		streams.closeParent()
		t.SetData("exit-code", -1)
		s.finish(ctx, nil)
		return err
	}
	s.setTerm(streams.term)
	s.pump(ctx, streams)
	code, err := s.wait(ctx)
	if err != nil {
		streams.silence(timedOutDelay)
	}
	s.finish(ctx, streams)
	t.SetData("exit-code", code)
	return err
}

func (s *session) waitConnected(ctx context.Context) error {
	timer := time.NewTimer(connectTimeout)
	defer timer.Stop()
	for _, id := range []string{stdio, stderr} {
		sl := s.slots[id]
		if sl == nil {
			continue
		}
		select {
		case <-sl.ready:
		case <-timer.C:
			return errors.New("timeout waiting for websocket connections")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// wait waits for the process and kills it, with what it started, at the timeout.
func (s *session) wait(ctx context.Context) (int, error) {
	defer close(s.ended)
	wctx := ctx
	if s.req.Timeout > 0 {
		var cancel context.CancelFunc
		wctx, cancel = context.WithTimeout(ctx, s.req.Timeout)
		defer cancel()
	}
	code, err := s.proc.Wait(wctx)
	if err == nil {
		return code, nil
	}
	_ = s.proc.SignalGroup(syscall.SIGKILL)
	<-s.proc.Exited()
	if ctx.Err() == nil {
		return -1, fmt.Errorf("timed out after %s: %w", s.req.Timeout, context.DeadlineExceeded)
	}
	return -1, fmt.Errorf("command aborted: %w", ctx.Err())
}

// finish drains the output, says so, and closes control; the io sockets stay
// for the client to close.
func (s *session) finish(ctx context.Context, st *streams) {
	if st != nil {
		st.expire()
	}
	s.pumps.Wait()
	if st == nil {
		for _, id := range []string{stdio, stderr} {
			if c := s.conn(id); c != nil {
				s.sendEnd(ctx, c)
			}
		}
	} else {
		s.setTerm(nil)
		st.closeParent()
	}
	if c := s.conn(control); c != nil {
		s.readers.Go(func() {
			_ = c.Close(websocket.StatusNormalClosure, "")
		})
	}
}

func (s *session) conn(id string) *websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		return sl.conn
	}
	return nil
}

func (s *session) setTerm(f *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term = f
}

// linger waits until the client has gone, or long enough.
func (s *session) linger() {
	timer := time.AfterFunc(lingerTime, s.dropAll)
	defer timer.Stop()
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	s.readers.Wait()
	s.dropAll()
}

func (s *session) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		if sl.conn != nil {
			_ = sl.conn.CloseNow()
		}
	}
}

// signal reaches the process only, while it runs.
func (s *session) signal(sig syscall.Signal) {
	<-s.started
	if s.proc != nil {
		_ = s.proc.Signal(sig)
	}
}
