package python

// Wait waits for what is done behind events.
func (r *Runtime) Wait() { r.behind.Wait() }
