// Package queue is the stage that says whose turn it is. Each key waits at most once; a key that is being worked on is
// on hold: what comes for it meanwhile is one more turn afterwards. Keys are served in the order in which they came.
//
// One goroutine owns everything, the others send to it. A worker is a goroutine only while it works, so ten thousand
// keys at rest cost no goroutine.
package queue

import (
	"container/heap"
	"context"
	"time"

	"github.com/bangle-dev/bangle/core/crash"
)

// Work is done for one key. It answers when the key wants another turn without being woken: after is a duration, 0 for
// at once; negative for never.
type Work[K comparable] func(ctx context.Context, key K) (after time.Duration)

// Never is the answer of a Work that wants no turn until it is woken.
const Never time.Duration = -1

// Queue serves keys. Make it with New, then Run it.
type Queue[K comparable] struct {
	puts  chan K
	dones chan done[K]
	aside chan int
	ended chan struct{}
	busy  chan chan int
}

type done[K comparable] struct {
	key   K
	after time.Duration
}

// New makes a queue.
func New[K comparable]() *Queue[K] {
	return &Queue[K]{puts: make(chan K), dones: make(chan done[K]), aside: make(chan int), ended: make(chan struct{}), busy: make(chan chan int)}
}

// Put gives a key a turn. It waits until Run takes it, which is at once while Run runs, and forgets it once Run ended.
func (q *Queue[K]) Put(key K) {
	select {
	case q.puts <- key:
	case <-q.ended:
	}
}

// Busy is how many keys are being worked on.
func (q *Queue[K]) Busy() int {
	answer := make(chan int, 1)
	select {
	case q.busy <- answer:
		return <-answer
	case <-q.ended:
		return 0
	}
}

// Aside is called by a worker that is about to wait for something other than work: it keeps its key and gives up its place,
// so that who waits does not keep others from working. Back, called once, takes a place again, at once.
func (q *Queue[K]) Aside() (back func()) {
	q.step(1)
	return func() { q.step(-1) }
}

func (q *Queue[K]) step(n int) {
	select {
	case q.aside <- n:
	case <-q.ended:
	}
}

// owner is what the one goroutine knows.
type owner[K comparable] struct {
	ready   []K
	waiting map[K]bool      // in ready
	held    map[K]bool      // being worked on; true = woken meanwhile
	aside   int             // how many of them only wait
	timers  timers[K]       // by time
	due     map[K]*timed[K] // the timer of a key, at most one
}

// Run serves keys with at most limit at a time until ctx ends, then waits for those at work. It may be called once.
func (q *Queue[K]) Run(ctx context.Context, limit int, work Work[K]) {
	o := &owner[K]{waiting: map[K]bool{}, held: map[K]bool{}, due: map[K]*timed[K]{}}
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	defer close(q.ended)
	for {
		for len(o.ready) > 0 && len(o.held)-o.aside < limit && ctx.Err() == nil {
			q.begin(ctx, o.next(), work)
		}
		o.arm(alarm)
		select {
		case key := <-q.puts:
			o.put(key)
		case d := <-q.dones:
			o.release(d, time.Now())
		case n := <-q.aside:
			o.aside += n
		case answer := <-q.busy:
			answer <- len(o.held)
		case now := <-alarm.C:
			o.ring(now)
		case <-ctx.Done():
			q.drain(o)
			return
		}
	}
}

// begin starts a worker.
func (q *Queue[K]) begin(ctx context.Context, key K, work Work[K]) {
	crash.At("queue.begin")
	go func() { q.dones <- done[K]{key: key, after: work(ctx, key)} }()
}

// drain waits for the workers; what is put meanwhile is forgotten.
func (q *Queue[K]) drain(o *owner[K]) {
	for len(o.held) > 0 {
		select {
		case <-q.puts:
		case <-q.aside:
		case answer := <-q.busy:
			answer <- len(o.held)
		case d := <-q.dones:
			delete(o.held, d.key)
		}
	}
}

// put queues a key unless it waits already or is on hold.
func (o *owner[K]) put(key K) {
	if _, busy := o.held[key]; busy {
		o.held[key] = true
		return
	}
	if !o.waiting[key] {
		o.waiting[key] = true
		o.ready = append(o.ready, key)
	}
}

// next takes the oldest key and holds it. Its timer is void: whoever works on it says when it wants its next turn.
func (o *owner[K]) next() K {
	key := o.ready[0]
	o.ready = o.ready[1:]
	delete(o.waiting, key)
	o.held[key] = false
	if t := o.due[key]; t != nil {
		heap.Remove(&o.timers, t.index)
		delete(o.due, key)
	}
	return key
}

// release ends a hold.
func (o *owner[K]) release(d done[K], now time.Time) {
	again := o.held[d.key]
	delete(o.held, d.key)
	switch {
	case again || d.after == 0:
		o.put(d.key)
	case d.after > 0:
		t := &timed[K]{key: d.key, at: now.Add(d.after)}
		o.due[d.key] = t
		heap.Push(&o.timers, t)
	}
}

// arm sets the alarm to the first timer.
func (o *owner[K]) arm(alarm *time.Timer) {
	if len(o.timers) == 0 {
		alarm.Stop()
		return
	}
	alarm.Reset(time.Until(o.timers[0].at))
}

// ring wakes every key whose time has come.
func (o *owner[K]) ring(now time.Time) {
	for len(o.timers) > 0 && !o.timers[0].at.After(now) {
		t := heap.Pop(&o.timers).(*timed[K])
		delete(o.due, t.key)
		o.put(t.key)
	}
}
