package command

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"syscall"

	"github.com/coder/websocket"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// output sends what a process writes; a client that has gone no longer counts.
type output struct {
	st   *streams
	from *os.File
	send func([]byte) error
	gone bool
}

func (o *output) Write(p []byte) (int, error) {
	if !o.gone && o.send(p) != nil {
		o.gone = true
	}
	o.st.extend(o.from, len(p))
	return len(p), nil
}

func (s *session) sendEnd(ctx context.Context, c *websocket.Conn) {
	_ = c.Write(ctx, websocket.MessageText, []byte(`{"command":"end"}`))
}

// pump starts the copying between process and client.
func (s *session) pump(ctx context.Context, st *streams) {
	s.out(ctx, st, st.stdout, s.conn(stdio))
	if st.stderr != nil {
		conn := s.conn(stderr)
		s.out(ctx, st, st.stderr, conn)
		s.readers.Go(func() {
			discard(conn)
		})
	}
	s.readers.Go(func() {
		s.in(st, s.conn(stdio))
	})
}

func (s *session) out(ctx context.Context, st *streams, from *os.File, conn *websocket.Conn) {
	s.pumps.Go(func() {
		s.x.cfg.Launcher.Reaper.Drain(from, &output{st: st, from: from, send: func(p []byte) error {
			return conn.Write(ctx, websocket.MessageBinary, p)
		}})
		s.sendEnd(ctx, conn)
	})
}

func discard(conn *websocket.Conn) {
	for {
		if _, _, err := conn.Read(context.Background()); err != nil {
			return
		}
	}
}

// in copies what the client sends until it says that there is no more.
func (s *session) in(st *streams, conn *websocket.Conn) {
	dst := st.stdin
	if dst == nil {
		dst = st.term
	}
	open := true
	finish := func() {
		if !open {
			return
		}
		open = false
		if st.stdin != nil {
			_ = st.stdin.Close()
			return
		}
		_, _ = st.term.Write([]byte{4}) // ^D
	}
	defer finish()
	for {
		kind, r, err := conn.Reader(context.Background())
		if err != nil {
			return
		}
		switch {
		case kind == websocket.MessageText:
			var msg struct {
				Command string `json:"command"`
			}
			if err := json.NewDecoder(r).Decode(&msg); err == nil && msg.Command == "end" {
				finish()
			}
		case open:
			if _, err := io.Copy(dst, r); err != nil {
				finish() // the process does not read any more; what comes is dropped
			}
		}
		_, _ = io.Copy(io.Discard, r)
	}
}

type controlMessage struct {
	Command string `json:"command"`
	Signal  struct {
		Name string `json:"name"`
	} `json:"signal"`
	Resize struct {
		Width  int `json:"width"`
		Height int `json:"height"`
	} `json:"resize"`
}

// serveControl obeys the control socket until it or the process ends. A
// client that vanishes takes the process with it.
func (s *session) serveControl(conn *websocket.Conn) {
	for {
		_, data, err := conn.Read(context.Background())
		if err != nil {
			if websocket.CloseStatus(err) == -1 {
				s.vanished()
			}
			return
		}
		s.obey(data)
	}
}

// obey does what one control message says; a bad one is told and skipped.
func (s *session) obey(data []byte) {
	var m controlMessage
	if err := json.Unmarshal(data, &m); err != nil {
		s.x.cfg.Log.Warn("cannot decode exec control message", "error", err)
		return
	}
	switch m.Command {
	case "signal":
		sig := unix.SignalNum(m.Signal.Name)
		if sig == 0 {
			s.x.cfg.Log.Warn("unknown signal in exec control message", "signal", m.Signal.Name)
			return
		}
		s.signal(sig)
	case "resize":
		s.resize(m.Resize.Width, m.Resize.Height)
	default:
		s.x.cfg.Log.Warn("unknown exec control command", "command", m.Command)
	}
}

func (s *session) vanished() {
	select {
	case <-s.ended:
	default:
		s.signal(syscall.SIGKILL)
	}
}

// winsize is the size as the kernel can hold it.
func winsize(width, height int) *pty.Winsize {
	return &pty.Winsize{Cols: uint16(min(width, math.MaxUint16)), Rows: uint16(min(height, math.MaxUint16))}
}

func (s *session) resize(width, height int) {
	<-s.started
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.term != nil && width > 0 && height > 0 {
		_ = pty.Setsize(s.term, winsize(width, height))
	}
}
