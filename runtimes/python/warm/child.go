package warm

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Child is an event's process.
type Child struct {
	server  *Server
	id, pid int
	replies chan answer
	watch   int      // pidfd, -1 when the process had ended before it could be opened
	result  *os.File // what the child says itself: it stands even when the server is gone
}

// request is an event as a server is told of it.
type request struct {
	Event
	ID    int    `json:"id"`
	Root  string `json:"root"`
	Learn bool   `json:"learn"`
}

// Begin forks a child for an event. An error of class Exhausted means that nothing ran, one of class Unavailable that the
// server is gone and a child may have begun.
func (s *Server) Begin(e Event, root string, learn bool) (*Child, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errs.E(errs.Exhausted, "cannot begin an event: %w", err)
	}
	defer write.Close()
	files := []*os.File{e.Stdout, e.Stderr, write}
	if e.Namespace != nil {
		files = append(files, e.Namespace)
	}
	id, replies := s.register()
	c := &Child{server: s, id: id, replies: replies, result: read, watch: -1}
	if err := s.send(request{e, id, root, learn}, files); err != nil {
		c.close()
		return nil, errs.E(errs.Exhausted, "cannot begin an event: %w", err) // a server acts on whole requests only
	}
	a, ok := s.next(replies)
	switch {
	case !ok:
		err = errs.E(errs.Unavailable, "cannot begin an event: the warm interpreter is gone")
	case a.Error != "":
		err = errs.E(errs.Exhausted, "cannot begin an event: %s", a.Error)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	c.pid = a.PID
	if fd, err := unix.PidfdOpen(a.PID, 0); err == nil {
		c.watch = fd
	}
	return c, nil
}

// PID is the child's process, which leads a session.
func (c *Child) PID() int { return c.pid }

func (c *Child) close() {
	c.server.forget(c.id)
	_ = c.result.Close()
	if c.watch >= 0 {
		_ = unix.Close(c.watch)
	}
}

// Wait waits for the child's end, once. Class Unavailable means that nobody can say how it ended.
func (c *Child) Wait() (Ended, error) {
	defer c.close()
	a, ok := c.server.next(c.replies)
	if !ok {
		return c.orphaned()
	}
	status := syscall.WaitStatus(a.Status)
	e := Ended{Code: status.ExitStatus(), CPU: time.Duration(a.CPU) * time.Microsecond, RSS: a.RSS << 10}
	if status.Signaled() {
		e.Code = 128 + int(status.Signal())
	}
	_, e.Modules, _ = c.said()
	return e, nil
}

// orphaned is the end of a child whose server was killed: it goes on, and says itself how it ended.
func (c *Child) orphaned() (Ended, error) {
	if c.watch >= 0 {
		poll := []unix.PollFd{{Fd: int32(c.watch), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(poll, -1); err != unix.EINTR {
				break
			}
		}
	}
	code, modules, ok := c.said()
	if !ok {
		return Ended{}, errs.E(errs.Unavailable, "nobody knows how the event ended: the warm interpreter was killed")
	}
	return Ended{Code: code, Modules: modules}, nil
}

// said reads what the child wrote at its end; false when it did not come so far. Others may hold the pipe open.
func (c *Child) said() (code int, modules []string, ok bool) {
	raw, err := c.result.SyscallConn()
	if err != nil {
		return 0, nil, false
	}
	data := make([]byte, 64<<10)
	var n int
	_ = raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), data)
		return true
	})
	var text struct {
		Code    int
		Modules []string
	}
	if err != nil || n <= 0 || json.Unmarshal(data[:n], &text) != nil {
		return 0, nil, false
	}
	return text.Code, text.Modules, true
}

// Pairs are the entries of an environment by name.
func Pairs(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		m[k] = v
	}
	return m
}
