package logs

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// Size is how many bytes of formatted output are kept for a service.
const Size = 102400

// maxLine is the length of a formatted line, prefix included, at which it is cut.
const maxLine = 4096

const stamp = "2006-01-02T15:04:05.000Z"

const truncated = "(... output truncated ...)"

// Entry is one line of output.
type Entry struct {
	Time    time.Time
	Service string
	Message string
}

// Ring holds the formatted output of one service. It is an io.Writer.
type Ring struct {
	name  string
	shown string // the name as lines begin with it
	after func() // tells followers; called without the lock

	mu      sync.Mutex
	buf     []byte
	end     uint64 // bytes ever written; the ring holds the last len(buf) of them
	column  int    // bytes written of the unfinished line
	stamped int64  // millisecond that prefix was made for
	prefix  []byte
}

// maxShown is how much of a service's name is put before its lines. Names have no limit, lines do.
const maxShown = 512

func newRing(name string, after func()) *Ring {
	shown := strings.ReplaceAll(name[:min(len(name), maxShown)], "\n", " ")
	return &Ring{name: name, shown: shown, after: after}
}

// Write appends output as it came from the service; it never fails or waits.
func (r *Ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	now := time.Now()
	for rest := p; len(rest) > 0; {
		if r.column == 0 {
			r.begin(now)
		}
		n := bytes.IndexByte(rest, '\n') + 1
		if room := maxLine - r.column; n == 0 && len(rest) >= room || n > room {
			r.put(rest[:room-1])
			r.put([]byte{'\n'})
			r.column = 0
			rest = rest[room-1:]
			continue
		}
		if n == 0 {
			r.put(rest)
			r.column += len(rest)
			break
		}
		r.put(rest[:n])
		r.column = 0
		rest = rest[n:]
	}
	r.mu.Unlock()
	r.after()
	return len(p), nil
}

// EndLine finishes a line that the service left open when it ended.
func (r *Ring) EndLine() {
	r.mu.Lock()
	open := r.column > 0
	if open {
		r.put([]byte{'\n'})
		r.column = 0
	}
	r.mu.Unlock()
	if open {
		r.after()
	}
}

func (r *Ring) begin(now time.Time) {
	if ms := now.UnixMilli(); ms != r.stamped || r.prefix == nil {
		r.stamped = ms
		r.prefix = now.UTC().AppendFormat(r.prefix[:0], stamp)
		r.prefix = append(append(append(r.prefix, " ["...), r.shown...), "] "...)
	}
	r.put(r.prefix)
	r.column = len(r.prefix)
}

// put copies into the ring, which grows until it is full and then turns.
func (r *Ring) put(p []byte) {
	if len(p) > Size {
		r.end += uint64(len(p) - Size)
		p = p[len(p)-Size:]
	}
	if need := int(min(r.end, Size)) + len(p); len(r.buf) < Size && need > len(r.buf) && r.end == uint64(r.used()) {
		r.grow(min(Size, max(need, 2*len(r.buf), 512)))
	}
	at := int(r.end % uint64(len(r.buf)))
	n := copy(r.buf[at:], p)
	copy(r.buf, p[n:])
	r.end += uint64(len(p))
}

func (r *Ring) used() int { return int(min(r.end, uint64(len(r.buf)))) }

// grow is only called before the ring first turns, so its content begins at 0.
func (r *Ring) grow(size int) {
	next := make([]byte, size)
	copy(next, r.buf[:r.used()])
	r.buf = next
}

// read returns the complete lines from offset pos on, at most limit bytes of
// them, the offset to go on from, and whether lines were lost before them.
func (r *Ring) read(pos uint64, limit int) (text []byte, next uint64, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := r.end - uint64(r.used())
	if pos > r.end { // of another ring, which was dropped
		pos = start
	}
	if pos < start {
		lost, pos = pos > 0 || start > 0, start
	}
	text = r.slice(pos, min(r.end, pos+uint64(limit)))
	if lost {
		cut := bytes.IndexByte(text, '\n') + 1
		text, pos = text[cut:], pos+uint64(cut)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	return text, pos + uint64(len(text)), lost
}

func (r *Ring) slice(from, to uint64) []byte {
	out := make([]byte, 0, to-from)
	for from < to {
		at := int(from % uint64(len(r.buf)))
		n := min(len(r.buf)-at, int(to-from))
		out = append(out, r.buf[at:at+n]...)
		from += uint64(n)
	}
	return out
}

func (r *Ring) position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end - uint64(r.column)
}

// parse reads back one formatted line, without its newline. The ring knows its name, so that one with "] " in it is no riddle.
func (r *Ring) parse(line []byte) (Entry, bool) {
	begin := len(stamp) + len(" [] ") + len(r.shown)
	if len(line) < begin {
		return Entry{}, false
	}
	at, err := time.Parse(stamp, string(line[:len(stamp)]))
	if err != nil {
		return Entry{}, false
	}
	return Entry{Time: at, Service: r.name, Message: string(line[begin:])}, true
}

func (r *Ring) entries(text []byte) []Entry {
	var out []Entry
	for line := range bytes.Lines(text) {
		if e, ok := r.parse(bytes.TrimSuffix(line, []byte{'\n'})); ok {
			out = append(out, e)
		}
	}
	return out
}
