// Package runsocket is the way into a unit's queue from inside the unit: a socket for each unit, at which juju-exec asks for
// a command to be run as if a user had asked for it. Processes that outlive their hook (observers of a workload, timers)
// tell their charm of events by it.
//
// The socket lives as long as the unit is the agent's; who waits for a command when the agent ends is told so by the end of
// the connection, and the command, once queued, runs all the same.
package runsocket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
)

// early is how many answers are kept for who has not yet begun to wait for them.
const early = 64

// Enqueue queues what the request asks for and returns the task.
type Enqueue func(ctx context.Context, k event.Key, req toolsocket.Request) (task string, err error)

// Sockets are the run sockets of an agent's units. It is safe for concurrent use.
type Sockets struct {
	enqueue Enqueue
	log     *slog.Logger
	ctx     context.Context
	end     context.CancelFunc
	serving sync.WaitGroup

	mu      sync.Mutex
	open    map[event.Key]net.Listener
	waiting map[string]chan toolsocket.Answer // by model and task
	ended   map[string]toolsocket.Answer
	order   []string // of ended, oldest first
}

// New makes an empty set.
func New(enqueue Enqueue, log *slog.Logger) *Sockets {
	ctx, end := context.WithCancel(context.Background())
	return &Sockets{enqueue: enqueue, log: log, ctx: ctx, end: end, open: map[event.Key]net.Listener{},
		waiting: map[string]chan toolsocket.Answer{}, ended: map[string]toolsocket.Answer{}}
}

// Open listens for a unit, unless that is done already. A socket that an earlier agent left is replaced.
func (s *Sockets) Open(k event.Key, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k] != nil || s.ctx.Err() != nil {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot open the run socket of unit %s: %w", k.Unit, err)
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot open the run socket of unit %s: %w", k.Unit, err)
	}
	s.open[k] = l
	s.serving.Go(func() { s.serve(k, l) })
	return nil
}

// Forget ends what is done for a unit.
func (s *Sockets) Forget(k event.Key) {
	s.mu.Lock()
	l := s.open[k]
	delete(s.open, k)
	s.mu.Unlock()
	if l != nil {
		_ = l.Close() // it removes the socket too
	}
}

// Close ends everything and waits for it.
func (s *Sockets) Close() {
	s.end()
	s.mu.Lock()
	for k, l := range s.open {
		_ = l.Close()
		delete(s.open, k)
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// Done answers who waits for a task of a model.
func (s *Sockets) Done(model, task string, a toolsocket.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := model + "/" + task
	if c := s.waiting[id]; c != nil {
		c <- a // of size 1, and only once
		delete(s.waiting, id)
		return
	}
	if _, known := s.ended[id]; !known {
		s.order = append(s.order, id)
	}
	s.ended[id] = a
	if len(s.order) > early {
		delete(s.ended, s.order[0])
		s.order = s.order[1:]
	}
}

// Waits says whether somebody waits for a task.
func (s *Sockets) Waits(model, task string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[model+"/"+task] != nil
}

func (s *Sockets) serve(k event.Key, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		s.serving.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
			defer stop()
			s.answer(k, conn)
		})
	}
}

// answer runs one request to its end.
func (s *Sockets) answer(k event.Key, conn net.Conn) {
	req, err := toolsocket.ReadRequest(conn)
	if err != nil {
		return // who asks for nothing is told nothing
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() { // it sends nothing more: the end of its side is its end
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	a, err := s.run(ctx, k, req)
	if err != nil {
		a = toolsocket.Answer{Exit: 1, Stderr: []byte("ERROR " + err.Error() + "\n")}
	}
	if err := toolsocket.WriteAnswer(conn, a); err != nil && ctx.Err() == nil {
		s.log.Info("nobody took the answer of a command", "unit", k.Unit, "err", err)
	}
}

// run queues a command and waits for its end.
func (s *Sockets) run(ctx context.Context, k event.Key, req toolsocket.Request) (toolsocket.Answer, error) {
	task, err := s.enqueue(ctx, k, req)
	if err != nil {
		return toolsocket.Answer{}, err
	}
	id, done := k.Model+"/"+task, make(chan toolsocket.Answer, 1)
	s.mu.Lock()
	if a, ok := s.ended[id]; ok {
		s.mu.Unlock()
		return a, nil
	}
	s.waiting[id] = done
	s.mu.Unlock()
	select {
	case a := <-done:
		return a, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
		return toolsocket.Answer{}, errors.New("the agent ends; the command stays queued and runs when it is back")
	}
}
