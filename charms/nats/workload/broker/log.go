package broker

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// logger writes the server's log as lines "TIME LEVEL text" and hands the
// first fatal message to Run instead of leaving the process.
type logger struct {
	mu    sync.Mutex
	out   io.Writer
	fatal chan error
}

func newLogger(out io.Writer) *logger {
	if out == nil {
		out = io.Discard
	}
	return &logger{out: out, fatal: make(chan error, 1)}
}

// line writes text as it is, for lines that other programs read.
func (l *logger) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out, text)
}

func (l *logger) logf(level, format string, args []any) {
	stamp := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	l.line(stamp + " " + level + " " + fmt.Sprintf(format, args...))
}

// Noticef logs an ordinary event.
func (l *logger) Noticef(format string, args ...any) { l.logf("INFO", format, args) }

// Warnf logs something that may need attention.
func (l *logger) Warnf(format string, args ...any) { l.logf("WARNING", format, args) }

// Errorf logs a failure the server survives.
func (l *logger) Errorf(format string, args ...any) { l.logf("ERROR", format, args) }

// Debugf logs detail, only asked for with --debug.
func (l *logger) Debugf(format string, args ...any) { l.logf("DEBUG", format, args) }

// Tracef logs protocol detail; never switched on here.
func (l *logger) Tracef(format string, args ...any) { l.logf("TRACE", format, args) }

// Fatalf logs a failure that ends the server and makes Run return it.
func (l *logger) Fatalf(format string, args ...any) {
	l.logf("FATAL", format, args)
	select {
	case l.fatal <- fmt.Errorf("cannot run the NATS server: "+format, args...):
	default:
	}
}
