package python

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Every process of an event carries a mark that it cannot lose: the limit of file locks, which the kernel keeps, passes on
// to children and has not looked at since 2.4. Unlike the environment it can be read by whoever comes later: a runtime that
// was started again by an ordinary user's agent lives in another user namespace and may read no environment of those that
// the former one left behind.

// markOf is the mark of an event: 60 bits of its context id.
func markOf(context string) uint64 {
	mark, err := strconv.ParseUint(context[:min(15, len(context))], 16, 64)
	if err != nil {
		return 0
	}
	return mark
}

// marked starts a process that carries the mark. The limit is that of this whole process, so one start follows another.
func (r *Runtime) marked(context string, start func() error) error {
	r.forking.Lock()
	defer r.forking.Unlock()
	var had unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_LOCKS, &had); err == nil && markOf(context) != 0 {
		_ = unix.Setrlimit(unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: markOf(context), Max: had.Max}) // the session and the environment are marks too
		defer func() { _ = unix.Setrlimit(unix.RLIMIT_LOCKS, &had) }()                          // back to what it was
	}
	return start()
}

// bears says whether a process carries a mark.
func bears(pid int, mark uint64) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil || mark == 0 {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "Max file locks")
	f := strings.Fields(rest)
	return len(f) > 0 && f[0] == strconv.FormatUint(mark, 10)
}
