package warm

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// importDirs are the directories of the charm that modules are looked for in, below its root.
func importDirs(c Config) []string {
	list := []string{c.First}
	for _, entry := range c.Env {
		if paths, ok := strings.CutPrefix(entry, "PYTHONPATH="); ok {
			list = append(list, filepath.SplitList(paths)...)
		}
	}
	var out []string
	for _, dir := range list {
		if rel, err := filepath.Rel(c.Root, dir); filepath.IsAbs(dir) && err == nil && filepath.IsLocal(rel) {
			out = append(out, rel)
		} else if !filepath.IsAbs(dir) && filepath.IsLocal(dir) {
			out = append(out, dir)
		}
	}
	return out
}

// names are what can be imported from a directory.
func names(dir string) []string {
	entries, _ := os.ReadDir(dir) // a path that is not there holds nothing
	var out []string
	for _, e := range entries {
		if e.Name() != "__pycache__" && (!e.Type().IsRegular() || slices.Contains([]string{".py", ".pyc", ".so"}, filepath.Ext(e.Name()))) {
			out = append(out, e.Name())
		}
	}
	return out
}

// footprint is what a process alone takes of the memory, in bytes.
func footprint(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return estimate
	}
	var sum int64
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && (f[0] == "Private_Clean:" || f[0] == "Private_Dirty:") {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			sum += kb << 10
		}
	}
	return max(sum, 1<<20)
}

// memory is the machine's, in bytes.
func memory() int64 {
	text, _ := os.ReadFile("/proc/meminfo") // without it the least is taken
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0
	}
	kb, _ := strconv.ParseInt(f[1], 10, 64)
	return kb << 10
}
