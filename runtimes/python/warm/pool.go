package warm

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

const (
	idleAfter   = 5 * time.Minute  // a server that nobody used for so long is ended
	evictAfter  = 10 * time.Second // one that was used since makes no room for another
	maxEvents   = 500              // of one server: its children share one hash seed
	learnEvents = 20               // of a server teach it libraries
	estimate    = 24 << 20         // bytes of a server that was not measured yet
	maxGrowth   = 32 << 20         // bytes that a server may grow by before another takes its place
	giveUpAfter = 3                // servers that ended while they started

	startLimit   = 30 * time.Second // for a server to start, and to load what it learned: a library may hang
	loadPatience = time.Second      // that an event waits for what its server learns
)

// PoolConfig says how many servers there may be.
type PoolConfig struct {
	Log    *slog.Logger
	Budget int64 // bytes of memory of all servers together; 0 = a tenth of the machine's, at least 128 MiB and at most 1 GiB
}

// Pool keeps servers by key: what is equal for all events of a server.
type Pool struct {
	log    *slog.Logger
	budget int64

	mu      sync.Mutex
	entries map[string]*entry
	unfit   map[string]string // key → why no server is to be had
	plain   map[string]bool   // keys whose servers learn nothing: what they learned made them unfit
	failed  map[string]int    // key → servers that ended while they started
	janitor *time.Timer
	closed  bool
	work    sync.WaitGroup
}

// entry is one server, or the one that is being started.
type entry struct {
	key, group string
	ready      chan struct{} // closed when server or err is set
	err        error
	server     *Server
	root       string
	shared     bool // of units that have the same files
	files      map[string][2]int64
	names      map[string][]string // directory below root → what it held at the start

	loading chan struct{} // not nil while libraries are being loaded
	busy    int
	events  int
	used    time.Time
	seen    map[string]int
	bytes   int64
	first   int64 // bytes after its start
	retired bool  // takes no more events
}

// NewPool makes a pool; it starts nothing.
func NewPool(c PoolConfig) *Pool {
	if c.Budget == 0 {
		c.Budget = min(max(memory()/10, 128<<20), 1<<30)
	}
	return &Pool{log: c.Log, budget: c.Budget, entries: map[string]*entry{}, unfit: map[string]string{}, plain: map[string]bool{}, failed: map[string]int{}}
}

// Close ends every server. Children that run go on.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	if p.janitor != nil {
		p.janitor.Stop()
	}
	for _, e := range p.entries {
		p.retire(e)
	}
	p.mu.Unlock()
	p.work.Wait()
}

// Lease is the use of a server for one event.
type Lease struct {
	pool  *Pool
	entry *entry
}

