package wasm

import (
	"encoding/binary"
	"os"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// linear is the memory of one instance: address space for all that it may ever have, given out as the guest grows. It
// is outside the Go heap, so that growing never copies and the collector does not count it.
type linear struct {
	space []byte
	size  uint64
}

// Allocate reserves address space for max bytes; untouched pages cost nothing.
func (l *linear) Allocate(_, limit uint64) experimental.LinearMemory {
	space, err := unix.Mmap(-1, 0, int(max(limit, pageSize)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		l.space = space
	}
	return l
}

// Reallocate gives the first size bytes, nil when there are not so many.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.space)) {
		return nil
	}
	l.size = size
	return l.space[:size:len(l.space)]
}

// Free gives the address space back.
func (l *linear) Free() {
	if l.space != nil {
		_ = unix.Munmap(l.space) // nothing can be done about it
		l.space = nil
	}
}

// image is what every event finds: the memory after initialisation, in a file that exists in memory alone, and the
// globals.
type image struct {
	file    int
	data    []byte // the file, mapped for reading
	pages   *os.File
	globals []uint64
}

// newImage copies the memory into the file.
func newImage(memory []byte, globals []uint64) (*image, error) {
	fd, err := unix.MemfdCreate("charm", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot keep the charm's image: %w", err)
	}
	img := &image{file: fd, globals: globals}
	if err := img.fill(memory); err != nil {
		_ = unix.Close(fd) // the first error is the one that matters
		return nil, errs.E(errs.Unavailable, "cannot keep the charm's image: %w", err)
	}
	img.pages, err = os.Open("/proc/self/pagemap")
	if err != nil {
		img.pages = nil // every page is then copied back: slower, not wrong
	}
	return img, nil
}

func (img *image) fill(memory []byte) error {
	if err := unix.Ftruncate(img.file, int64(len(memory))); err != nil {
		return err
	}
	page := os.Getpagesize()
	for at := 0; at < len(memory); at += page {
		chunk := memory[at:min(at+page, len(memory))]
		if allZero(chunk) {
			continue // a hole reads as zeros and takes no memory
		}
		if _, err := unix.Pwrite(img.file, chunk, int64(at)); err != nil {
			return err
		}
	}
	data, err := unix.Mmap(img.file, 0, len(memory), unix.PROT_READ, unix.MAP_SHARED)
	img.data = data
	return err
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (img *image) close() error {
	if img.pages != nil {
		_ = img.pages.Close() // it was only read
	}
	if err := unix.Munmap(img.data); err != nil {
		return errs.E(errs.Internal, "cannot free the charm's image: %w", err)
	}
	return unix.Close(img.file)
}

// cover puts the image under the instance's memory: pages are the file's until the guest writes to them.
func (l *linear) cover(img *image) bool {
	if uint64(len(img.data)) > uint64(len(l.space)) || len(img.data) == 0 {
		return false
	}
	_, err := unix.MmapPtr(img.file, 0, unsafe.Pointer(&l.space[0]), uintptr(len(img.data)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	return err == nil
}

const (
	pagemapFile    = 1 << 61 // the page is the file's, so nobody wrote to it
	pagemapSwapped = 1 << 62
	pagemapPresent = 1 << 63
)

// restore copies back the pages that were ever written to. They stay this instance's own, which is cheaper than giving
// them up: the next event writes to the same ones.
func (l *linear) restore(img *image) {
	page := os.Getpagesize()
	start := uintptr(unsafe.Pointer(&l.space[0]))
	entries := make([]byte, (len(img.data)+page-1)/page*8)
	if img.pages == nil {
		copy(l.space, img.data)
		return
	}
	if _, err := img.pages.ReadAt(entries, int64(start)/int64(page)*8); err != nil {
		copy(l.space, img.data)
		return
	}
	for at := 0; at < len(img.data); at += page {
		e := binary.NativeEndian.Uint64(entries[at/page*8:])
		if e&pagemapSwapped != 0 || e&pagemapPresent != 0 && e&pagemapFile == 0 {
			end := min(at+page, len(img.data))
			copy(l.space[at:end], img.data[at:end])
		}
	}
}
