package wasm

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// maxRandom is how much randomness is drawn before the guest's limits are looked at again.
const maxRandom = 1 << 20

// resolution is that of the guest's clocks.
const resolution = sys.ClockResolution(time.Microsecond)

// random is an instance's source of randomness.
type random struct{ i *instance }

// Read fills some of p; it ends the guest when its time is over.
func (r random) Read(p []byte) (int, error) {
	r.i.rest()
	p = p[:min(len(p), maxRandom)]
	r.i.world().Random(p)
	return len(p), nil
}

// world is that of the event that runs, or of the initialisation.
func (i *instance) world() *world.World {
	if i.run != nil {
		return i.run.world
	}
	return i.first
}

// walltime is the guest's time of day.
func (i *instance) walltime() (sec int64, nsec int32) {
	now := i.world().Now()
	return now / int64(time.Second), int32(now % int64(time.Second))
}

// nanotime is the guest's clock for durations.
func (i *instance) nanotime() int64 { return i.world().Monotonic() }

// rest ends the guest when its time is over.
func (i *instance) rest() {
	if i.run != nil {
		i.run.rest()
	}
}

// sleep is what a guest's sleeping comes down to. It is guest time, and ends with it. A replay does not wait.
func (i *instance) sleep(ns int64) {
	i.world().Slept(ns)
	if i.run == nil || ns <= 0 || i.world().Instant() {
		i.rest()
		return
	}
	d := time.Duration(ns)
	if c := i.run.clock; c.limit > 0 {
		d = min(d, c.limit-c.total())
	}
	i.run.turn.end()
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.run.ctx.Done():
	}
	i.run.rest()
}

const (
	seedSize = 32
	seedFile = "initial-seed" // in the cache directory
)

// seed is what the random numbers of initialisations are made of: this host's own, and the same in every life of the
// runtime, since what a module holds after its initialisation is where a replay starts from. Without a directory it is
// this life's.
func seed(dir string) (seed [seedSize]byte, err error) {
	_, _ = rand.Read(seed[:])
	if dir == "" {
		return seed, nil
	}
	path := filepath.Join(dir, seedFile)
	for range 2 {
		kept, err := os.ReadFile(path)
		if err == nil && len(kept) == seedSize {
			return [seedSize]byte(kept), nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return seed, errs.E(errs.Unavailable, "cannot read %s: %w", path, err)
		}
		if err := writeOnce(dir, path, seed[:], err == nil); err != nil {
			return seed, errs.E(errs.Unavailable, "cannot keep %s: %w", path, err)
		}
	}
	return seed, nil
}

// writeOnce writes a file whole; of several processes that write it, the first one's stays, unless it is to be replaced.
func writeOnce(dir, path string, data []byte, replace bool) error {
	f, err := os.CreateTemp(dir, "."+seedFile)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), path)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
