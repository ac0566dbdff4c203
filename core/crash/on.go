//go:build crashpoints

package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// hits counts how often the wanted point was reached; the only state, and only in crash builds.
var hits atomic.Int64

// At ends the process without any clean-up if the environment names this point and enough hits were counted.
func At(name string) {
	want, count, found := strings.Cut(os.Getenv(Variable), ":")
	if want != name {
		return
	}
	nth := int64(1)
	if found {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			nth = n
		}
	}
	if hits.Add(1) != nth {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may arrive a moment later; nothing after the point may run
}
