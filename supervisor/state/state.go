// Package state keeps on disk what must outlive the supervisor: changes,
// custom notices, identities and the counters of ids.
//
// It is one file of lines, each a record; later lines win. A record is a line
// appended with one write and no waiting for the disk, so whoever kills the
// supervisor loses nothing that was answered; one goroutine makes the lines
// durable some moments later, so a loss of power costs at most those moments.
// Identities alone are durable before their request is answered. Ids are
// reserved in blocks, so none is given twice. A directory that cannot be
// written is reported once; then everything stays in memory, and is written
// down as a whole when that is possible again.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/identity"
	"github.com/bangle-dev/bangle/supervisor/notice"
)

const (
	fileName = ".bangle.state"
	block    = 1000                   // ids reserved at a time
	gather   = 100 * time.Millisecond // what moved in that time is made durable together
	tooLong  = 1 << 20                // bytes that a file may grow by before it is written anew
	again    = 10 * time.Second       // between attempts to write where writing has failed
)

// Counters are the highest ids that may have been given.
type Counters struct {
	Change int `json:"change"`
	Task   int `json:"task"`
	Notice int `json:"notice"`
}

// record is one line of the file.
type record struct {
	Counters   *Counters                     `json:"counters,omitempty"`
	Notice     *notice.Notice                `json:"notice,omitempty"`
	Change     *change.View                  `json:"change,omitempty"`
	Identities *map[string]identity.Identity `json:"identities,omitempty"` // all of them
}

// Keeper writes the state file.
type Keeper struct {
	path string // "" keeps everything in memory
	log  *slog.Logger
	disk disk

	mu         sync.Mutex
	file       *os.File // nil when nothing is written
	size, old  int64    // bytes of the file, now and when it was last written anew
	tail       []byte   // what was appended while the file is written anew
	renewing   bool
	resuming   bool      // renewing, after writing had been given up
	failed     time.Time // when writing was last tried in vain
	dirty      bool
	next       Counters // last id given, of each kind
	reserved   Counters // what the file says
	notices    map[string]notice.Notice
	identities map[string]identity.Identity
	changes    []change.View        // from an earlier life, until taken
	views      func() []change.View // changes of the moment

	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// Open reads the state in dir; dir "" keeps it in memory only. An unreadable
// or damaged line is skipped: the rest of the state is worth more than purity.
func Open(dir string, log *slog.Logger) (*Keeper, error) { return open(dir, log, disk{}) }

func open(dir string, log *slog.Logger, d disk) (*Keeper, error) {
	k := &Keeper{
		log: log, disk: d, notices: map[string]notice.Notice{}, identities: map[string]identity.Identity{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if dir != "" {
		k.path = filepath.Join(dir, fileName)
		if err := k.load(); err != nil {
			return nil, err
		}
		k.openFile()
	}
	k.next = k.reserved
	k.mu.Lock()
	k.reserve()
	k.mu.Unlock()
	go k.loop()
	return k, nil
}

// Notices returns what was kept, and the last notice id that may have been given.
func (k *Keeper) Notices() ([]notice.Notice, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []notice.Notice
	for _, n := range k.notices {
		out = append(out, n)
	}
	return out, k.next.Notice
}

// Changes returns the kept changes, once.
func (k *Keeper) Changes() []change.View {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.changes
	k.changes = nil
	return out
}

// OnRenew tells where to find all changes when the file is written anew. Call
// it once, before the file can have grown.
func (k *Keeper) OnRenew(views func() []change.View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.views = views
}

// Identities returns the kept identities.
func (k *Keeper) Identities() map[string]identity.Identity {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.identities
}

// NextChange and NextTask give ids that never repeat.
func (k *Keeper) NextChange() string { return k.take(func(c *Counters) *int { return &c.Change }) }

// NextTask gives a task id.
func (k *Keeper) NextTask() string { return k.take(func(c *Counters) *int { return &c.Task }) }

// SawNotice tells which notice id was given last.
func (k *Keeper) SawNotice(id int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id > k.next.Notice {
		k.next.Notice = id
		k.reserve()
	}
}

func (k *Keeper) take(which func(*Counters) *int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	*which(&k.next)++
	k.reserve()
	return strconv.Itoa(*which(&k.next))
}

// reserve writes down a new block when less than half of one is left.
func (k *Keeper) reserve() {
	moved := false
	for _, p := range [][2]*int{
		{&k.next.Change, &k.reserved.Change}, {&k.next.Task, &k.reserved.Task}, {&k.next.Notice, &k.reserved.Notice},
	} {
		if *p[1]-*p[0] < block/2 {
			*p[1] = *p[0] + block
			moved = true
		}
	}
	if moved {
		c := k.reserved
		k.append(record{Counters: &c})
	}
}

// Notice writes a notice down.
func (k *Keeper) Notice(n notice.Notice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.notices[n.ID] = n
	k.append(record{Notice: &n})
}

// Change writes a change down.
func (k *Keeper) Change(v change.View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.append(record{Change: &v})
}

// SetIdentities writes all identities down and waits until they are on disk.
// Where nothing can be written they are kept in memory, and that is no error.
func (k *Keeper) SetIdentities(all map[string]identity.Identity) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.append(record{Identities: &all})
	if k.file != nil {
		if err := k.disk.sync(k.file); err != nil {
			return fmt.Errorf("cannot write state: %w", err)
		}
	}
	k.identities = all
	return nil
}

// Forget drops notices; they vanish from the file when it is next written anew.
func (k *Keeper) Forget(ids []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		delete(k.notices, id)
	}
}

// append adds one line to the file; the caller holds the lock.
func (k *Keeper) append(r record) {
	if k.file == nil && !k.resuming {
		if k.path != "" && time.Since(k.failed) > again {
			k.poke()
		}
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		k.log.Error("cannot encode state", "error", err)
		return
	}
	line = append(line, '\n')
	if !k.resuming {
		if err := k.disk.write(k.file, line); err != nil {
			k.fail(err)
			return
		}
		k.size += int64(len(line))
	}
	if k.renewing {
		k.tail = append(k.tail, line...)
	}
	k.dirty = true
	k.poke()
}

// fail gives the file up until another attempt; the caller holds the lock.
func (k *Keeper) fail(err error) {
	k.failed = time.Now()
	k.log.Warn("cannot write state; it is kept in memory only", "file", k.path, "error", err)
	if k.file != nil {
		_ = k.file.Close()
		k.file = nil
	}
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Close makes everything durable, with exact counters, and ends.
func (k *Keeper) Close() {
	close(k.stop)
	<-k.stopped
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.next
	k.append(record{Counters: &c})
	if k.file != nil {
		if err := errors.Join(k.disk.sync(k.file), k.file.Close()); err != nil {
			k.log.Warn("cannot write state", "file", k.path, "error", err)
		}
		k.file = nil
	}
}

func (k *Keeper) loop() {
	defer close(k.stopped)
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
		}
		timer := time.NewTimer(k.disk.gather())
		select {
		case <-k.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		k.flush()
	}
}
