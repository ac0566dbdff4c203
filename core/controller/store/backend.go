package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// A bolt database begins with two pages that describe it; either will do.
const (
	boltMagic  = 0xED0CDAED
	boltHeader = 16 // bytes of a page before its content
)

// checkBackend refuses a database file that etcd would panic on, in a goroutine of its own where nobody can catch it.
func checkBackend(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.E(errs.Invalid, "cannot open the store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return errs.E(errs.Invalid, "cannot open the store: %w", err)
	}
	page := int64(os.Getpagesize())
	for _, at := range []int64{0, page} {
		magic := make([]byte, 4)
		if _, err := f.ReadAt(magic, at+boltHeader); err == nil && binary.LittleEndian.Uint32(magic) == boltMagic && info.Size() >= 4*page {
			return nil
		}
	}
	return errs.E(errs.Invalid, "cannot open the store: %s is no database, or was cut off; put a copy of the controller's directory in place", file)
}
