package python

import (
	"os"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
)

// Lines hands what pipe gives to host, line by line, until its end.
func Lines(pipe *os.File, host charmruntime.Host) { <-newStream(pipe, "DEBUG", "m", host).done }

// Wait waits for what is done behind events.
func (r *Runtime) Wait() { r.behind.Wait() }