// Get answers a server for an event of the charm in dir, and starts it if there is none. group is what Forget forgets. Class
// Unsupported says why there is none to be had for this key, Conflict that dir has other files than a shared server loaded,
// Exhausted that there is no room, Unavailable that it ended while it started.
func (p *Pool) Get(ctx context.Context, key, group string, c Config, dir string) (*Lease, error) {
	for {
		e, mine, err := p.find(key, group, c)
		if err != nil {
			return nil, err
		}
		if mine {
			p.start(ctx, e, c)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, errs.E(errs.Canceled, "cannot wait for a warm interpreter: %w", context.Cause(ctx))
		}
		if e.err != nil {
			return nil, e.err
		}
		lease, wait, err := p.take(e, dir, mine)
		if lease != nil || err != nil {
			return lease, err
		}
		if err := await(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// await waits a moment for a server that loads libraries; nil has nothing to wait for.
func await(ctx context.Context, loaded chan struct{}) error {
	if loaded == nil {
		return nil
	}
	moment := time.NewTimer(loadPatience)
	defer moment.Stop()
	select {
	case <-loaded:
		return nil
	case <-moment.C:
		return errs.E(errs.Exhausted, "the warm interpreter loads libraries")
	case <-ctx.Done():
		return errs.E(errs.Canceled, "cannot wait for a warm interpreter: %w", context.Cause(ctx))
	}
}

// find is the entry of a key; mine says that the caller has to start it.
func (p *Pool) find(key, group string, c Config) (e *entry, mine bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if why, ok := p.unfit[key]; ok {
		return nil, false, errs.E(errs.Unsupported, "%s", why)
	}
	if e := p.entries[key]; e != nil {
		return e, false, nil
	}
	if p.closed || !p.room() {
		return nil, false, errs.E(errs.Exhausted, "no memory is left for another warm interpreter")
	}
	e = &entry{key: key, group: group, ready: make(chan struct{}), root: c.Root, shared: c.ReadOnly,
		seen: map[string]int{}, bytes: estimate, used: time.Now(), names: map[string][]string{}}
	p.entries[key] = e
	if p.janitor == nil {
		p.janitor = time.AfterFunc(idleAfter/5, p.sweep)
	}
	return e, true, nil
}

// room makes room for one more server; false when those that are there are all in use. Under the lock.
func (p *Pool) room() bool {
	for {
		sum, oldest := int64(estimate), (*entry)(nil)
		for _, e := range p.entries {
			sum += e.bytes
			if e.server != nil && e.busy == 0 && e.loading == nil && time.Since(e.used) > evictAfter && (oldest == nil || e.used.Before(oldest.used)) {
				oldest = e
			}
		}
		if sum <= p.budget || len(p.entries) == 0 {
			return true
		}
		if oldest == nil {
			return false
		}
		p.retire(oldest)
	}
}

// start starts the entry's server.
func (p *Pool) start(ctx context.Context, e *entry, c Config) {
	for _, dir := range importDirs(c) {
		e.names[dir] = names(filepath.Join(c.Root, dir))
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	server, files, err := Start(limited, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(e.ready)
	e.server, e.files, e.err = server, files, err
	if err == nil {
		e.bytes = footprint(server.PID())
		e.first = e.bytes
		delete(p.failed, e.key)
		return
	}
	delete(p.entries, e.key)
	switch {
	case errs.Is(err, errs.Unsupported):
		p.unfit[e.key] = err.Error()
	case ctx.Err() == nil:
		if p.failed[e.key]++; p.failed[e.key] >= giveUpAfter {
			p.unfit[e.key] = "the interpreter ends while it loads the charm's libraries: " + err.Error()
		}
	}
}

// take leases a ready entry. Without lease and error the caller tries again, after wait if there is one.
func (p *Pool) take(e *entry, dir string, started bool) (*Lease, chan struct{}, error) {
	p.mu.Lock()
	files, wait := e.files, e.loading
	p.mu.Unlock()
	if wait != nil {
		return nil, wait, nil
	}
	fresh := e.fresh(files, dir)
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := false
	select {
	case <-e.server.Gone():
		gone = true
	default:
	}
	switch {
	case e.loading != nil:
		return nil, e.loading, nil
	case e.retired, gone:
		p.retire(e)
		return nil, nil, nil
	case !fresh && e.shared:
		return nil, nil, errs.E(errs.Conflict, "the unit's copy of the charm is not as it was delivered")
	case !fresh && (started || e.busy > 0):
		return nil, nil, errs.E(errs.Exhausted, "the charm's files change")
	case !fresh:
		p.retire(e)
		return nil, nil, nil
	}
	e.busy++
	return &Lease{p, e}, nil, nil
}

// retire takes an entry out of the pool, and ends its server when nothing runs in it. Under the lock.
func (p *Pool) retire(e *entry) {
	e.retired = true
	if p.entries[e.key] == e {
		delete(p.entries, e.key)
	}
	if e.server != nil && e.busy == 0 {
		p.work.Go(e.server.Close)
	}
}

// Forget retires the servers of a group.
func (p *Pool) Forget(group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e.group == group {
			p.retire(e)
		}
	}
}

// sweep ends servers that nobody used for long.
func (p *Pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e.busy == 0 && e.server != nil && time.Since(e.used) > idleAfter {
			p.retire(e)
		}
	}
	p.janitor = nil
	if len(p.entries) > 0 && !p.closed {
		p.janitor = time.AfterFunc(idleAfter/5, p.sweep)
	}
}

// Begin forks a child for the event.
func (l *Lease) Begin(event Event) (*Child, error) {
	l.pool.mu.Lock()
	learn := l.entry.events < learnEvents && !l.pool.plain[l.entry.key]
	l.pool.mu.Unlock()
	return l.entry.server.Begin(event, l.entry.root, learn)
}

// Done gives the server back. modules are what the event imported: what two events import, the server has ready for the
// next.
func (l *Lease) Done(modules []string) {
	p, e := l.pool, l.entry
	p.mu.Lock()
	defer p.mu.Unlock()
	e.busy--
	e.events++
	e.used = time.Now()
	if e.events%50 == 0 {
		e.bytes = footprint(e.server.PID())
	}
	if e.events >= maxEvents || e.bytes > e.first+maxGrowth {
		e.retired = true
	}
	if e.retired || p.closed {
		p.retire(e)
		return
	}
	var load []string
	for _, m := range modules {
		if e.seen[m]++; e.seen[m] == 2 {
			load = append(load, m)
		}
	}
	if len(load) > 0 && e.loading == nil && !p.plain[e.key] {
		e.loading = make(chan struct{})
		p.work.Go(func() { p.load(e, load) })
	}
}

// load teaches a server.
func (p *Pool) load(e *entry, modules []string) {
	// One that hangs is ended, and then it is gone without an answer.
	hangs := time.AfterFunc(startLimit, e.server.Close)
	files, err := e.server.Load(modules)
	inTime := hangs.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	close(e.loading)
	e.loading = nil
	if err != nil {
		if !inTime || errs.Is(err, errs.Unsupported) {
			p.log.Info("a warm interpreter keeps to the framework alone", "charm", e.group, "why", err)
			p.plain[e.key] = true
		}
		p.retire(e)
		return
	}
	e.files, e.bytes = files, footprint(e.server.PID())
	e.first = max(e.first, e.bytes)
}

// fresh says whether what was loaded is what a fresh interpreter would load from the copy of the charm in dir.
func (e *entry) fresh(files map[string][2]int64, dir string) bool {
	for name, want := range files {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() != want[0] || info.ModTime().UnixNano() != want[1] {
			return false
		}
	}
	for below, want := range e.names {
		if !slices.Equal(names(filepath.Join(dir, below)), want) {
			return false
		}
	}
	return true
}
