package recordings

import (
	"cmp"
	"container/heap"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// held is what a unit has, known without looking: an event would otherwise ask the disk for all that the unit has.
type held struct {
	files []kept // oldest first
	sum   int64
}

// kept is one file.
type kept struct {
	at   int64 // Unix time in nanoseconds, which names it
	size int64
}

func (f kept) name() string { return fmt.Sprintf("%019d%s", f.at, suffix) }

// files are those in a unit's directory, oldest first.
func files(dir string) []kept {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []kept
	for _, e := range entries {
		at, err := strconv.ParseInt(strings.TrimSuffix(e.Name(), suffix), 10, 64)
		if info, infoErr := e.Info(); err == nil && infoErr == nil && info.Mode().IsRegular() {
			all = append(all, kept{at, info.Size()})
		}
	}
	slices.SortFunc(all, byTime)
	return all
}

func byTime(a, b kept) int { return cmp.Compare(a.at, b.at) }

// add counts a file.
func (s *Shelf) add(dir string, f kept) {
	h := s.held[dir]
	if h == nil {
		h = &held{}
		s.held[dir] = h
	}
	i, there := slices.BinarySearchFunc(h.files, f, byTime)
	if there { // written over
		s.change(h, -h.files[i].size)
		h.files[i] = f
	} else {
		h.files = slices.Insert(h.files, i, f)
	}
	s.change(h, f.size)
}

func (s *Shelf) change(h *held, bytes int64) {
	h.sum += bytes
	s.sum += bytes
}

// drop removes a unit's oldest file; one that cannot be removed is forgotten.
func (s *Shelf) drop(dir string, h *held) {
	_ = os.Remove(filepath.Join(dir, h.files[0].name()))
	s.change(h, -h.files[0].size)
	h.files = slices.Delete(h.files, 0, 1)
	if len(h.files) == 0 {
		delete(s.held, dir)
	}
}

// forget removes all that a unit has.
func (s *Shelf) forget(dir string) {
	_ = os.RemoveAll(dir)
	if h := s.held[dir]; h != nil {
		s.change(h, -h.sum)
		delete(s.held, dir)
	}
}

// trim drops a unit's oldest recordings until it is within its limits.
func (s *Shelf) trim(dir string, l Limits) {
	for h := s.held[dir]; h != nil && len(h.files) > 0 && (len(h.files) > l.Events || h.sum > l.Bytes); {
		s.drop(dir, h)
	}
}

// spare drops the oldest of those who have most once all units together are beyond the agent's limit, and a sixteenth more,
// so that not every write has to look for who has most. The unit that was written last keeps its last one.
func (s *Shelf) spare(latest string) {
	if s.sum <= s.cfg.Bytes {
		return
	}
	most := make(heaviest, 0, len(s.held))
	for dir, h := range s.held {
		most = append(most, heavy{dir, h})
	}
	heap.Init(&most)
	for len(most) > 0 && s.sum > s.cfg.Bytes-s.cfg.Bytes/16 {
		first := most[0]
		if len(first.files) == 0 || first.dir == latest && len(first.files) == 1 {
			heap.Pop(&most)
			continue
		}
		s.drop(first.dir, first.held)
		heap.Fix(&most, 0)
	}
}
