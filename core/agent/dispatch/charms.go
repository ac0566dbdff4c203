package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/crash"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Fetch writes the package of that digest to w.
type Fetch func(ctx context.Context, model, digest string, w io.Writer) error

// Charms keeps the unpacked packages that the agent's units run, one directory for each digest, shared by all and
// never changed.
type Charms struct {
	dir    string
	base   *Charms // where charms may be found too; nothing is put there
	fetch  Fetch
	flight singleflight.Group

	tidy sync.Once

	mu    sync.Mutex
	read  map[string]*Charm
	asked map[string]time.Time // sum → when it was wanted last
}

// Charm is an unpacked package and what it declares.
type Charm struct {
	Digest string
	Dir    string
	*charm.Charm
}

// NewCharms keeps packages in dir, which is made when the first one comes.
func NewCharms(dir string, fetch Fetch) *Charms {
	return &Charms{dir: dir, fetch: fetch, read: map[string]*Charm{}, asked: map[string]time.Time{}}
}

// Beside keeps packages in another directory, for as long as that lasts; those that are here are found here.
func (c *Charms) Beside(dir string, fetch Fetch) *Charms {
	b := NewCharms(dir, fetch)
	b.base = c
	return b
}

// Get answers the charm of that digest, fetching it when it is not there. Several units that ask at once cause one
// fetch. A package that is broken is errs.Invalid: no retry mends it.
// It is read as runtime will run it: which files are its code is the runtime's to say. With "" they are found.
func (c *Charms) Get(ctx context.Context, model, digest, runtime string) (*Charm, error) {
	id := digest + " " + runtime
	if c.base != nil {
		c.base.want(sumOf(digest))
	}
	c.want(sumOf(digest))
	c.mu.Lock()
	had := c.read[id]
	c.mu.Unlock()
	if had != nil {
		return had, nil
	}
	got, err, _ := c.flight.Do(id, func() (any, error) { return c.get(context.WithoutCancel(ctx), model, digest, runtime) })
	if err != nil {
		return nil, err
	}
	return got.(*Charm), nil
}

func (c *Charms) get(ctx context.Context, model, digest, runtime string) (*Charm, error) {
	sum := sumOf(digest)
	if !isSum(sum) {
		return nil, errs.E(errs.Invalid, "cannot fetch charm %q: want the sha256 of its package", digest)
	}
	dir := filepath.Join(c.dir, sum)
	if c.base != nil {
		if _, err := os.Stat(filepath.Join(c.base.dir, sum)); err == nil {
			dir = filepath.Join(c.base.dir, sum)
		}
	}
	_, err, _ := c.flight.Do(sum, func() (any, error) { // one package, however many runtimes want it
		if _, err := os.Stat(dir); err == nil {
			return nil, nil
		}
		return nil, c.unpack(ctx, model, digest, sum, dir)
	})
	if err != nil {
		return nil, err
	}
	meta, _, err := charm.Read(dir, charm.ReadConfig{Runtime: charm.Runtime(runtime)})
	if err != nil {
		return nil, fmt.Errorf("cannot read charm %s: %w", digest, err)
	}
	got := &Charm{Digest: digest, Dir: dir, Charm: meta}
	c.mu.Lock()
	c.read[digest+" "+runtime] = got
	c.mu.Unlock()
	return got, nil
}

// unpack fetches into a file beside dir, checks the sum and puts the content in place at once.
func (c *Charms) unpack(ctx context.Context, model, digest, sum, dir string) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep charm %s: %w", digest, err)
	}
	c.tidy.Do(c.sweep)
	file, err := os.CreateTemp(c.dir, "fetch-*.zip")
	if err != nil {
		return fmt.Errorf("cannot keep charm %s: %w", digest, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // it is a copy
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if err := c.fetch(ctx, model, digest, io.MultiWriter(file, hash)); err != nil {
		return fmt.Errorf("cannot fetch charm %s: %w", digest, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return errs.E(errs.Unavailable, "cannot fetch charm %s: what came has the sum %s", digest, got)
	}
	crash.At("dispatch.charm-fetched")
	if err := charm.UnpackFile(file.Name(), dir, charm.Limits{}); err != nil && !errs.Is(err, errs.AlreadyExists) {
		return fmt.Errorf("cannot use charm %s: %w", digest, err)
	}
	return nil
}

// sweep removes what an agent that was killed left half done. The agent before this one has ended.
func (c *Charms) sweep() {
	for _, pattern := range []string{"fetch-*.zip", ".unpack-*"} {
		left, _ := filepath.Glob(filepath.Join(c.dir, pattern)) // the pattern is well formed
		for _, path := range left {
			_ = os.RemoveAll(path) // what stays is only room
		}
	}
}
