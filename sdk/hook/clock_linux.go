package hook

import (
	"time"

	"golang.org/x/sys/unix"
)

// boottime goes on while the machine sleeps, which Go's monotonic clock does not: a promise of leadership must not
// look fresh after a laptop was shut for an hour.
func boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}
