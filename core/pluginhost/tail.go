package pluginhost

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/bangle-dev/bangle/sdk/plugin"
)

// Sizes of what is kept of a plugin's output.
const (
	tailLines = 50
	tailWidth = 4 << 10  // bytes of a line that are kept
	lineLimit = 64 << 10 // bytes of a line that reach the log
)

// tail keeps the last lines that a plugin wrote and relays them to the log.
type tail struct {
	log *slog.Logger

	mu    sync.Mutex
	lines []string
}

// add takes one whole line.
func (t *tail) add(line string) {
	plugin.Relay(context.Background(), t.log, line)
	if len(line) > tailWidth {
		line = line[:tailWidth] + "…"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines = slices.Delete(t.lines, 0, len(t.lines)-tailLines)
	}
}

// last returns the kept lines, oldest first.
func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

// lineWriter cuts what is written into lines; each stream has its own.
type lineWriter struct {
	to      *tail
	mu      sync.Mutex
	partial []byte
}

// Write never fails. What goes beyond a line's limit is lost.
func (w *lineWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(data)
	for {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		room := max(lineLimit-len(w.partial), 0)
		w.partial = append(w.partial, line[:min(room, len(line))]...)
		if !found {
			return n, nil
		}
		w.to.add(string(w.partial))
		w.partial, data = w.partial[:0], rest
	}
}
