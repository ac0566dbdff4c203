package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sumOf is what a digest's directory is called.
func sumOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func isSum(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == sha256.Size
}

// want notes that somebody is about to use a package: it is not removed for some time then.
func (c *Charms) want(sum string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[sum] = time.Now()
}

// Idle lists the digests of packages that are there, are not among the needed and were not wanted since. A package of an earlier
// life of the agent counts as wanted when it is first looked at.
func (c *Charms) Idle(needed map[string]bool, since time.Time) []string {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil // the first one has not come yet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var idle []string
	for _, e := range entries {
		sum := e.Name()
		if !isSum(sum) || needed["sha256:"+sum] {
			continue
		}
		asked, known := c.asked[sum]
		if !known {
			c.asked[sum] = time.Now()
		} else if asked.Before(since) {
			idle = append(idle, "sha256:"+sum)
		}
	}
	return idle
}

// Remove takes a package away unless it was wanted meanwhile, and says whether it did. It is gone at once or not at all.
func (c *Charms) Remove(digest string, since time.Time) bool {
	sum := sumOf(digest)
	gone := filepath.Join(c.dir, ".unpack-gone-"+sum) // what a killed agent leaves of it is swept by the next
	c.mu.Lock()
	if !c.asked[sum].Before(since) || os.Rename(filepath.Join(c.dir, sum), gone) != nil {
		c.mu.Unlock()
		return false
	}
	delete(c.asked, sum)
	for id := range c.read {
		if strings.HasPrefix(id, digest+" ") {
			delete(c.read, id)
		}
	}
	c.mu.Unlock()
	_ = os.RemoveAll(gone) // as above
	return true
}

// Forget lets the runtimes go of a charm whose package was removed.
func (d *Dispatcher) Forget(ctx context.Context, digest string) {
	d.mu.Lock()
	held := map[loading]string{}
	for key, handle := range d.handles {
		if key.digest == digest {
			held[key] = handle
			delete(d.handles, key)
		}
	}
	d.mu.Unlock()
	for key, handle := range held {
		_ = key.runtime.Unload(ctx, handle) // a life that is over has forgotten it already
	}
}
