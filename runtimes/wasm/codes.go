package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/bangle-dev/bangle/runtimes/wasm/module"
	"github.com/bangle-dev/bangle/sdk/errs"
)

const (
	codePrefix = "code-" // of a module's directory in the cache
	codeFile   = "metered.wasm"
	maxCodes   = 64                  // modules that the cache keeps
	codeUnused = 30 * 24 * time.Hour // after which a module's code is removed
)

// codes is compiled code, in memory while a charm uses it and in a directory for later: one for each module, so that what an
// old revision of a charm left can be removed. Charms of one module, such as scripts of one engine, share it.
type codes struct {
	dir string // "" = nothing is kept

	mu   sync.Mutex
	used map[string]*code // by the module's sum
}

// code is that of one module.
type code struct {
	of    *codes
	sum   string
	dir   string // "" = it is not kept
	cache wazero.CompilationCache
	users int // under the lock of all
}

func newCodes(dir string) *codes { return &codes{dir: dir, used: map[string]*code{}} }

// take finds a module's code, or a place for it. It must be released.
func (c *codes) take(file []byte) (*code, error) {
	hash := sha256.Sum256(append([]byte(module.MeterVersion), file...))
	sum := hex.EncodeToString(hash[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	if had := c.used[sum]; had != nil {
		had.users++
		return had, nil
	}
	now := &code{of: c, sum: sum, users: 1}
	if c.dir == "" {
		now.cache = wazero.NewCompilationCache()
	} else {
		now.dir = filepath.Join(c.dir, codePrefix+sum)
		var err error
		if now.cache, err = wazero.NewCompilationCacheWithDir(now.dir); err == nil {
			err = os.Chmod(now.dir, 0o700)
		}
		if err != nil {
			return nil, errs.E(errs.Unavailable, "cannot use the code cache: %w", err)
		}
	}
	c.used[sum] = now
	return now, nil
}

// release lets go of it; the last one to do so frees the memory.
func (c *code) release() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.users--; c.users > 0 {
		return nil
	}
	delete(c.of.used, c.sum)
	return c.cache.Close(context.Background())
}

// loaded notes that the code is of use, and removes that of modules which nobody has loaded for long, or for longer than
// the others when there are too many. Who still runs one of those has it in memory.
func (c *code) loaded(now time.Time) {
	if c.dir == "" {
		return
	}
	_ = os.Chtimes(c.dir, now, now) // it is compiled again then, one day
	type kept struct {
		path string
		used time.Time
	}
	var list []kept
	entries, _ := os.ReadDir(c.of.dir) // nothing to be removed then
	for _, e := range entries {
		path := filepath.Join(c.of.dir, e.Name())
		info, err := e.Info()
		switch {
		case err != nil:
		case strings.HasPrefix(e.Name(), codePrefix):
			list = append(list, kept{path, info.ModTime()})
		case strings.HasPrefix(e.Name(), "metered-"), strings.HasPrefix(e.Name(), "wazero-"): // as it was kept once
			_ = os.RemoveAll(path) // the next one tries again
		}
	}
	slices.SortFunc(list, func(a, b kept) int { return b.used.Compare(a.used) })
	for n, k := range list {
		if n >= maxCodes || now.Sub(k.used) > codeUnused {
			_ = os.RemoveAll(k.path) // the next one tries again
		}
	}
}
