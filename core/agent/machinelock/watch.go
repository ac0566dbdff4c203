package machinelock

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watch tells when something happened to files: they were written, closed by who wrote them, or removed. A nil watch tells
// nothing, and is only waited with.
type watch struct {
	fd     int
	events *os.File // nil where there is nothing to tell with
}

// newWatch may have nothing to tell with: the kernel has a limit for each user.
func newWatch() *watch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return &watch{}
	}
	return &watch{fd, os.NewFile(uintptr(fd), "inotify")}
}

// add watches one more file. One that is not there is seen to be gone at the next look.
func (w *watch) add(path string) {
	if w == nil || w.events == nil {
		return
	}
	// Opening for reading, as who looks does, is no news. A watch that is there is added to: replaced, it sees nothing for a moment.
	_, _ = unix.InotifyAddWatch(w.fd, path, unix.IN_MASK_ADD|unix.IN_CLOSE_WRITE|unix.IN_MODIFY|unix.IN_ATTRIB|unix.IN_DELETE_SELF)
}

// wait waits for news; false when there were none in time, or ctx ended.
func (w *watch) wait(ctx context.Context, most time.Duration) bool {
	if w == nil || w.events == nil {
		timer := time.NewTimer(min(most, lookLocked)) // nobody tells: look more often
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return false
	}
	_ = w.events.SetReadDeadline(time.Now().Add(most))
	stop := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := w.events.Read(make([]byte, 4096))
	return err == nil
}

func (w *watch) close() {
	if w != nil && w.events != nil {
		_ = w.events.Close()
	}
}
