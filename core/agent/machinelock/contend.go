package machinelock

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// What is waited for tells of itself. It is looked at all the same after a while: right after news, since a process that
// dies is told of before its locks are gone; while the lock is another's who has no ticket; and now and then in case that
// whoever is next sleeps (a stopped process).
const (
	lookFirst  = 2 * time.Millisecond
	lookLocked = 100 * time.Millisecond
	lookQueued = time.Second
)

// hold is the lock while one has it.
type hold struct {
	file   *os.File
	ticket *ticket
}

// release lets the lock go, and then who is next know.
func (h *hold) release() {
	write(h.file, Holder{})
	unlock(h.file)
	h.ticket.drop()
}

// contender is one who waits for the lock together with those of other processes.
type contender struct {
	file    *os.File
	ticket  *ticket // nil where there is no room for tickets
	watch   *watch
	waiting func(Holder)
	told    *Holder
	watched string        // ticket of who is before us
	pause   time.Duration // until the next look without news
	idle    string        // who was before us when the lock was free, a whole lookQueued ago
}

// contend waits until nobody who asked before is left and the lock is free.
func contend(ctx context.Context, file string, own *ticket, waiting func(Holder)) (*hold, error) {
	f, err := open(file)
	if err != nil {
		own.drop()
		return nil, errs.E(errs.Internal, "cannot take the machine lock: %w", err)
	}
	c := &contender{file: f, ticket: own, waiting: waiting, pause: lookFirst}
	defer func() { c.watch.close() }()
	for {
		taken, err := c.look()
		if err != nil {
			c.ticket.drop()
			return nil, errors.Join(errs.E(errs.Internal, "cannot take the machine lock %s: %w", file, err), f.Close())
		}
		if taken {
			return &hold{f, c.ticket}, nil
		}
		if c.watch == nil {
			c.watch, c.watched = newWatch(), ""
			c.watch.add(file)
			continue // what happened before is seen now, what happens from now on is told
		}
		if !c.wait(ctx) {
			c.ticket.drop()
			return nil, errors.Join(gaveUp(ctx, file), f.Close())
		}
	}
}

// look takes the lock when it is our turn, else tells who has it.
func (c *contender) look() (taken bool, err error) {
	before := c.ticket.before()
	if before != "" && before != c.watched {
		c.watch.add(before)
		c.watched, c.pause = before, lookQueued
		before = c.ticket.before() // it may have gone before it was watched
	}
	overdue := before != "" && c.pause >= lookQueued && c.watch != nil
	if before == "" || overdue {
		if taken, err = lock(c.file); err != nil {
			return false, err
		}
	}
	if taken && before != "" {
		// Nobody has the lock although somebody is before us: who lets a second pass, and then another, is passed by.
		if taken = c.idle == before; !taken {
			err = unix.Flock(int(c.file.Fd()), unix.LOCK_UN)
		}
		c.idle = before
	} else if overdue {
		c.idle = ""
	}
	if taken || err != nil {
		return taken, err
	}
	if holder := read(c.file); c.told == nil || *c.told != holder {
		c.told = &holder
		c.waiting(holder)
	}
	return false, nil
}

// wait waits for news, a while at most; false when ctx ended first.
func (c *contender) wait(ctx context.Context) bool {
	if c.watch.wait(ctx, c.pause) {
		c.pause, c.idle = lookFirst, ""
		return true
	}
	most := lookLocked
	if c.watched != "" && c.ticket.before() != "" {
		most = lookQueued
	}
	c.pause = min(2*c.pause, most)
	return ctx.Err() == nil
}

// lock tries to take the kernel's lock.
func lock(f *os.File) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

// unlock gives the kernel's lock back and closes the file. Closing alone would free it too, but only after others were told
// that it was closed.
func unlock(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = f.Close()
}
