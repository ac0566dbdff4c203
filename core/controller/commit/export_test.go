package commit

// Waiting counts the commits that wait for others to land.
func Waiting(c *Committer) int {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	return len(c.group.waiting)
}
