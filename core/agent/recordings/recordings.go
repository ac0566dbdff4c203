// Package recordings keeps what it takes to run a unit's last events again: the event, its view, what the world answered
// and what the charm wrote. It is a copy beside the unit, bounded and best effort: nothing depends on it, and no event waits
// for it.
//
// A recording's body is sealed. Its key is made of this agent's own and of the contents of the secrets that the event read
// or wrote, which are not kept: they are read again by who replays, and a recording whose secret is gone stays shut.
package recordings

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Defaults of Limits.
const (
	DefaultEvents     = 20
	DefaultUnitBytes  = 1 << 20
	DefaultAgentBytes = 64 << 20
)

const (
	waiting  = 32 // recordings that wait to be written; more are dropped
	suffix   = ".rec"
	keyFile  = "key"
	keyBytes = 32
)

// Limits bound what is kept.
type Limits struct {
	Events int   // of a unit; 0 = nothing is kept
	Bytes  int64 // of a unit
}

// Config says where recordings lie and how many bytes all of them may have.
type Config struct {
	Dir   string                 // made when the first one comes; the agent's own
	Name  func(event.Key) string // a unit's file in it, two names long
	Bytes int64                  // of all; 0 = DefaultAgentBytes
	Log   *slog.Logger
}

// Event is one that ended.
type Event struct {
	Key     event.Key
	At      time.Time
	Start   *charmruntimev1.Start // as it was given to the runtime
	Done    *charmruntimev1.Done  // with its recording
	Charm   string                // digest
	Runtime string
	// Committed says that what it wrote is in the store, secrets included.
	Committed bool
	Limits    Limits
}

// Shelf keeps recordings. It is safe for concurrent use.
type Shelf struct {
	cfg Config
	in  chan any // Event, event.Key to be removed, or chan struct{} to be closed

	mu   sync.Mutex // held while files are looked at or changed
	key  []byte
	held map[string]*held // by the unit's file; nil = not looked yet
	sum  int64            // bytes of all files
}

// New makes a shelf. Run writes.
func New(cfg Config) *Shelf {
	if cfg.Bytes == 0 {
		cfg.Bytes = DefaultAgentBytes
	}
	return &Shelf{cfg: cfg, in: make(chan any, waiting)}
}

// Keep has an event written down and does not wait; false means that it will not be: it has no recording, or too much
// waits already.
func (s *Shelf) Keep(e Event) bool {
	if e.Limits.Events <= 0 || e.Done.GetRecording() == nil {
		return false
	}
	select {
	case s.in <- e:
		return true
	default:
		return false
	}
}

// Remove forgets a unit.
func (s *Shelf) Remove(k event.Key) {
	select {
	case s.in <- k:
	default: // one of its events may be written behind this; it is counted and bounded
		s.take(k)
	}
}

// Run writes until ctx ends, and then what waits.
func (s *Shelf) Run(ctx context.Context) {
	for {
		select {
		case what := <-s.in:
			s.take(what)
		case <-ctx.Done():
			for {
				select {
				case what := <-s.in:
					s.take(what)
				default:
					return
				}
			}
		}
	}
}

// Settle waits until what was handed over so far has been written.
func (s *Shelf) Settle(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case s.in <- done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Shelf) take(what any) {
	switch w := what.(type) {
	case Event:
		if err := s.write(w); err != nil {
			s.cfg.Log.Debug("an event was not recorded", "unit", w.Key.Unit, "event", w.Start.GetEvent().GetId(), "err", err)
		}
	case event.Key:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.look()
		s.forget(s.path(w))
	case chan struct{}:
		close(w)
	}
}

func (s *Shelf) path(k event.Key) string { return filepath.Join(s.cfg.Dir, s.cfg.Name(k)) + suffix }

// write seals one event and drops what is too much.
func (s *Shelf) write(e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	text, err := seal(s.key, e)
	if err != nil {
		return err
	}
	if int64(len(text)) > e.Limits.Bytes {
		return errs.E(errs.Exhausted, "it has %d bytes, and a unit may keep %d", len(text), e.Limits.Bytes)
	}
	path := s.path(e.Key)
	if err := s.append(path, e.Limits, e.At.UnixNano(), text); err != nil {
		return err
	}
	s.spare(path)
	return nil
}

// open finds or makes the agent's key, and looks at what an earlier life left.
func (s *Shelf) open() error {
	if s.key == nil {
		key, err := s.ownKey()
		if err != nil {
			return err
		}
		s.key = key
	}
	s.look()
	return nil
}

func (s *Shelf) ownKey() ([]byte, error) {
	path := filepath.Join(s.cfg.Dir, keyFile)
	key, err := os.ReadFile(path)
	if err == nil && len(key) == keyBytes {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	return key, file.Replace(path, key, 0o600)
}

// List tells what there is of a unit, oldest first. One that cannot be read says so.
func (s *Shelf) List(k event.Key) []Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	h := s.held[s.path(k)]
	if h == nil {
		return nil
	}
	data, err := os.ReadFile(s.path(k))
	if err != nil {
		return nil // somebody removed it
	}
	var all []Header
	for _, one := range h.events {
		h, _, err := split(one.of(data))
		if err == nil && (h.Unit != k.Unit || h.Model != k.Model) {
			continue // of a model whose name begins alike
		}
		if err != nil {
			h = Header{Problem: "its recording cannot be read: " + err.Error(), Unit: k.Unit, Model: k.Model, At: one.at}
		}
		h.Bytes, h.path, h.kept = one.size, s.path(k), one.at
		all = append(all, h)
	}
	return all
}

// of is the recording in its file, as far as that goes.
func (k kept) of(data []byte) []byte {
	n := int64(len(data))
	return data[min(k.off, n):min(k.off+k.size, n)]
}

// Find is the newest recording of the event of that id, or of the last event with "last".
func (s *Shelf) Find(k event.Key, id string) (Header, error) {
	all := s.List(k)
	for _, h := range slices.Backward(all) {
		if id == "last" || h.Event == id {
			return h, nil
		}
	}
	if len(all) == 0 {
		return Header{}, errs.E(errs.NotFound, "cannot replay %s of %s: none of its events is recorded; events of WASM charms are, "+
			"unless the model's config says recorded-events=0", id, k.Unit)
	}
	return Header{}, errs.E(errs.NotFound, "cannot replay %s of %s: it is not recorded, or not any more; `bangle replay %s --list` shows those that are", id, k.Unit, k.Unit)
}
