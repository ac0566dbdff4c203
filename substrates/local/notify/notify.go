// Package notify tells when something in a directory has changed. All
// subscriptions share one inotify instance, of which a user has few.
package notify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// interest is what is asked of every directory. A watch that is there is only added to: were it replaced, even by the same one, the
// kernel would watch nothing for a moment, and who waits for a name would wait in vain.
const interest = unix.IN_MASK_ADD | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE |
	unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// Watcher watches directories for any number of subscribers.
type Watcher struct {
	file *os.File
	fd   int
	done chan struct{}

	mu     sync.Mutex
	closed bool
	subs   map[int32][]entry // by watch descriptor
}

// entry is somebody who watches a directory, or one name in it.
type entry struct {
	sub  *Subscription
	name string // "" = everything
}

// New starts to watch nothing. Close ends it.
func New() (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &Watcher{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, done: make(chan struct{}), subs: map[int32][]entry{}}
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

// Subscription is woken by changes; several changes may be one wake.
type Subscription struct {
	C    <-chan struct{} // nil where a function is called
	wake func()
	w    *Watcher
	wds  []int32
}

// Subscribe watches no directory yet.
func (w *Watcher) Subscribe() *Subscription {
	c := make(chan struct{}, 1)
	s := w.Call(func() {
		select {
		case c <- struct{}{}:
		default: // a wake is waiting already
		}
	})
	s.C = c
	return s
}

// Call is Subscribe for somebody who has no goroutine that waits: wake is called instead. It must not block and must not
// call the Watcher.
func (w *Watcher) Call(wake func()) *Subscription { return &Subscription{wake: wake, w: w} }

// Wake is as if something had changed.
func (s *Subscription) Wake() { s.wake() }

// Watch adds directories; those that are watched already cost nothing, those
// that do not exist are left out: watch what they will be made in too.
func (s *Subscription) Watch(dirs ...string) error {
	for _, dir := range dirs {
		if err := s.WatchName(dir, ""); err != nil {
			return err
		}
	}
	return nil
}

// WatchName is Watch for one name in a directory; what happens to other names wakes nobody.
func (s *Subscription) WatchName(dir, name string) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.closed {
		return os.ErrClosed
	}
	wd, err := unix.InotifyAddWatch(s.w.fd, dir, interest)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	id := int32(wd)
	if e := (entry{s, name}); !slices.Contains(s.wds, id) || !slices.Contains(s.w.subs[id], e) {
		s.wds = append(s.wds, id)
		s.w.subs[id] = append(s.w.subs[id], e)
	}
	return nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, wd := range s.wds {
		left := slices.DeleteFunc(s.w.subs[wd], func(e entry) bool { return e.sub == s })
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
			size := int(binary.NativeEndian.Uint32(buf[at+12:]))
			at += unix.SizeofInotifyEvent
			name, _, _ := bytes.Cut(buf[at:at+size], []byte{0})
			w.tell(wd, mask, string(name))
			at += size
		}
	}
}

// tell wakes who watches; when the kernel lost events, everybody. The name is empty where the directory itself is meant.
func (w *Watcher) tell(wd int32, mask uint32, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mask&unix.IN_Q_OVERFLOW != 0 {
		for _, entries := range w.subs {
			wake(entries, "")
		}
		return
	}
	wake(w.subs[wd], name)
	if mask&unix.IN_IGNORED != 0 { // the directory is gone
		for _, e := range w.subs[wd] {
			e.sub.wds = slices.DeleteFunc(e.sub.wds, func(o int32) bool { return o == wd })
		}
		delete(w.subs, wd)
	}
}

func wake(entries []entry, name string) {
	for _, e := range entries {
		if e.name == "" || name == "" || e.name == name {
			e.sub.Wake()
		}
	}
}
