// Package state keeps on disk what must outlive the supervisor: custom notices
// and the counters of ids.
//
// Requests never wait for it. They leave what moved with [Keeper.Notice] or
// take an id from memory; one goroutine appends a few lines to a file some
// moments later. Ids are reserved in blocks, so none is given twice even when
// the last lines were lost. A directory that cannot be written is reported
// once and then ignored.
package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/notice"
)

const (
	fileName = ".bangle.state"
	block    = 1000                   // ids reserved at a time
	gather   = 100 * time.Millisecond // what moved in that time is written together
	tooLong  = 1 << 20                // bytes of file at which it is rewritten
)

// Counters are the highest ids that may have been given.
type Counters struct {
	Change int `json:"change"`
	Task   int `json:"task"`
	Notice int `json:"notice"`
}

// record is one line of the file; later lines win.
type record struct {
	Counters *Counters      `json:"counters,omitempty"`
	Notice   *notice.Notice `json:"notice,omitempty"`
}

// Keeper writes the state file.
type Keeper struct {
	path string // "" keeps everything in memory
	log  *slog.Logger

	mu       sync.Mutex
	next     Counters // last id given, of each kind
	reserved Counters // what the file says, or will say
	notices  map[string]notice.Notice
	dirty    map[string]bool
	failed   bool

	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	size    int64
}

// Open reads the state in dir; dir "" keeps it in memory only. An unreadable
// or damaged line is skipped: the rest of the state is worth more than purity.
func Open(dir string, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{
		log: log, notices: map[string]notice.Notice{}, dirty: map[string]bool{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if dir != "" {
		k.path = filepath.Join(dir, fileName)
		if err := k.load(); err != nil {
			return nil, err
		}
	}
	k.next = k.reserved
	k.reserve()
	go k.loop()
	return k, nil
}

func (k *Keeper) load() error {
	data, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read state file: %w", err)
	}
	k.size = int64(len(data))
	now := time.Now()
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, tooLong)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			k.log.Warn("skipping damaged line of state file", "file", k.path, "error", err)
			continue
		}
		if r.Counters != nil {
			k.reserved = *r.Counters
		}
		if n := r.Notice; n != nil {
			k.notices[n.ID] = *n
			if now.After(n.LastOccurred.Add(time.Duration(n.ExpireAfter))) {
				delete(k.notices, n.ID)
			}
		}
	}
	return nil
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

// reserve asks for a new block when less than half of one is left.
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
		k.dirty[""] = true
		k.poke()
	}
}

// Notice leaves a notice to be written.
func (k *Keeper) Notice(n notice.Notice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.notices[n.ID] = n
	k.dirty[n.ID] = true
	k.poke()
}

// Forget drops notices; they vanish from the file when it is next rewritten.
func (k *Keeper) Forget(ids []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		delete(k.notices, id)
		delete(k.dirty, id)
	}
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Close writes what is left, with exact counters, and ends.
func (k *Keeper) Close() {
	close(k.stop)
	<-k.stopped
	k.mu.Lock()
	k.reserved = k.next
	k.dirty[""] = true
	k.mu.Unlock()
	k.flush()
}

func (k *Keeper) loop() {
	defer close(k.stopped)
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
		}
		timer := time.NewTimer(gather)
		select {
		case <-k.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		k.flush()
	}
}

// flush appends what is dirty, or rewrites a file that has grown too long.
func (k *Keeper) flush() {
	k.mu.Lock()
	if k.path == "" || k.failed || len(k.dirty) == 0 {
		clear(k.dirty)
		k.mu.Unlock()
		return
	}
	whole := k.size > tooLong
	lines := k.render(whole)
	clear(k.dirty)
	k.mu.Unlock()
	var err error
	if whole {
		err = rewrite(k.path, lines)
		k.size = int64(len(lines))
	} else {
		err = appendTo(k.path, lines)
		k.size += int64(len(lines))
	}
	if err != nil {
		k.log.Warn("cannot write state; it is kept in memory only", "file", k.path, "error", err)
		k.mu.Lock()
		k.failed = true
		k.mu.Unlock()
	}
}

func (k *Keeper) render(whole bool) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	if whole || k.dirty[""] {
		c := k.reserved
		_ = enc.Encode(record{Counters: &c}) // numbers always encode
	}
	now := time.Now()
	for id, n := range k.notices {
		if now.After(n.LastOccurred.Add(time.Duration(n.ExpireAfter))) {
			delete(k.notices, id)
			continue
		}
		if whole || k.dirty[id] {
			_ = enc.Encode(record{Notice: &n})
		}
	}
	return out.Bytes()
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func rewrite(path string, data []byte) error {
	temp := path + "~"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := appendTo(temp, data); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
