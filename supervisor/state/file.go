package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
)

// disk is what is done to files, one step at a time.
type disk struct {
	// step is told before each step, for tests that end the process there; it may be nil.
	step func(name string)
	grow int64         // bytes of growth after which the file is written anew; 0 means tooLong
	wait time.Duration // what moved in that time is made durable together; 0 means gather
}

func (d disk) at(name string) {
	if d.step != nil {
		d.step(name)
	}
}

func (d disk) limit() int64 {
	if d.grow > 0 {
		return d.grow
	}
	return tooLong
}

func (d disk) gather() time.Duration {
	if d.wait > 0 {
		return d.wait
	}
	return gather
}

func (d disk) write(f *os.File, line []byte) error {
	d.at("write")
	_, err := f.Write(line)
	d.at("written")
	return err
}

func (d disk) sync(f *os.File) error {
	d.at("sync")
	return f.Sync()
}

func (d disk) rename(from, to string) error {
	d.at("rename")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d.at("renamed")
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
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
	k.old = k.size
	changes := map[string]change.View{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, max(tooLong, len(data)+1))
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			k.log.Warn("skipping damaged line of state file", "file", k.path, "error", err)
			continue
		}
		k.absorb(r, changes)
	}
	k.changes = slices.Collect(maps.Values(changes))
	return nil
}

func (k *Keeper) absorb(r record, changes map[string]change.View) {
	now := time.Now()
	if r.Counters != nil {
		k.reserved = *r.Counters
	}
	if n := r.Notice; n != nil {
		k.notices[n.ID] = *n
		if now.After(n.LastOccurred.Add(time.Duration(n.ExpireAfter))) {
			delete(k.notices, n.ID)
		}
	}
	if v := r.Change; v != nil && v.ID != "" {
		changes[v.ID] = *v
	}
	if r.Identities != nil {
		k.identities = *r.Identities
	}
}

// openFile opens the file for appending, after a line that a crash cut short has been ended.
func (k *Keeper) openFile() {
	f, err := os.OpenFile(k.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		k.fail(err)
		return
	}
	k.file = f
	if k.size == 0 {
		return
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, k.size-1); err != nil || last[0] == '\n' {
		return
	}
	if _, err := f.Write([]byte{'\n'}); err != nil {
		k.fail(err)
		return
	}
	k.size++
}

// flush makes what was appended durable, or writes a file that has grown too long anew.
func (k *Keeper) flush() {
	k.mu.Lock()
	f, dirty, long := k.file, k.dirty, k.size-k.old > k.disk.limit()
	k.dirty = false
	k.mu.Unlock()
	if f == nil {
		k.resume()
		return
	}
	if !dirty {
		return
	}
	if !long {
		// Close waits for this goroutine, and a write that failed meanwhile has been reported.
		if err := k.disk.sync(f); err != nil && !errors.Is(err, os.ErrClosed) {
			k.log.Warn("cannot make state durable", "file", k.path, "error", err)
		}
		return
	}
	if err := k.renew(); err != nil {
		k.mu.Lock()
		k.fail(err)
		k.mu.Unlock()
	}
}

// resume writes everything down where writing had failed, as on a disk that was full. Another failure is no news.
func (k *Keeper) resume() {
	if k.path == "" {
		return
	}
	err := k.renew()
	k.mu.Lock()
	k.failed = time.Now()
	k.mu.Unlock()
	if err == nil {
		k.log.Info("state is written again", "file", k.path)
	}
}

// renew writes the file anew, beside the old one, which goes on being appended to until the new one takes its place.
func (k *Keeper) renew() error {
	k.mu.Lock()
	k.renewing, k.resuming, k.tail = true, k.file == nil, nil
	views := k.views
	head := k.render()
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.renewing, k.resuming, k.tail = false, false, nil
		k.mu.Unlock()
	}()
	if views != nil {
		// Taken after renewing was set: what moves from here on is in the tail too, and the later line wins.
		for _, v := range views() {
			head = encode(head, record{Change: &v})
		}
	}
	temp := k.path + "~"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(k.disk.write(f, head), k.disk.sync(f)); err != nil {
		return errors.Join(err, f.Close(), os.Remove(temp)) // a full disk needs the room
	}
	return k.replace(f, temp, int64(len(head)))
}

func (k *Keeper) replace(f *os.File, temp string, size int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == nil && !k.resuming {
		return f.Close()
	}
	if len(k.tail) > 0 {
		if err := errors.Join(k.disk.write(f, k.tail), k.disk.sync(f)); err != nil {
			return errors.Join(err, f.Close())
		}
		size += int64(len(k.tail))
	}
	if err := k.disk.rename(temp, k.path); err != nil {
		return errors.Join(err, f.Close())
	}
	if k.file != nil {
		_ = k.file.Close()
	}
	k.file, k.size, k.old = f, size, size
	return nil
}

// render writes what the keeper itself remembers; the caller holds the lock.
func (k *Keeper) render() []byte {
	c, all := k.reserved, k.identities
	out := encode(nil, record{Counters: &c, Identities: &all})
	now := time.Now()
	for id, n := range k.notices {
		if now.After(n.LastOccurred.Add(time.Duration(n.ExpireAfter))) {
			delete(k.notices, id)
			continue
		}
		out = encode(out, record{Notice: &n})
	}
	return out
}

func encode(out []byte, r record) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		return out // texts, numbers and times always encode
	}
	return append(append(out, b...), '\n')
}
