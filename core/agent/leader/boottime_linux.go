package leader

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is time since the machine started, counted also while it is suspended, so that a promise of leadership
// does not look fresh after a night with the lid closed.
func BootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
