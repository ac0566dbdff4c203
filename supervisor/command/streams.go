package command

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// streams are the two ends of a command's files.
type streams struct {
	child  []*os.File // stdin, stdout, stderr of the process
	stdin  *os.File   // what the client sends goes here; nil when terminal is used
	stdout *os.File
	stderr *os.File // nil unless split
	term   *os.File // the terminal's master; nil without one

	pause time.Duration // how long silence lasts before output is given up
	mu    sync.Mutex
	late  time.Time        // when the process has ended; zero before
	left  map[*os.File]int // bytes that were buffered then and are still to be sent
}

func (s *session) open() (*streams, error) {
	st := &streams{pause: waitDelay}
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
	size := winsize(80, 25)
	if s.req.Width > 0 && s.req.Height > 0 {
		size = winsize(s.req.Width, s.req.Height)
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

// silence says how long output is waited for once the process has ended.
func (st *streams) silence(d time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.pause = d
}

// expire makes readers give up once the output has been silent for a while,
// or all that the process itself can have written was read and others go on
// writing for long.
func (st *streams) expire() {
	st.mu.Lock()
	st.late, st.left = time.Now(), map[*os.File]int{}
	for _, f := range []*os.File{st.stdout, st.stderr} {
		if f != nil {
			st.left[f] = buffered(f)
		}
	}
	st.mu.Unlock()
	for _, f := range []*os.File{st.stdout, st.stderr} {
		if f != nil {
			st.extend(f, 0)
		}
	}
}

// buffered asks the kernel how much can be read without waiting; when it does
// not know, as much as any pipe holds.
func buffered(f *os.File) int {
	n := 1 << 20
	raw, err := f.SyscallConn()
	if err != nil {
		return n
	}
	_ = raw.Control(func(fd uintptr) {
		if got, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			n = got
		}
	})
	return n
}

// extend gives f more time after n bytes were read from it.
func (st *streams) extend(f *os.File, n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.late.IsZero() {
		return
	}
	until := time.Now().Add(st.pause)
	if st.left[f] -= n; st.left[f] <= 0 && until.After(st.late.Add(longestWait)) {
		until = st.late.Add(longestWait)
	}
	_ = f.SetReadDeadline(until)
}
