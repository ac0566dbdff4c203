package suite

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Descriptors counts the open files of a process, 0 meaning this one; -1 if it
// cannot be seen.
func Descriptors(pid int) int {
	entries, err := os.ReadDir(filepath.Join(procOf(pid), "fd"))
	if err != nil {
		return -1
	}
	return len(entries)
}

// Children counts the child processes, zombies included, of a process.
func Children(pid int) int {
	lists, _ := filepath.Glob(filepath.Join(procOf(pid), "task", "*", "children"))
	n := 0
	for _, list := range lists {
		content, err := os.ReadFile(list)
		if err == nil {
			n += len(bytes.Fields(content))
		}
	}
	return n
}

func procOf(pid int) string {
	if pid == 0 {
		return "/proc/self"
	}
	return filepath.Join("/proc", strconv.Itoa(pid))
}
