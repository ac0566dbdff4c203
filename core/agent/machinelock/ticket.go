package machinelock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lineSuffix ends the name of the directory of tickets.
const lineSuffix = ".line"

// drawn begins the name of a ticket that is not out yet, and stale is when one that stayed so is of a process that died.
const (
	drawn = ".new-"
	stale = time.Minute
)

// ticket is a place in the line: a file whose name begins with the time of asking, locked while its owner lives and waits, or
// holds the lock.
type ticket struct {
	file *os.File
	path string
}

// sinceBoot is the time that all processes of the machine agree on and that never goes back.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// draw takes a ticket; nil where there is no room for one: the order is then the kernel's.
func draw(lockFile string, asked time.Duration) *ticket {
	dir := lockFile + lineSuffix
	if err := os.Mkdir(dir, 0o777); err == nil {
		_ = os.Chmod(dir, 0o777|fs.ModeSticky) // agents of other users wait here too
	} else if !errors.Is(err, fs.ErrExist) {
		return nil
	}
	f, err := os.CreateTemp(dir, drawn)
	if err != nil {
		return nil
	}
	// Nobody sees it unlocked, and thinks its owner dead: it gets its name afterwards.
	path := filepath.Join(dir, fmt.Sprintf("%019d-%s", int64(asked), strings.TrimPrefix(filepath.Base(f.Name()), drawn)))
	if ok, err := lock(f); err != nil || !ok || f.Chmod(0o644) != nil || os.Rename(f.Name(), path) != nil {
		_ = os.Remove(f.Name())
		_ = f.Close()
		return nil
	}
	return &ticket{f, path}
}

// drop gives the place in the line up.
func (t *ticket) drop() {
	if t == nil {
		return
	}
	_ = os.Remove(t.path)
	unlock(t.file)
}

// before is the ticket of the last one who asked before and lives, "" when there is none. Those of the dead are removed.
func (t *ticket) before() string {
	if t == nil {
		return ""
	}
	dir, own := filepath.Split(t.path)
	entries, err := os.ReadDir(dir) // in order
	if err != nil {
		return ""
	}
	last := ""
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), drawn):
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > stale {
				_ = os.Remove(path)
			}
		case e.Name() >= own:
			return last
		case alive(path):
			last = path
		default:
			_ = os.Remove(path) // where that is not allowed it is looked at again
		}
	}
	return last
}

// alive says whether somebody has the ticket.
func alive(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) // who hides a ticket has none
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
