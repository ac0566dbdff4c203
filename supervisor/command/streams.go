package command

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
)

// streams are the two ends of a command's files.
type streams struct {
	child  []*os.File // stdin, stdout, stderr of the process
	stdin  *os.File   // what the client sends goes here; nil when terminal is used
	stdout *os.File
	stderr *os.File // nil unless split
	term   *os.File // the terminal's master; nil without one
	late   atomic.Bool
}

func (s *session) open() (*streams, error) {
	st := &streams{}
	if s.req.Terminal {
		if err := s.openTerminal(st); err != nil {
			return nil, err
		}
	}
	if err := s.openPipes(st); err != nil {
		st.closeChild()
		st.closeParent()
		return nil, err
	}
	return st, nil
}

func (s *session) openTerminal(st *streams) error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("cannot open a terminal: %w", err)
	}
	size := &pty.Winsize{Cols: 80, Rows: 25}
	if s.req.Width > 0 && s.req.Height > 0 {
		size = &pty.Winsize{Cols: uint16(s.req.Width), Rows: uint16(s.req.Height)}
	}
	_ = pty.Setsize(master, size) // a terminal without a size still works
	if c := s.spec.Credential; c != nil {
		_ = slave.Chown(int(c.UID), int(c.GID)) // only root may, and only for root it matters
	}
	st.term, st.stdout = master, master
	st.child = []*os.File{slave, slave, slave}
	s.spec.Terminal = s.req.Interactive
	return nil
}

func (s *session) openPipes(st *streams) error {
	if st.child == nil {
		st.child = make([]*os.File, 3)
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		st.stdout, st.child[1], st.child[2] = r, w, w
	}
	if !s.req.Interactive {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		st.child[0], st.stdin = r, w
	}
	if s.req.SplitStderr {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		st.stderr, st.child[2] = r, w
	}
	return nil
}

func (st *streams) closeChild() { closeAll(st.child...) }

func (st *streams) closeParent() { closeAll(st.stdin, st.stdout, st.stderr) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // a file shared by two descriptors is closed twice
		}
	}
}

// expire makes readers give up once the output has been silent for a while.
func (st *streams) expire() {
	st.late.Store(true)
	st.extend(st.stdout)
	if st.stderr != nil {
		st.extend(st.stderr)
	}
}

func (st *streams) extend(f *os.File) {
	if st.late.Load() {
		_ = f.SetReadDeadline(time.Now().Add(waitDelay))
	}
}
