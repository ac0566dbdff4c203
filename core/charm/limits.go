package charm

import "github.com/bangle-dev/bangle/sdk/errs"

// Limits bound a package. A zero field has the default.
type Limits struct {
	// Entries is the number of files, links and directories.
	Entries int
	// Bytes is the sum of the sizes of all files, not packed.
	Bytes int64
}

// The limits that hold unless others are given.
const (
	DefaultMaxEntries = 50_000
	DefaultMaxBytes   = int64(2) << 30
)

func (l Limits) filled() Limits {
	if l.Entries == 0 {
		l.Entries = DefaultMaxEntries
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultMaxBytes
	}
	return l
}

// meter counts what a package holds against its limits.
type meter struct {
	limits  Limits
	entries int
	bytes   int64
}

func (m *meter) add(name string, size int64) error {
	m.entries++
	m.bytes += size
	switch {
	case m.entries > m.limits.Entries:
		return errs.E(errs.Exhausted, "it has more than %d files and directories; leave out what it does not need with %s", m.limits.Entries, ignoreFile)
	case m.bytes > m.limits.Bytes || size < 0 || m.bytes < 0:
		return errs.E(errs.Exhausted, "at %q its files have more than %d bytes; leave out what it does not need with %s, or deliver large files as resources",
			name, m.limits.Bytes, ignoreFile)
	}
	return nil
}
