package wasm

import (
	"bytes"
	"strings"
)

const (
	stdout  = "stdout"
	stderr  = "stderr"
	maxLine = 8 << 10  // longer lines are cut into several
	maxTail = 64 << 10 // of standard error, kept for the failure's text

	maxPrinted = 4 << 20 // of both, in one event
	lineCost   = 64      // bytes that count for each line besides its own
)

// output is where an instance's standard output and error go: line by line to the event that runs.
type output struct {
	lines   func(stream, line string)
	partial map[string][]byte
	printed int
	tail    []byte
	result  *bytes.Buffer // where a command's standard output goes; nil = the log
}

// bind begins an event.
func (o *output) bind(lines func(stream, line string)) {
	o.lines, o.partial, o.tail, o.printed = lines, map[string][]byte{}, nil, 0
}

// release ends it, hands over lines that have no end, and returns what was written to standard error.
func (o *output) release() string {
	for _, stream := range []string{stdout, stderr} {
		if rest := o.partial[stream]; len(rest) > 0 {
			o.emit(stream, rest)
		}
	}
	tail := strings.ToValidUTF8(string(o.tail), "\ufffd")
	o.lines, o.partial, o.tail = nil, nil, nil
	return tail
}

func (o *output) emit(stream string, line []byte) {
	if o.lines != nil {
		o.lines(stream, strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\ufffd"))
	}
}

// stream is the writer that an instance gets.
type stream struct {
	i    *instance
	name string
}

// Write never fails; what comes while no event runs is dropped, and what is more than maxPrinted. It ends the guest when
// its time is over: one call of a guest may be millions of writes.
func (s *stream) Write(p []byte) (int, error) {
	s.i.rest()
	o := s.i.out
	if o.result != nil && s.name == stdout {
		o.keep(p)
		return len(p), nil
	}
	if o.partial == nil || o.printed > maxPrinted {
		return len(p), nil
	}
	written := len(p)
	if o.printed += len(p) + bytes.Count(p, []byte{'\n'})*lineCost; o.printed > maxPrinted {
		p = append(p[:min(len(p), maxLine):min(len(p), maxLine)], "\n(more than this charm may print in one event was left out)\n"...)
	}
	if room := maxTail - len(o.tail); s.name == stderr && room > 0 {
		o.tail = append(o.tail, p[:min(room, len(p))]...)
	}
	rest := append(o.partial[s.name], p...)
	for {
		n := bytes.IndexByte(rest, '\n')
		switch {
		case n >= 0:
			o.emit(s.name, rest[:n])
			rest = rest[n+1:]
		case len(rest) > maxLine:
			o.emit(s.name, rest[:maxLine])
			rest = rest[maxLine:]
		default:
			o.partial[s.name] = append([]byte(nil), rest...)
			return written, nil
		}
	}
}
