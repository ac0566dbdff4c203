// Package logbook keeps what charms, agents and the controller log, and the
// journal of the events that units ran: bounded files per model, and a fan-out
// to those who follow. Nothing in here is part of the model; losing it costs
// nobody a correct answer.
package logbook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Defaults and bounds.
const (
	// MaxBytes is the size of one file before it is turned; one older file is kept.
	MaxBytes = 8 << 20
	// backlog is how many records a follower may be behind before it loses some.
	backlog = 4096
	// chunk is how many records one call of a follower's send carries at most.
	chunk = 512
)

// Config says where the logbook lies.
type Config struct {
	// Dir is made with mode 0700 if it is not there.
	Dir string
	// MaxBytes of one file; 0 means [MaxBytes].
	MaxBytes int64
	// Log takes the logbook's own complaints.
	Log *slog.Logger
}

// Book is the open logbook.
type Book struct {
	cfg Config

	mu        sync.Mutex
	files     map[string]*file // by name without directory
	followers map[*follower]struct{}
	awaited   map[string]map[chan struct{}]struct{} // by unit of a model
	closed    bool
}

// New opens the logbook.
func New(cfg Config) (*Book, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make log directory: %w", err)
	}
	return &Book{cfg: cfg, files: map[string]*file{}, followers: map[*follower]struct{}{}, awaited: map[string]map[chan struct{}]struct{}{}}, nil
}

// Log takes records of any models, in order. A record without a model belongs
// to the controller. It never blocks on a follower.
func (b *Book) Log(records ...*controllerv1.LogRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		b.write(logName(r.GetModel()), r)
		for f := range b.followers {
			f.offer(r)
		}
	}
	b.flush()
}

// Journal takes what events units ran.
func (b *Book) Journal(entries ...*controllerv1.JournalEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		b.write(journalName(e.GetModel()), e)
	}
	b.flush()
	for _, e := range entries {
		for told := range b.awaited[e.GetModel()+" "+e.GetUnit()] {
			select {
			case told <- struct{}{}:
			default: // it has yet to look
			}
		}
	}
}

// Await fills told whenever the journal takes entries of the unit, until stop is called.
func (b *Book) Await(model, unit string) (told <-chan struct{}, stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, mine := model+" "+unit, make(chan struct{}, 1)
	if b.awaited[name] == nil {
		b.awaited[name] = map[chan struct{}]struct{}{}
	}
	b.awaited[name][mine] = struct{}{}
	return mine, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if delete(b.awaited[name], mine); len(b.awaited[name]) == 0 {
			delete(b.awaited, name)
		}
	}
}

// flush hands what was written to the kernel, so that the death of the process
// loses nothing.
func (b *Book) flush() {
	for name, f := range b.files {
		if err := f.flush(); err != nil {
			b.cfg.Log.Warn("cannot keep log records", "file", name, "error", err)
		}
	}
}

// write appends one line; a file that cannot be written is said once in a
// while, and never stops the caller.
func (b *Book) write(name string, m proto.Message) {
	if b.closed {
		return
	}
	line, err := protojson.Marshal(m)
	if err == nil {
		f := b.files[name]
		if f == nil {
			f = &file{path: filepath.Join(b.cfg.Dir, name), max: b.cfg.MaxBytes}
			b.files[name] = f
		}
		err = f.append(line)
	}
	if err != nil {
		b.cfg.Log.Warn("cannot keep log record", "file", name, "error", err)
	}
}

// Entries gives the newest limit journal entries of a unit, oldest first; 0
// gives all that is kept.
func (b *Book) Entries(model, unit string, limit int) ([]*controllerv1.JournalEntry, error) {
	b.mu.Lock()
	parts, err := b.snapshot(journalName(model))
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer closeAll(parts)
	var found []*controllerv1.JournalEntry
	err = scan(parts, unit, func(line []byte) error {
		e := &controllerv1.JournalEntry{}
		if unmarshal(line, e) == nil && e.GetUnit() == unit {
			found = append(found, e)
		}
		return nil
	})
	if limit > 0 && len(found) > limit {
		found = found[len(found)-limit:]
	}
	return found, err
}

// Stream hands a model's records that match the query to send, oldest first,
// and with q.Follow goes on until ctx ends, which is no error then.
func (b *Book) Stream(ctx context.Context, model string, q Query, send func([]*controllerv1.LogRecord) error) error {
	match, err := q.compile()
	if err != nil {
		return err
	}
	b.mu.Lock()
	parts, err := b.snapshot(logName(model))
	var f *follower
	if err == nil && q.Follow {
		f = &follower{model: model, match: match, records: make(chan *controllerv1.LogRecord, backlog)}
		b.followers[f] = struct{}{}
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	defer b.leave(f)
	left := q.Limit
	past, err := history(parts, match, q)
	closeAll(parts)
	if err != nil {
		return err
	}
	for len(past) > 0 && (q.Limit == 0 || left > 0) {
		n := min(chunk, len(past))
		if q.Limit > 0 {
			n = min(n, left)
			left -= n
		}
		if err := send(past[:n]); err != nil {
			return err
		}
		past = past[n:]
	}
	if f == nil || (q.Limit > 0 && left == 0) {
		return nil
	}
	return f.run(ctx, q.Limit > 0, left, send)
}

func (b *Book) leave(f *follower) {
	if f == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followers, f)
}

// Forget removes a model's records.
func (b *Book) Forget(model string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all error
	for _, name := range []string{logName(model), journalName(model)} {
		f := b.files[name]
		if f == nil {
			f = &file{path: filepath.Join(b.cfg.Dir, name)}
		}
		delete(b.files, name)
		all = errors.Join(all, f.remove())
	}
	return all
}

// Close ends all followers and writes out what is buffered.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	var all error
	for _, f := range b.files {
		all = errors.Join(all, f.close())
	}
	for f := range b.followers {
		close(f.records)
	}
	b.followers = map[*follower]struct{}{}
	return all
}

func logName(model string) string {
	if model == "" {
		return "controller-records.log"
	}
	return safe(model) + ".log"
}

func journalName(model string) string { return safe(model) + ".journal" }

// safe keeps a name of a peer's making inside the directory.
func safe(model string) string { return strings.NewReplacer("/", "_", ".", "_").Replace(model) }
