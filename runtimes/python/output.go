package python

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const (
	maxLine  = 128 << 10 // longer lines are cut into several
	maxKept  = 1 << 20   // of one stream, for actions and for the last line of a traceback
	drainFor = 20 * time.Millisecond
)

// stream reads one pipe of a charm's process, line by line into the log, and keeps what was written.
type stream struct {
	pipe   *os.File
	level  string
	module string

	mu   sync.Mutex
	host charmruntime.Host
	kept []byte
	line []byte
	done chan struct{}
}

func newStream(pipe *os.File, level, module string, host charmruntime.Host) *stream {
	s := &stream{pipe: pipe, level: level, module: module, host: host, done: make(chan struct{})}
	go s.read()
	return s
}

// read copies until the last holder of the pipe has closed it or close was called.
func (s *stream) read() {
	defer close(s.done)
	defer s.pipe.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := s.pipe.Read(buffer)
		s.take(buffer[:n])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			break
		}
	}
	s.flush()
}

func (s *stream) take(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if room := maxKept - len(s.kept); room > 0 {
		s.kept = append(s.kept, p[:min(len(p), room)]...)
	}
	s.line = append(s.line, p...)
	for {
		i := bytes.IndexByte(s.line, '\n')
		if i < 0 && len(s.line) < maxLine {
			return
		}
		if i < 0 { // cut, and nothing is left out
			s.emit(string(s.line[:maxLine]))
			s.line = s.line[maxLine:]
			continue
		}
		s.emit(strings.TrimRight(string(s.line[:i]), "\r"))
		s.line = s.line[i+1:]
	}
}

func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.emit(string(s.line))
		s.line = nil
	}
}

func (s *stream) emit(text string) {
	if s.host != nil && text != "" {
		s.host.Immediate(&charmruntimev1.Immediate{What: &charmruntimev1.Immediate_Log{Log: &charmruntimev1.LogLine{
			Level: s.level, Message: text, Module: s.module, TimeUnixNano: time.Now().UnixNano()}}})
	}
}

// ended waits for what the process wrote before it ended. Children of it may hold the pipe for days: then whatever is
// there within a moment counts as the hook's, and ended says false.
func (s *stream) ended() bool {
	select {
	case <-s.done:
		return true
	case <-time.After(drainFor):
		return false
	}
}

// text is what was written so far.
func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.kept)
}

// mute stops the log lines: the event that they belonged to is over and a new one begins.
func (s *stream) mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = nil
}

// lateOutput is the output of children that outlived their hook.
type lateOutput struct{ streams []*stream }

func (l *lateOutput) mute() {
	for _, s := range l.streams {
		s.mute()
	}
}

// lastLine is the last line that says something: of a Python traceback the exception.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n \t"), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	const most = 300
	if len(last) > most {
		last = last[:most] + "…"
	}
	return last
}
