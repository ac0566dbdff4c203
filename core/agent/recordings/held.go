package recordings

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bangle-dev/bangle/core/file"
)

// A unit's recordings lie in one file, one after the other: to make a file is most of what keeping an event would cost. The
// file begins with where the oldest recording begins that counts; what is before it goes when there is as much of it as of
// what counts. Each recording has its length and its time before it. All numbers have eight bytes, big endian.
const (
	fileHead  = 8
	eventHead = 16
)

// held is what a unit has, known without looking.
type held struct {
	events []kept // oldest first
	start  int64  // of the oldest's head
	end    int64  // of the file
}

// kept is one recording in its unit's file.
type kept struct {
	at        int64 // Unix time in nanoseconds
	off, size int64
}

// counting is how many bytes there are of what counts.
func (h *held) counting() int64 { return h.end - h.start }

// tooMany is how many of the oldest must go for one more of that size.
func (h *held) tooMany(l Limits, size int64) (n int) {
	sum := h.counting() + size
	for ; n < len(h.events) && (len(h.events)-n+1 > l.Events || sum > l.Bytes); n++ {
		sum -= eventHead + h.events[n].size
	}
	return n
}

// without is where those that count begin once the n oldest are gone.
func (h *held) without(n int) int64 {
	if n == 0 {
		return h.start
	}
	return h.events[n-1].off + h.events[n-1].size
}

// drop takes the n oldest out of account.
func (h *held) drop(n int) {
	h.start = h.without(n)
	h.events = slices.Delete(h.events, 0, n)
}

// append writes a recording behind a unit's others, of which those go that are too much then.
func (s *Shelf) append(path string, l Limits, at int64, text []byte) error {
	h := s.held[path]
	if info, err := os.Stat(path); h != nil && (err != nil || info.Size() < h.end) {
		s.forget(path) // somebody took it away
		h = nil
	}
	if h == nil {
		h = &held{start: fileHead, end: fileHead}
	}
	size := int64(len(text))
	gone := h.tooMany(l, size)
	frame := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(size)), uint64(at))
	if err := write(path, h.end, append(frame, text...), h.without(gone)); err != nil {
		_ = os.Truncate(path, h.end) // a part of it, on a disk that is full
		return err
	}
	if s.held[path] == nil {
		s.held[path] = h
		s.sum += fileHead
	}
	h.drop(gone)
	h.events = append(h.events, kept{at, h.end + eventHead, size})
	s.sum += eventHead + size
	h.end += eventHead + size
	if h.start-fileHead > h.counting() {
		s.compact(path, h)
	}
	return nil
}

// write puts a recording into a file that may not be there yet, and then where those that count begin.
func write(path string, at int64, frame []byte, start int64) error {
	const flags = os.O_WRONLY | os.O_CREATE
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		f, err = os.OpenFile(path, flags, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(frame, at)
	if err == nil {
		_, err = f.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(start)), 0)
	}
	return errors.Join(err, f.Close())
}

// compact writes a unit's file anew with what counts alone; a file that cannot be is forgotten.
func (s *Shelf) compact(path string, h *held) {
	data, err := os.ReadFile(path)
	if len(h.events) == 0 || err != nil || int64(len(data)) < h.end {
		s.forget(path)
		return
	}
	gone := h.start - fileHead
	head := binary.BigEndian.AppendUint64(nil, fileHead)
	if err := file.Replace(path, append(head, data[h.start:h.end]...), 0o600); err != nil {
		s.forget(path)
		return
	}
	for i := range h.events {
		h.events[i].off -= gone
	}
	h.start, h.end, s.sum = fileHead, h.end-gone, s.sum-gone
}

// forget removes all that a unit has, and the directory of a model that has nothing else.
func (s *Shelf) forget(path string) {
	_ = os.Remove(path)
	_ = os.Remove(filepath.Dir(path))
	if h := s.held[path]; h != nil {
		s.sum -= h.end
		delete(s.held, path)
	}
}

// look finds, once, what an earlier life left.
func (s *Shelf) look() {
	if s.held != nil {
		return
	}
	s.held = map[string]*held{}
	paths, _ := filepath.Glob(filepath.Join(s.cfg.Dir, "*", "*")) // the pattern is well formed
	for _, path := range paths {
		h := find(path)
		if h == nil {
			_ = os.RemoveAll(path) // nothing that counts, or of another version
			continue
		}
		s.held[path] = h
		s.sum += h.end
	}
}

// find reads where a file's recordings are, and cuts off what a crash left of one; nil if there is none.
func find(path string) *held {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || filepath.Ext(path) != suffix {
		return nil
	}
	head := make([]byte, eventHead)
	if _, err := f.ReadAt(head[:fileHead], 0); err != nil {
		return nil
	}
	start := int64(binary.BigEndian.Uint64(head))
	if start < fileHead {
		return nil
	}
	h := &held{start: start, end: start}
	for {
		if _, err := f.ReadAt(head, h.end); err != nil {
			break
		}
		k := kept{int64(binary.BigEndian.Uint64(head[8:])), h.end + eventHead, int64(binary.BigEndian.Uint64(head))}
		if k.size < 0 || k.size > info.Size()-k.off {
			break
		}
		h.events, h.end = append(h.events, k), k.off+k.size
	}
	if len(h.events) == 0 || h.end < info.Size() && os.Truncate(path, h.end) != nil {
		return nil
	}
	return h
}

// spare drops the oldest of those who have most once all units together are beyond the agent's limit, and a sixteenth more,
// so that not every write has to look for who has most. The unit that was written last keeps its last one.
func (s *Shelf) spare(latest string) {
	if s.sum <= s.cfg.Bytes {
		return
	}
	most := make(heaviest, 0, len(s.held))
	for path, h := range s.held {
		most = append(most, heavy{path, h})
	}
	heap.Init(&most)
	for len(most) > 0 && s.sum > s.cfg.Bytes-s.cfg.Bytes/16 {
		first := most[0]
		if first.path == latest && len(first.events) == 1 && first.start == fileHead {
			heap.Pop(&most)
			continue
		}
		if first.start == fileHead {
			first.drop((len(first.events) + 3) / 4)
		}
		s.compact(first.path, first.held)
		if s.held[first.path] == nil {
			heap.Pop(&most)
			continue
		}
		heap.Fix(&most, 0)
	}
}
