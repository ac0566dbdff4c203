//go:build !linux

package hook

import "time"

// boottime falls back to the wall clock where there is no clock that counts sleep.
func boottime() time.Duration { return time.Duration(time.Now().UnixNano()) }
