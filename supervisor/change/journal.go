package change

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of what the journal keeps.
const (
	maxReady    = 1000
	maxReadyAge = 7 * 24 * time.Hour
	maxOpenAge  = 14 * 24 * time.Hour
	maxLog      = 10
)

// Work is what a task does. It ends soon after ctx is cancelled, which
// happens when the change is aborted or the journal closes.
type Work func(ctx context.Context, t *Task) error

// TaskSpec describes a task of a change to be made.
type TaskSpec struct {
	Kind, Summary string
	Work          Work
	// Needs are indexes of earlier tasks that must be Done first; if one is not, this one is held.
	Needs []int
	// Follows are indexes of earlier tasks that must have ended, however.
	Follows []int
}

// Spec describes a change to be made.
type Spec struct {
	Kind, Summary string
	Services      []string // what `for=` looks for
	Tasks         []TaskSpec
	NoticeData    map[string]string // added to last-data of the change-update notices
}

// Config is what a journal needs.
type Config struct {
	// Kept are changes of an earlier life, in any order; what was unfinished in them is ended.
	Kept []View
	// Saved is called with a change that was added, and again before its end is shown to anybody. It must be quick.
	Saved func(View)
	// OnStatus is called, outside the journal's lock, whenever a change's status moved.
	OnStatus func(Update)
	// NextChange and NextTask give ids that never repeat.
	NextChange, NextTask func() string
}

// Update is one move of a change's status.
type Update struct {
	ID, Kind string
	Data     map[string]string
}

// Journal holds changes and runs their tasks.
type Journal struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	changes map[string]*Change
	tasks   map[string]*Task
	order   []*Change
}

// New returns an empty journal. Close ends it.
func New(cfg Config) *Journal {
	if cfg.NextChange == nil {
		cfg.NextChange = counter()
	}
	if cfg.NextTask == nil {
		cfg.NextTask = counter()
	}
	j := &Journal{cfg: cfg, changes: map[string]*Change{}, tasks: map[string]*Task{}}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.restore(cfg.Kept)
	return j
}

func counter() func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return strconv.Itoa(n)
	}
}

// Close cancels every task and waits for it.
func (j *Journal) Close() {
	j.cancel()
	j.wg.Wait()
}

// Add makes a change and starts it; a change without tasks is Done at once.
func (j *Journal) Add(s Spec) *Change {
	now := time.Now()
	c := &Change{
		j: j, ID: j.cfg.NextChange(), Kind: s.Kind, Summary: s.Summary, Services: s.Services,
		Spawned: now, status: Do, ready: make(chan struct{}), noticeData: s.NoticeData,
	}
	c.ctx, c.cancel = context.WithCancel(j.ctx)
	for _, ts := range s.Tasks {
		t := &Task{
			c: c, ID: j.cfg.NextTask(), Kind: ts.Kind, Summary: ts.Summary, Spawned: now,
			work: ts.Work, status: Do, ended: make(chan struct{}), begun: make(chan struct{}),
		}
		for _, i := range ts.Needs {
			t.needs = append(t.needs, c.tasks[i])
		}
		for _, i := range ts.Follows {
			t.follows = append(t.follows, c.tasks[i])
		}
		c.tasks = append(c.tasks, t)
	}
	j.mu.Lock()
	j.changes[c.ID] = c
	j.order = append(j.order, c)
	for _, t := range c.tasks {
		j.tasks[t.ID] = t
	}
	if len(c.tasks) == 0 {
		c.status, c.readyTime = Done, now
	}
	j.wg.Add(len(c.tasks))
	j.mu.Unlock()
	if len(c.tasks) > 0 && j.cfg.Saved != nil {
		j.cfg.Saved(c.View())
	}
	j.tell(c)
	for _, t := range c.tasks {
		go t.run()
	}
	return c
}

func (j *Journal) tell(c *Change) {
	j.announce(c)
	if j.cfg.OnStatus == nil {
		return
	}
	data := map[string]string{"kind": c.Kind}
	maps.Copy(data, c.noticeData)
	j.cfg.OnStatus(Update{ID: c.ID, Kind: c.Kind, Data: data})
}

// announce makes a change's end durable and only then shows it to who waits.
func (j *Journal) announce(c *Change) {
	j.mu.Lock()
	first := c.status.Ready() && !c.announced
	c.announced = c.announced || first
	j.mu.Unlock()
	if !first {
		return
	}
	if j.cfg.Saved != nil {
		j.cfg.Saved(c.View())
	}
	close(c.ready)
	c.cancel()
}

// Get returns a change by id, or nil.
func (j *Journal) Get(id string) *Change {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changes[id]
}

// Task returns a task by id, or nil.
func (j *Journal) Task(id string) *Task {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tasks[id]
}

// List returns all changes, oldest first.
func (j *Journal) List() []*Change {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*Change(nil), j.order...)
}

// Views returns all changes as they are, oldest first.
func (j *Journal) Views() []View {
	var out []View
	for _, c := range j.List() {
		out = append(out, c.View())
	}
	return out
}

// Prune forgets old changes and aborts stuck ones; keep spares a kind from the latter.
func (j *Journal) Prune(now time.Time, keep func(kind string) bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	ready := 0
	for _, c := range j.order {
		if c.status.Ready() {
			ready++
		} else if now.Sub(c.Spawned) > maxOpenAge && !keep(c.Kind) {
			c.cancel()
		}
	}
	kept := j.order[:0]
	for _, c := range j.order {
		if c.status.Ready() && (ready > maxReady || now.Sub(c.readyTime) > maxReadyAge) {
			ready--
			delete(j.changes, c.ID)
			for _, t := range c.tasks {
				delete(j.tasks, t.ID)
			}
			continue
		}
		kept = append(kept, c)
	}
	clear(j.order[len(kept):])
	j.order = kept
}

// ErrReady is returned when a change that has ended is aborted.
var ErrReady = errors.New("change is already ready")

// Abort holds the tasks that have not begun and cancels those that run.
func (j *Journal) Abort(id string) error {
	j.mu.Lock()
	c := j.changes[id]
	if c == nil {
		j.mu.Unlock()
		return fmt.Errorf("cannot find change with id %q", id)
	}
	if c.status.Ready() {
		j.mu.Unlock()
		return fmt.Errorf("cannot abort change %s with nothing pending: %w", id, ErrReady)
	}
	for _, t := range c.tasks {
		if t.status == Doing {
			t.status = Abort
		}
	}
	c.refresh(time.Now())
	j.mu.Unlock()
	c.cancel()
	j.tell(c)
	return nil
}

// failure renders the err text of a change.
func failure(tasks []*Task) string {
	var b strings.Builder
	for _, t := range tasks {
		for _, l := range t.log {
			if msg, ok := strings.CutPrefix(l.text, "ERROR "); ok && t.status == Error {
				fmt.Fprintf(&b, "\n- %s (%s)", t.Summary, msg)
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "cannot perform the following tasks:" + b.String()
}
