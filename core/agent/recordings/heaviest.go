package recordings

// heavy is a unit with what it has.
type heavy struct {
	path string
	*held
}

// heaviest is a heap of units, those who have most first.
type heaviest []heavy

func (h heaviest) Len() int           { return len(h) }
func (h heaviest) Less(i, j int) bool { return h[i].end > h[j].end }
func (h heaviest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *heaviest) Push(x any) { *h = append(*h, x.(heavy)) }

// Pop is heap.Interface's.
func (h *heaviest) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
