// Package notify tells when something in a directory has changed. All
// subscriptions share one inotify instance, of which a user has few.
package notify

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const interest = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE |
	unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// Watcher watches directories for any number of subscribers.
type Watcher struct {
	file *os.File
	fd   int
	done chan struct{}

	mu     sync.Mutex
	closed bool
	subs   map[int32][]*Subscription // by watch descriptor
}

// New starts to watch nothing. Close ends it.
func New() (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &Watcher{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, done: make(chan struct{}), subs: map[int32][]*Subscription{}}
	go w.run()
	return w, nil
}

// Close ends the watcher; subscriptions hear nothing more.
func (w *Watcher) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	err := w.file.Close()
	<-w.done
	return err
}

// Subscription is woken by changes; several changes are one wake.
type Subscription struct {
	C    <-chan struct{}
	wake chan struct{}
	w    *Watcher
	wds  []int32
}

// Subscribe watches no directory yet.
func (w *Watcher) Subscribe() *Subscription {
	c := make(chan struct{}, 1)
	return &Subscription{C: c, wake: c, w: w}
}

// Wake is as if something had changed.
func (s *Subscription) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake is waiting already
	}
}

// Watch adds directories; those that are watched already cost nothing, those
// that do not exist are left out: watch what they will be made in too.
func (s *Subscription) Watch(dirs ...string) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.closed {
		return os.ErrClosed
	}
	for _, dir := range dirs {
		wd, err := unix.InotifyAddWatch(s.w.fd, dir, interest)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("inotify_add_watch", err)
		}
		id := int32(wd)
		if !slices.Contains(s.wds, id) {
			s.wds = append(s.wds, id)
			s.w.subs[id] = append(s.w.subs[id], s)
		}
	}
	return nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, wd := range s.wds {
		left := slices.DeleteFunc(s.w.subs[wd], func(o *Subscription) bool { return o == s })
		if s.w.subs[wd] = left; len(left) == 0 {
			delete(s.w.subs, wd)
			if s.w.closed {
				continue
			}
			_, _ = unix.InotifyRmWatch(s.w.fd, uint32(wd)) // the directory may be gone, and the watch with it
		}
	}
	s.wds = nil
}

func (w *Watcher) run() {
	defer close(w.done)
	buf := make([]byte, 16<<10)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			wd := int32(binary.NativeEndian.Uint32(buf[at:]))
			mask := binary.NativeEndian.Uint32(buf[at+4:])
			w.tell(wd, mask)
			at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[at+12:]))
		}
	}
}

// tell wakes who watches; when the kernel lost events, everybody.
func (w *Watcher) tell(wd int32, mask uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mask&unix.IN_Q_OVERFLOW != 0 {
		for _, subs := range w.subs {
			wakeAll(subs)
		}
		return
	}
	wakeAll(w.subs[wd])
	if mask&unix.IN_IGNORED != 0 { // the directory is gone
		for _, s := range w.subs[wd] {
			s.wds = slices.DeleteFunc(s.wds, func(o int32) bool { return o == wd })
		}
		delete(w.subs, wd)
	}
}

func wakeAll(subs []*Subscription) {
	for _, s := range subs {
		s.Wake()
	}
}
