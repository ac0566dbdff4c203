package command

import (
	"net/http"

	"github.com/coder/websocket"
)

// Lookup takes the named websocket of a task and returns the function that
// upgrades a request to it, which must be called. Its errors are of type [*Error].
func (x *Executor) Lookup(task, id string) (func(http.ResponseWriter, *http.Request), error) {
	t := x.cfg.Changes.Task(task)
	if t == nil {
		return nil, refuse(http.StatusNotFound, "cannot find task with id %q", task)
	}
	if t.Kind != "exec" {
		return nil, refuse(http.StatusBadRequest, "%q tasks do not have websockets", t.Kind)
	}
	x.mu.Lock()
	s := x.sessions[task]
	x.mu.Unlock()
	if s == nil {
		return nil, refuse(http.StatusBadRequest, "task %q has already ended", task)
	}
	sl := s.slots[id]
	if sl == nil {
		return nil, refuse(http.StatusNotFound, "cannot find websocket with id %q", id)
	}
	if err := s.claim(sl, id); err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) { s.connect(sl, id, w, r) }, nil
}

// claim takes a websocket; a second claim is refused.
func (s *session) claim(sl *slot, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl.taken {
		return refuse(http.StatusInternalServerError, "%s websocket already connected", id)
	}
	if s.done {
		return refuse(http.StatusBadRequest, "command has already ended")
	}
	sl.taken = true
	s.readers.Add(1)
	return nil
}

func (s *session) connect(sl *slot, id string, w http.ResponseWriter, r *http.Request) {
	defer s.readers.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any Origin: access was decided by the peer's uid
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // the answer has been written
	}
	conn.SetReadLimit(-1)
	s.mu.Lock()
	sl.conn = conn
	s.mu.Unlock()
	close(sl.ready)
	select {
	case <-s.over:
		_ = conn.Close(websocket.StatusNormalClosure, "")
		return
	default:
	}
	if id == control {
		s.serveControl(conn)
		return
	}
	<-s.over
}
