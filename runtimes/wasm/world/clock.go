package world

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"time"
)

const (
	seedSize = 32
	// tick is by how much a written clock goes on each time that it is read: no two readings are the same, and who waits
	// for a time without asking anything sees it come.
	tick = int64(time.Microsecond)
	// began is what an event's monotonic clock starts at: after whatever the initialisation saw.
	began = int64(time.Hour)
)

// clock is what the guest reads. Unless the event is plainly live it is written: it goes on with every reading, with every
// sleep, and by what really passed when the world has answered, which the recording keeps.
type clock struct {
	real   bool
	start  time.Time
	base   int64 // Unix time in nanoseconds
	origin int64 // of the monotonic clock
	passed int64 // nanoseconds
}

func (c *clock) read() int64 {
	if c.real {
		return int64(time.Since(c.start))
	}
	c.passed += tick
	return c.passed
}

// goOn follows the real time.
func (c *clock) goOn() { c.passed = max(c.passed, int64(time.Since(c.start))) }

// goTo follows the recording.
func (c *clock) goTo(passed int64) { c.passed = max(c.passed, passed) }

// Now is the guest's time of day, in nanoseconds since 1970.
func (w *World) Now() int64 {
	passed := w.clock.read()
	if w.clock.real {
		return w.clock.start.UnixNano() + passed
	}
	return w.clock.base + passed
}

// Monotonic is the guest's other clock, in nanoseconds.
func (w *World) Monotonic() int64 { return w.clock.origin + w.clock.read() }

// Slept says that the guest slept so many nanoseconds.
func (w *World) Slept(ns int64) {
	if !w.clock.real {
		w.clock.passed += max(ns, 0)
	}
}

// Instant says whether the guest's sleep takes no time: what it waits for is in the recording.
func (w *World) Instant() bool { return w.mode == Replay }

// randomness never fails.
type randomness interface{ fill(p []byte) }

type system struct{}

func (system) fill(p []byte) { _, _ = rand.Read(p) }

type stream struct{ *mathrand.ChaCha8 }

func (s stream) fill(p []byte) { _, _ = io.ReadFull(s.ChaCha8, p) }

func newSeed() []byte {
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed)
	return seed
}

func seeded(seed []byte) stream { return stream{mathrand.NewChaCha8([seedSize]byte(seed))} }

// Random fills p with random bytes.
func (w *World) Random(p []byte) { w.rand.fill(p) }

// Before is the world of a module's initialisation: nobody is there to be asked, and clock and random numbers depend on the
// seed alone, so that the same module starts every event alike in every life of the runtime. The seed is a host's own.
func Before(seed [seedSize]byte) *World {
	h := sha256.Sum256(append([]byte("initialisation"), seed[:]...))
	odd := int64(binary.LittleEndian.Uint64(h[:]) >> 28) // microseconds, at most 19 hours: what scripts make random numbers of
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	return &World{mode: DryRun, clock: clock{base: day + odd*int64(time.Microsecond)}, rand: seeded(seed[:])}
}
