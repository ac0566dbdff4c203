// Package warm keeps interpreters that have a charm's libraries loaded already, and forks one child for each event.
//
// A server is a process that never imports the charm itself, so that what the charm computes when it is imported is
// computed for every event, as in a fresh interpreter. Which libraries it loads it learns from the events.
package warm

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

//go:embed tools.py
var toolsText string

//go:embed ending.py
var endingText string

//go:embed server.py
var serverText string

// Config is what a server is made of.
type Config struct {
	Name        string   // shown in the list of processes
	Interpreter string   // absolute path
	Options     []string // of the interpreter
	Enter       []string // program and arguments around it, see charmruntime.Workspace; empty = none
	Root        string   // the charm's directory that libraries are loaded from, and the working directory
	First       string   // what stands first on the path of modules: the directory of the charm's program
	ReadOnly    bool     // Root is shared by units with the same files: leave no bytecode there
	Namespaces  bool     // events may have mount namespaces of their own
	Env         []string // of the server itself: nothing of an event
	Log         *slog.Logger
}

// Event is one child.
type Event struct {
	Argv  []string          `json:"argv"`
	Orig  []string          `json:"orig"` // sys.orig_argv
	Env   map[string]string `json:"env"`
	Dir   string            `json:"dir"` // the unit's own copy of the charm, and the working directory
	Comm  string            `json:"comm"`
	Tools string            `json:"tools"`
	Mark  uint64            `json:"mark"` // of the event's processes: their limit of file locks; 0 = none

	Memory int64 `json:"memory"` // that each of its processes may take of its own, in bytes; 0 = as much as there is

	Stdout, Stderr *os.File `json:"-"`
	Namespace      *os.File `json:"-"` // of mounts, to be entered; nil = the server's
}

// Ended is how a child ended.
type Ended struct {
	Code int // 128 and the signal's number for one that was killed
	CPU  time.Duration
	RSS  int64 // bytes, at most
	// Modules are what the event imported and what a server could have had ready.
	Modules []string
}

// report is what a server says of itself.
type report struct {
	Unfit string
	Files map[string][2]int64 // what was loaded of the charm, by its name below Root → size in bytes, time of change in ns
}

// Server is one warm interpreter.
type Server struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	gone chan struct{} // closed when the connection has ended

	writing sync.Mutex

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
}

// answer is any message of a server.
type answer struct {
	ID     int
	PID    int
	Error  string
	Ended  bool
	Status int
	CPU    int64 `json:"cpu_us"`
	RSS    int64 `json:"rss_kb"`
	report
}

// boot is the program of a server: its text would be long in the list of processes.
const boot = `exec(compile(open(4).read(), "bangle", "exec"), {"__name__": "bangle"})`

// Start starts a server and waits until it is ready. A server whose libraries make it unfit to be forked is class Unsupported.
func Start(ctx context.Context, c Config) (*Server, map[string][2]int64, error) {
	s := &Server{gone: make(chan struct{}), waiting: map[int]chan answer{}}
	if err := s.launch(c); err != nil {
		return nil, nil, errs.E(errs.Internal, "cannot start a warm interpreter: %w", err)
	}
	var first report
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Now()) })
	err := s.send(map[string]any{"root": c.Root, "first": c.First, "readonly": c.ReadOnly, "namespaces": c.Namespaces, "env": Pairs(c.Env),
		"modules": []string{"subprocess", "ops"}}, nil)
	if err == nil {
		err = s.receive(&first)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && first.Unfit != "" {
		err = errs.E(errs.Unsupported, "%s", first.Unfit)
	}
	if err != nil {
		_ = s.conn.Close()
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return nil, nil, err
	}
	go s.read()
	return s, first.Files, nil
}

// launch starts the process.
func (s *Server) launch(c Config) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs, ours := os.NewFile(uintptr(pair[0]), "server"), os.NewFile(uintptr(pair[1]), "runtime")
	defer theirs.Close()
	defer ours.Close()
	text, err := source()
	if err != nil {
		return err
	}
	defer text.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	argv := append(append([]string{c.Interpreter}, c.Options...), "-c", boot, c.Name)
	if len(c.Enter) > 0 {
		argv = append(append(append([]string{}, c.Enter...), "--"), argv...)
	}
	s.cmd, s.conn = exec.Command(argv[0], argv[1:]...), conn.(*net.UnixConn)
	s.cmd.Dir, s.cmd.Env, s.cmd.ExtraFiles = c.Root, c.Env, []*os.File{theirs, text}
	out := &lines{log: c.Log, name: c.Name}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.WaitDelay = time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return errors.Join(err, conn.Close())
	}
	return nil
}

// source is a pipe that holds the server's program.
func source() (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = write.WriteString(toolsText + "\n\n" + endingText + "\n\n" + serverText) // fits into a pipe
	return read, errors.Join(err, write.Close())
}

// lines puts what a library prints when it is imported into the log.
type lines struct {
	log  *slog.Logger
	name string
}

func (l *lines) Write(p []byte) (int, error) {
	if l.log != nil {
		l.log.Debug("a warm interpreter printed", "charm", l.name, "text", string(p))
	}
	return len(p), nil
}

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Gone is closed when the server has ended.
func (s *Server) Gone() <-chan struct{} { return s.gone }

// Close ends the server. Children that run go on, and their end is known.
func (s *Server) Close() {
	_ = s.cmd.Process.Kill() // read ends with its connection
	<-s.gone
}

// Load makes the server import modules. A server that is unfit afterwards is class Unsupported, and must not be used.
func (s *Server) Load(modules []string) (map[string][2]int64, error) {
	id, replies := s.register()
	defer s.forget(id)
	if err := s.send(map[string]any{"id": id, "load": modules}, nil); err != nil {
		return nil, err
	}
	a, ok := s.next(replies)
	if !ok {
		return nil, errs.E(errs.Unavailable, "cannot load libraries: the warm interpreter is gone")
	}
	if a.Unfit != "" {
		return nil, errs.E(errs.Unsupported, "%s", a.Unfit)
	}
	return a.Files, nil
}

// register makes room for the answers to a request.
func (s *Server) register() (int, chan answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	replies := make(chan answer, 2) // the most that one request is answered with
	s.waiting[s.last] = replies
	return s.last, replies
}

func (s *Server) forget(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// next is the next answer; false means that the server is gone without one.
func (s *Server) next(replies chan answer) (answer, bool) {
	select {
	case a := <-replies:
		return a, true
	case <-s.gone:
	}
	select { // both were ready
	case a := <-replies:
		return a, true
	default:
		return answer{}, false
	}
}

// read hands answers to whoever waits for them, until the server is gone.
func (s *Server) read() {
	defer close(s.gone)
	for {
		var a answer
		if s.receive(&a) != nil {
			break
		}
		s.mu.Lock()
		if replies, ok := s.waiting[a.ID]; ok {
			replies <- a
		}
		s.mu.Unlock()
	}
	_ = s.conn.Close()
	_ = s.cmd.Process.Kill() // it does not answer any more
	_ = s.cmd.Wait()
}

func (s *Server) send(message any, files []*os.File) error {
	data, err := json.Marshal(message)
	if err != nil {
		return errs.E(errs.Internal, "cannot speak to the warm interpreter: %w", err)
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	data = append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
	s.writing.Lock()
	defer s.writing.Unlock()
	n, _, err := s.conn.WriteMsgUnix(data, rights, nil)
	if err == nil && n < len(data) {
		_, err = s.conn.Write(data[n:])
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
		return errs.E(errs.Internal, "cannot read the warm interpreter's answer: %w", err)
	}
	return nil
}
