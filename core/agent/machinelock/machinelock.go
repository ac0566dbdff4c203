// Package machinelock lets everything that runs hooks on one machine take turns: the units of one agent in the order in
// which they asked, and agents, of whatever model or controller, by the kernel's lock on a file that the substrate names.
// The kernel frees it with the process, so a holder that is killed holds up nobody.
package machinelock

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

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
	held    bool
	holder  Holder        // empty until it has the kernel's lock
	news    chan struct{} // closed when the holder is another
	waiting []chan struct{}
}

// New has nobody waiting.
func New() *Locks { return &Locks{lines: map[string]*line{}} }

// poll is how often it is looked whether another process has let go; the first time at once.
const (
	pollFirst = 2 * time.Millisecond
	pollMost  = 100 * time.Millisecond
)

// Take waits for the turn of who and answers how to end it. waiting is called when there is somebody to wait for, and again
// when that is somebody else; the holder is empty where it is not known. The error is that ctx ended, or that
// the file cannot be had, class Internal.
func (l *Locks) Take(ctx context.Context, file string, who Holder, waiting func(Holder)) (release func(), err error) {
	if err := l.enter(ctx, file, waiting); err != nil {
		return nil, err
	}
	f, err := seize(ctx, file, func(other Holder) {
		l.holds(file, other) // who waits behind us waits for it too
		waiting(other)
	})
	if err != nil {
		l.leave(file)
		return nil, err
	}
	who.PID, who.Since = os.Getpid(), time.Now()
	l.holds(file, who)
	write(f, who)
	return func() {
		write(f, Holder{})
		_ = f.Close() // and with it the lock
		l.leave(file)
	}, nil
}

// enter waits until nobody of this process is before us.
func (l *Locks) enter(ctx context.Context, file string, waiting func(Holder)) error {
	l.mu.Lock()
	n := l.lines[file]
	if n == nil {
		n = &line{news: make(chan struct{})}
		l.lines[file] = n
	}
	if !n.held {
		n.held = true
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	n.waiting = append(n.waiting, turn)
	l.mu.Unlock()
	if l.await(ctx, n, turn, waiting) {
		return nil
	}
	l.mu.Lock()
	for i, c := range n.waiting {
		if c == turn {
			n.waiting = append(n.waiting[:i], n.waiting[i+1:]...)
			l.mu.Unlock()
			return gaveUp(ctx, file)
		}
	}
	l.mu.Unlock()
	l.leave(file) // the turn came meanwhile
	return gaveUp(ctx, file)
}

// await waits for the turn and tells whom for; false when ctx ended first.
func (l *Locks) await(ctx context.Context, n *line, turn <-chan struct{}, waiting func(Holder)) bool {
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
		case <-turn:
			return true
		case <-ctx.Done():
			return false
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

// leave gives the turn to the next.
func (l *Locks) leave(file string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lines[file]
	n.holder = Holder{}
	if len(n.waiting) == 0 {
		delete(l.lines, file)
		return
	}
	close(n.waiting[0])
	n.waiting = n.waiting[1:]
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

// seize takes the kernel's lock.
func seize(ctx context.Context, file string, waiting func(Holder)) (*os.File, error) {
	f, err := open(file)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot take the machine lock: %w", err)
	}
	var told *Holder
	for wait := pollFirst; ; wait = min(2*wait, pollMost) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(errs.E(errs.Internal, "cannot take the machine lock %s: %w", file, err), f.Close())
		}
		if holder := read(f); told == nil || *told != holder {
			told = &holder
			waiting(holder)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, errors.Join(gaveUp(ctx, file), f.Close())
		}
	}
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
