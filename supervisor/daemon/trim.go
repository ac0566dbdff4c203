package daemon

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// trim unmaps the pages of the program itself, nearly all of which starting has brought in: what is needed comes back from
// the page cache with one fault for its surroundings, the rest no longer counts as this process's memory. Only what is mapped
// from the program and cannot be written is touched. It returns how many bytes that was: none where the mappings cannot be read.
func trim() (bytes uintptr) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var mode string
		n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode)
		if n != 3 || strings.Contains(mode, "w") || !strings.HasSuffix(line, " "+self+"\n") {
			continue
		}
		if _, _, failed := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); failed == 0 {
			bytes += to - from
		}
	}
	return bytes
}
