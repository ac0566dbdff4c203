package change

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Change is one operation. Its exported fields never change.
type Change struct {
	ID, Kind, Summary string
	Services          []string
	Spawned           time.Time

	j          *Journal
	ctx        context.Context
	cancel     context.CancelFunc
	tasks      []*Task
	noticeData map[string]string

	// guarded by j.mu
	status    Status
	readyTime time.Time
	announced bool
	ready     chan struct{}
}

// Ready is closed once the change has ended.
func (c *Change) Ready() <-chan struct{} { return c.ready }

// Task returns the change's task number i.
func (c *Change) Task(i int) *Task { return c.tasks[i] }

// refresh computes the status from the tasks and reports whether it moved.
func (c *Change) refresh(now time.Time) bool {
	old := c.status
	for _, s := range urgency() {
		if slices.ContainsFunc(c.tasks, func(t *Task) bool { return t.status == s }) {
			c.status = s
			break
		}
	}
	// Doing and Do alternate as lanes move on: that is no news.
	flip := (old == Doing && c.status == Do)
	if flip {
		c.status = Doing
	}
	if c.status.Ready() && !old.Ready() {
		c.readyTime = now
	}
	return old != c.status
}

// Task is one step of a change.
type Task struct {
	ID, Kind, Summary string
	Spawned           time.Time

	c              *Change
	work           Work
	needs, follows []*Task
	begun          chan struct{}
	ended          chan struct{}

	// guarded by c.j.mu
	status    Status
	readyTime time.Time
	log       []line
	data      map[string]any
}

type line struct {
	at   time.Time
	text string
}

// Change returns the change this task belongs to.
func (t *Task) Change() *Change { return t.c }

// Begun is closed once the task's work runs, or never will.
func (t *Task) Begun() <-chan struct{} { return t.begun }

// Ended is closed once the task has ended.
func (t *Task) Ended() <-chan struct{} { return t.ended }

// Log appends to the task's log; the last ten lines are kept.
func (t *Task) Log(text string) { t.logLine("INFO " + text) }

// LogError appends an error line, which also shows in the change's err if the task fails.
func (t *Task) LogError(text string) { t.logLine("ERROR " + text) }

func (t *Task) logLine(text string) {
	t.c.j.mu.Lock()
	defer t.c.j.mu.Unlock()
	t.log = append(t.log, line{time.Now(), text})
	if len(t.log) > maxLog {
		t.log = slices.Clone(t.log[len(t.log)-maxLog:])
	}
}

// SetData stores a value that clients see in the task's data.
func (t *Task) SetData(key string, v any) {
	t.c.j.mu.Lock()
	defer t.c.j.mu.Unlock()
	if t.data == nil {
		t.data = map[string]any{}
	}
	t.data[key] = v
}

func (t *Task) run() {
	defer t.c.j.wg.Done()
	if !t.waitTurn() {
		t.set(Hold)
		close(t.begun)
		close(t.ended)
		return
	}
	t.set(Doing)
	close(t.begun)
	err := t.work(t.c.ctx, t)
	t.work = nil // what it captured must not live as long as the journal remembers the task
	if err != nil {
		t.LogError(err.Error())
		t.set(Error)
	} else {
		t.set(Done)
	}
	close(t.ended)
}

// waitTurn reports whether the task may begin.
func (t *Task) waitTurn() bool {
	for _, dep := range slices.Concat(t.needs, t.follows) {
		<-dep.ended
	}
	if t.c.ctx.Err() != nil {
		return false
	}
	t.c.j.mu.Lock()
	defer t.c.j.mu.Unlock()
	return !slices.ContainsFunc(t.needs, func(d *Task) bool { return d.status != Done })
}

func (t *Task) set(s Status) {
	now := time.Now()
	t.c.j.mu.Lock()
	if t.status == Abort && s == Doing {
		s = Abort
	}
	t.status = s
	if s.Ready() {
		t.readyTime = now
	}
	moved := t.c.refresh(now)
	t.c.j.mu.Unlock()
	if moved {
		t.c.j.tell(t.c)
	}
}

// View is a change as it was at one moment.
type View struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Summary   string         `json:"summary"`
	Status    Status         `json:"status"`
	Ready     bool           `json:"-"`
	Err       string         `json:"-"`
	Services  []string       `json:"services,omitempty"`
	Spawned   time.Time      `json:"spawned"`
	ReadyTime time.Time      `json:"ready,omitzero"` // zero until ready
	Data      map[string]any `json:"-"`
	Tasks     []TaskView     `json:"tasks,omitempty"`
}

// TaskView is a task as it was at one moment.
type TaskView struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Summary   string         `json:"summary"`
	Status    Status         `json:"status"`
	Log       []string       `json:"log,omitempty"`
	Spawned   time.Time      `json:"spawned"`
	ReadyTime time.Time      `json:"ready,omitzero"`
	Data      map[string]any `json:"data,omitempty"`
}

// View takes a snapshot.
func (c *Change) View() View {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	v := View{
		ID: c.ID, Kind: c.Kind, Summary: c.Summary, Status: c.status, Ready: c.status.Ready(),
		Services: c.Services, Spawned: c.Spawned, ReadyTime: c.readyTime,
	}
	if c.status == Error {
		v.Err = failure(c.tasks)
	}
	for _, t := range c.tasks {
		tv := TaskView{
			ID: t.ID, Kind: t.Kind, Summary: t.Summary, Status: t.status,
			Spawned: t.Spawned, ReadyTime: t.readyTime, Data: maps.Clone(t.data),
		}
		for _, l := range t.log {
			tv.Log = append(tv.Log, l.at.Format(time.RFC3339)+" "+l.text)
		}
		v.Tasks = append(v.Tasks, tv)
	}
	return v
}
