// Package book keeps the guestbook's entries: the store is a JetStream
// stream, the view is what this process knows of it.
package book

import (
	"sync"
	"time"
)

// Entry is one line in the guestbook.
type Entry struct {
	Seq  uint64    `json:"seq"`  // place in the stream, from 1
	ID   string    `json:"id"`   // chosen by the writer; stored once
	Name string    `json:"name"` // who wrote it
	Text string    `json:"text"` // what was written
	Time time.Time `json:"time"` // when a unit took it, UTC
	Unit string    `json:"unit"` // the unit that took it
}

// maxKept bounds the view; older entries stay in the stream only.
const maxKept = 10_000

// View is an append-only list in the order of the stream. All methods may be
// called at once from anywhere.
type View struct {
	mu        sync.Mutex
	entries   []Entry
	last      uint64
	epoch     int
	origin    string
	connected bool
	changed   chan struct{}
}

// NewView returns an empty view of a store that is not connected.
func NewView() *View { return &View{changed: make(chan struct{})} }

// Changed returns a channel that is closed at the next change. Take it before
// looking, so that no change is missed.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

func (v *View) signal() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// Append adds e unless the view has been past it already.
func (v *View) Append(e Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Seq <= v.last {
		return
	}
	v.last = e.Seq
	v.entries = append(v.entries, e)
	if len(v.entries) > maxKept {
		v.entries = append([]Entry(nil), v.entries[len(v.entries)-maxKept:]...)
	}
	v.signal()
}

// Skip moves past a message that is no entry.
func (v *View) Skip(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = max(v.last, seq)
	v.signal()
}

// Rebase empties the view when origin, which names one stream's life, is not
// the one the entries came from.
func (v *View) Rebase(origin string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.origin != "" && v.origin != origin {
		v.entries, v.last = nil, 0
		v.epoch++
		v.signal()
	}
	v.origin = origin
}

// SetConnected notes whether the store can be reached.
func (v *View) SetConnected(yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.connected != yes {
		v.connected = yes
		v.signal()
	}
}

// Snapshot is what a View holds at one moment.
type Snapshot struct {
	Entries   []Entry // oldest first; not to be written to
	Last      uint64  // Seq of the newest
	Epoch     int     // changes when the entries start anew
	Connected bool    // the store can be reached
}

// Since returns the view with only those entries that come after seq.
func (v *View) Since(seq uint64) Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	from := len(v.entries)
	for from > 0 && v.entries[from-1].Seq > seq {
		from--
	}
	return Snapshot{
		Entries: v.entries[from:len(v.entries):len(v.entries)],
		Last:    v.last, Epoch: v.epoch, Connected: v.connected,
	}
}

// Await waits until the view has reached seq or done is closed, and tells
// whether it has.
func (v *View) Await(done <-chan struct{}, seq uint64) bool {
	for {
		changed := v.Changed()
		if v.Since(seq).Last >= seq {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
