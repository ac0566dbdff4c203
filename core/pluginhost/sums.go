package pluginhost

import (
	"os"
	"sync"
	"syscall"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// identity is a file's content as the kernel vouches for it: whoever changes the content changes the time of the last
// change, which only root can set back.
type identity struct {
	device, inode    uint64
	size             int64
	changed, written syscall.Timespec
}

// sums remembers the checksums of files that have not changed since: the built-in plugins are one file of 20 MB under
// several names, and each is started more than once.
type sums struct {
	mu    sync.Mutex
	known map[identity]string
}

// of is the sha256 of a file's content in hex. A nil receiver remembers nothing.
func (s *sums) of(file string) (string, error) {
	id, ok := identify(file)
	if s == nil || !ok {
		return sumOf(file)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sum, ok := s.known[id]; ok {
		return sum, nil
	}
	sum, err := sumOf(file)
	if err != nil {
		return "", err
	}
	if now, ok := identify(file); !ok || now != id {
		return "", errs.E(errs.Conflict, "cannot check plugin %s: it changed while it was read; try again", file)
	}
	s.known[id] = sum
	return sum, nil
}

func identify(file string) (identity, bool) {
	info, err := os.Stat(file)
	if err != nil {
		return identity{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{st.Dev, st.Ino, st.Size, st.Ctim, st.Mtim}, true
}
