// Package warm keeps interpreters that have a charm's libraries loaded already, and forks one child for each event.
//
// A server is a process for one charm in one place: the place's mount namespace, user and interpreter are those that a
// hook started there would have. It never imports the charm itself, so that what the charm computes when it is imported is
// computed for every event, as in a fresh interpreter.
package warm

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

//go:embed server.py
var server string

// Config is what a server is made of.
type Config struct {
	Interpreter string   // absolute path
	Enter       []string // program and arguments around it, see charmruntime.Workspace
	Dir         string   // working directory
	Paths       []string // of modules, absolute
	Modules     []string // to be loaded; those that cannot be are left to the events
	Env         []string // of the server itself: nothing of an event
}

// Server is one warm interpreter. One event runs in it at a time.
type Server struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	gone chan struct{}
}

// Event is one child.
type Event struct {
	Argv  []string          `json:"argv"`
	Env   map[string]string `json:"env"`
	Dir   string            `json:"dir"`
	Path  []string          `json:"path"` // of the event's modules, absolute
	Drop  []string          `json:"drop"` // of the server's, which are not the event's
	Tools string            `json:"tools"`
	Mark  uint64            `json:"mark"`

	Stdout, Stderr *os.File `json:"-"`
}

// Ended is how a child ended.
type Ended struct {
	Status syscall.WaitStatus
	CPU    time.Duration
	RSS    int64 // bytes, at most
}

// Start starts a server and waits until it is ready. A server whose libraries make it unfit to be forked is class Unsupported.
func Start(ctx context.Context, c Config) (*Server, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot start a warm interpreter: %w", err)
	}
	theirs, ours := os.NewFile(uintptr(pair[0]), "server"), os.NewFile(uintptr(pair[1]), "runtime")
	defer theirs.Close()
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot start a warm interpreter: %w", err)
	}
	argv := []string{c.Interpreter, "-c", server}
	if len(c.Enter) > 0 {
		argv = append(append(append([]string{}, c.Enter...), "--"), argv...)
	}
	s := &Server{cmd: exec.Command(argv[0], argv[1:]...), conn: conn.(*net.UnixConn), gone: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env, s.cmd.ExtraFiles, s.cmd.Stderr = c.Dir, c.Env, []*os.File{theirs}, os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, errs.E(errs.Internal, "cannot start a warm interpreter: %w", err)
	}
	go func() { defer close(s.gone); _ = s.cmd.Wait() }()
	if err := s.ready(ctx, c); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context, c Config) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Now()) })
	defer stop()
	if err := s.send(map[string]any{"path": c.Paths, "modules": c.Modules}); err != nil {
		return err
	}
	var answer struct{ Unfit string }
	if err := s.receive(&answer); err != nil {
		return err
	}
	if answer.Unfit != "" {
		return errs.E(errs.Unsupported, "cannot keep the charm warm: %s", answer.Unfit)
	}
	return nil
}

// Begin forks a child for an event and answers its process. An error means that nothing runs.
func (s *Server) Begin(e Event) (pid int, err error) {
	data, err := json.Marshal(e)
	if err != nil {
		return 0, errs.E(errs.Internal, "cannot begin an event: %w", err)
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	rights := unix.UnixRights(int(e.Stdout.Fd()), int(e.Stderr.Fd()))
	if _, _, err := s.conn.WriteMsgUnix(append(head, data...), rights, nil); err != nil {
		return 0, errs.E(errs.Unavailable, "cannot begin an event: the warm interpreter is gone: %w", err)
	}
	var begun struct{ PID int }
	if err := s.receive(&begun); err != nil {
		return 0, err
	}
	return begun.PID, nil
}

// Wait waits for the child's end.
func (s *Server) Wait() (Ended, error) {
	var end struct {
		Status int
		CPU    int64 `json:"cpu_us"`
		RSS    int64 `json:"rss_kb"`
	}
	if err := s.receive(&end); err != nil {
		return Ended{}, err
	}
	return Ended{Status: syscall.WaitStatus(end.Status), CPU: time.Duration(end.CPU) * time.Microsecond, RSS: end.RSS << 10}, nil
}

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Close ends the server. A child that runs goes on.
func (s *Server) Close() {
	_ = s.conn.Close()
	_ = s.cmd.Process.Kill()
	<-s.gone
}

func (s *Server) send(m any) error {
	data, err := json.Marshal(m)
	if err == nil {
		_, err = s.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	}
	if err != nil {
		return errs.E(errs.Unavailable, "cannot speak to the warm interpreter: %w", err)
	}
	return nil
}

func (s *Server) receive(to any) error {
	head := make([]byte, 4)
	if _, err := io.ReadFull(s.conn, head); err != nil {
		return errs.E(errs.Unavailable, "the warm interpreter is gone: %w", err)
	}
	data := make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(s.conn, data); err != nil {
		return errs.E(errs.Unavailable, "the warm interpreter is gone: %w", err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("cannot read the warm interpreter's answer: %w", err)
	}
	return nil
}
