package queue

import "time"

// timed is a key that wants a turn at a time.
type timed[K comparable] struct {
	key   K
	at    time.Time
	index int
}

// timers is a heap by time.
type timers[K comparable] []*timed[K]

func (t timers[K]) Len() int           { return len(t) }
func (t timers[K]) Less(i, j int) bool { return t[i].at.Before(t[j].at) }

func (t timers[K]) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push is heap.Interface's.
func (t *timers[K]) Push(x any) {
	item := x.(*timed[K])
	item.index = len(*t)
	*t = append(*t, item)
}

// Pop is heap.Interface's.
func (t *timers[K]) Pop() any {
	last := len(*t) - 1
	item := (*t)[last]
	*t = (*t)[:last]
	return item
}
