package book

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/settings"
)

// Book is the guestbook of one unit: its settings now, its view, and the
// store that the settings name.
type Book struct {
	log  *slog.Logger
	view *View

	mu    sync.Mutex
	now   settings.Settings
	store *Store
	told  chan struct{}
}

// New returns a book without a store; Apply gives it one.
func New(log *slog.Logger) *Book {
	return &Book{log: log, view: NewView(), told: make(chan struct{}), now: settings.Default()}
}

// View returns what the unit knows of the entries.
func (b *Book) View() *View { return b.view }

// Settings returns the settings in force and a channel that is closed when
// the next ones are.
func (b *Book) Settings() (settings.Settings, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.told
}

// Apply puts s in force. It moves to another store when s names one, and
// leaves everything as it was when that address cannot be used.
func (b *Book) Apply(s settings.Settings) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := slices.Equal(s.NATS, b.now.NATS) && s.Stream == b.now.Stream
	if !same || b.store == nil {
		if err := b.move(s); err != nil {
			return err
		}
	}
	b.now = s
	close(b.told)
	b.told = make(chan struct{})
	return nil
}

// move ends the store before it opens the next, so that only one ever writes
// to the view.
func (b *Book) move(s settings.Settings) error {
	old := b.store
	b.store = nil
	if old != nil {
		old.Close()
	}
	if len(s.NATS) == 0 {
		return nil
	}
	store, err := Open(Config{URLs: s.NATS, Stream: s.Stream, Name: s.Unit, Log: b.log}, b.view)
	if err != nil {
		return err
	}
	b.store = store
	return nil
}

// Post stores e as Store.Post does, and returns when this unit's view shows
// it or ctx ends.
func (b *Book) Post(ctx context.Context, e Entry) (Entry, error) {
	b.mu.Lock()
	store := b.store
	b.mu.Unlock()
	if store == nil {
		return e, ErrAway
	}
	stored, err := store.Post(ctx, e)
	if err == nil {
		b.view.Await(ctx.Done(), stored.Seq)
	}
	return stored, err
}

// Close ends the connection to the store.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != nil {
		b.store.Close()
		b.store = nil
	}
}
