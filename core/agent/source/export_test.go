package source

// Held is how many records and marks of deleted ones there are.
func (r *Replica) Held() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, m := range r.models {
		n += len(m.objects) + len(m.gone) + len(m.tasks)
	}
	return n
}
