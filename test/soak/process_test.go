package soak_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// pss is a process's share of memory in MB, 0 if it is gone.
func pss(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // gone
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kb, _ := strconv.ParseFloat(f[1], 64) // the kernel's own number
			return kb / 1024
		}
	}
	return 0
}

// cpu is what a process has used, in seconds.
func cpu(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // gone
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)   // the kernel's own number
	system, _ := strconv.ParseFloat(f[12], 64) // the same
	return (user + system) / 100
}

// entries counts those of a directory of the process.
func entries(pid int, name string) int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, name)) // gone
	return len(list)
}

// lines counts those of a file of the process.
func lines(pid int, name string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)) // gone
	return bytes.Count(text, []byte{'\n'})
}
