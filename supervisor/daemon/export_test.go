package daemon

// Trim gives back the program's own pages and returns how many bytes they were.
func Trim() uintptr { return trim() }

// CopySteps fills a directory once, as PEBBLE_COPY_ONCE asks for, and calls step before and after everything it writes.
func CopySteps(dst, src string, step func()) error { return copySteps(dst, src, step) }
