package python

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
)

// toolServer answers the hook tools of one event, one at a time as Juju does.
type toolServer struct {
	run       *run
	path      string
	listener  net.Listener
	rebootNow chan struct{}
	life      context.Context // ends when the hook's session is gone
	end       context.CancelFunc

	mu    sync.Mutex // one tool at a time
	over  bool
	calls atomic.Int32
	wait  sync.WaitGroup
}

func serveTools(path string, r *run) (*toolServer, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errs.E(errs.Internal, "cannot serve hook tools: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot serve hook tools: %w", err)
	}
	s := &toolServer{run: r, path: path, listener: l, rebootNow: make(chan struct{})}
	s.life, s.end = context.WithCancel(context.Background())
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(errs.E(errs.Internal, "cannot serve hook tools: %w", err), l.Close())
	}
	s.wait.Add(1)
	go s.accept()
	return s, nil
}

func (s *toolServer) accept() {
	defer s.wait.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wait.Add(1)
		go s.serve(conn)
	}
}

// serve answers the tools of one connection, one after the other. A client that goes away is nobody's failure but its own.
func (s *toolServer) serve(conn net.Conn) {
	defer s.wait.Done()
	defer conn.Close()
	// Who holds the connection when the hook has ended is told so by its end.
	stop := context.AfterFunc(s.life, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	for {
		request, err := toolsocket.ReadRequest(conn)
		if err != nil {
			return
		}
		answer, now := s.answer(request)
		if now { // the caller is ended: were it answered, the charm would go on for a moment
			<-s.life.Done()
			return
		}
		if err := toolsocket.WriteAnswer(conn, answer); err != nil {
			s.run.runtime.log.Debug("cannot answer hook tool", "tool", request.Tool, "error", err)
			return
		}
	}
}

// answer runs one tool; now says that it asked for a reboot that does not wait for the end of the hook.
func (s *toolServer) answer(request toolsocket.Request) (a toolsocket.Answer, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || request.Context != s.run.id {
		return toolsocket.Answer{Exit: 1, Stderr: []byte("ERROR the hook that this process belongs to has ended\n")}, false
	}
	s.calls.Add(1)
	files := func(name string) ([]byte, error) {
		if text, ok := request.Files[name]; ok {
			return text, nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	r := tool.Run(context.Background(), s.run.hook, request.Tool, request.Args, request.Stdin, files)
	if request.Tool == "juju-reboot" && r.Exit == 0 && wantsNow(request.Args) {
		close(s.rebootNow)
		s.over, now = true, true
	}
	return toolsocket.Answer{Exit: r.Exit, Stdout: r.Stdout, Stderr: r.Stderr}, now
}

func wantsNow(args []string) bool {
	for _, a := range args {
		if a == "--now" || a == "--now=true" {
			return true
		}
	}
	return false
}

func (s *toolServer) count() int32 { return s.calls.Load() }

// close ends the context: what is in flight is answered, nothing new is.
func (s *toolServer) close() {
	_ = s.listener.Close() // it also removes the socket
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.end()
	s.wait.Wait()
}
