// Package machinelock lets everything that runs hooks on one machine take turns in the order of asking: the units of one agent
// and those of others, of whatever model or controller. The kernel's lock on a file that the substrate names is what one
// holds; a ticket beside it, in FILE.line, says since when one waits. Both are freed with the process, so neither a holder
// nor a waiter that is killed holds up anybody.
package machinelock

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Holder is who runs, as the lock's file tells others.
type Holder struct {
	Model string    `json:"model"` // uuid
	Unit  string    `json:"unit"`
	What  string    `json:"what"` // "config-changed", "action backup"
	Since time.Time `json:"since"`
	PID   int       `json:"pid"` // of the agent
}

// Locks are the locks that one agent takes turns on.
type Locks struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is who waits for one file, in the order in which they came.
type line struct {
	first   bool          // somebody of this process competes with those of others
	holder  Holder        // as far as it is known
	news    chan struct{} // closed when the holder is another
	waiting []waiter
}

// waiter is one who is not the first of this process.
type waiter struct {
	asked time.Duration // since the machine's boot
	turn  chan *ticket  // when it is the first
}

// New has nobody waiting.
func New() *Locks { return &Locks{lines: map[string]*line{}} }

// Take waits for the turn of who and answers how to end it. waiting is called when there is somebody to wait for, and again
// when that is somebody else; the holder is empty where it is not known. The error is that ctx ended, or that
// the file cannot be had, class Internal.
func (l *Locks) Take(ctx context.Context, file string, who Holder, waiting func(Holder)) (release func(), err error) {
	ticket, err := l.enter(ctx, file, waiting)
	if err != nil {
		return nil, err
	}
	// Of each process only the first who waits has a ticket, with the time at which it asked; whoever is behind gets one, with
	// its own time, as soon as this one holds the lock, and so before it can let go.
	defer l.leave(file)
	h, err := contend(ctx, file, ticket, func(other Holder) {
		l.holds(file, other) // who waits behind us waits for it too
		waiting(other)
	})
	if err != nil {
		return nil, err
	}
	who.PID, who.Since = os.Getpid(), time.Now()
	write(h.file, who)
	l.holds(file, who)
	return h.release, nil
}

// enter waits until nobody of this process waits before us, and answers our ticket.
func (l *Locks) enter(ctx context.Context, file string, waiting func(Holder)) (*ticket, error) {
	w := waiter{sinceBoot(), make(chan *ticket, 1)}
	l.mu.Lock()
	n := l.lines[file]
	if n == nil {
		n = &line{news: make(chan struct{})}
		l.lines[file] = n
	}
	if !n.first {
		n.first = true
		l.mu.Unlock()
		return draw(file, w.asked), nil
	}
	n.waiting = append(n.waiting, w)
	l.mu.Unlock()
	if t, ok := l.await(ctx, n, w.turn, waiting); ok {
		return t, nil
	}
	l.mu.Lock()
	at := slices.Index(n.waiting, w)
	if at >= 0 {
		n.waiting = slices.Delete(n.waiting, at, at+1)
	}
	l.mu.Unlock()
	if at < 0 { // the turn comes or came meanwhile
		t := <-w.turn
		t.drop()
		l.leave(file)
	}
	return nil, gaveUp(ctx, file)
}

// await waits for the turn and tells whom for; false when ctx ended first.
func (l *Locks) await(ctx context.Context, n *line, turn <-chan *ticket, waiting func(Holder)) (*ticket, bool) {
	var told *Holder
	for {
		l.mu.Lock()
		holder, news := n.holder, n.news
		l.mu.Unlock()
		if told == nil || *told != holder {
			told = &holder
			waiting(holder)
		}
		select {
		case t := <-turn:
			return t, true
		case <-ctx.Done():
			return nil, false
		case <-news:
		}
	}
}

// holds notes who has the lock, for those that wait.
func (l *Locks) holds(file string, who Holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[file]
	n.holder = who
	close(n.news)
	n.news = make(chan struct{})
}

// leave makes the next of this process the first.
func (l *Locks) leave(file string) {
	l.mu.Lock()
	n := l.lines[file]
	if len(n.waiting) == 0 {
		delete(l.lines, file)
		l.mu.Unlock()
		return
	}
	next := n.waiting[0]
	n.waiting = n.waiting[1:]
	l.mu.Unlock()
	next.turn <- draw(file, next.asked) // there is room for it
}

// open makes the file where there is none. Where it is another user's it can be locked, but not written: others then do
// not learn who holds it.
func open(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if errors.Is(err, fs.ErrPermission) {
		if f, again := os.Open(file); again == nil {
			return f, nil
		}
	}
	return f, err
}

func gaveUp(ctx context.Context, file string) error {
	return errs.E(errs.Canceled, "cannot take the machine lock %s: %w", file, context.Cause(ctx))
}

// write says who holds the lock; only for people, so what cannot be written is left out.
func write(f *os.File, who Holder) {
	text := []byte{}
	if who != (Holder{}) {
		text, _ = json.Marshal(who) // always encodes
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(text, 0)
	}
}

// read is who wrote last; empty where that is nobody or half a record.
func read(f *os.File) (who Holder) {
	text := make([]byte, 1024)
	n, _ := f.ReadAt(text, 0) // the end comes before the buffer's
	if json.Unmarshal(text[:n], &who) != nil {
		return Holder{}
	}
	return who
}
