package change

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// restore takes over changes of an earlier life; New calls it before anybody else sees the journal.
func (j *Journal) restore(kept []View) {
	now := time.Now()
	number := func(v *View) int { n, _ := strconv.Atoi(v.ID); return n }
	order := make([]*View, len(kept)) // pointers: a sort of large values would be a second copy of the sort's code
	for i := range kept {
		order[i] = &kept[i]
	}
	slices.SortFunc(order, func(a, b *View) int { return number(a) - number(b) })
	for _, v := range order {
		c := &Change{
			j: j, ID: v.ID, Kind: v.Kind, Summary: v.Summary, Services: v.Services, Spawned: v.Spawned,
			status: v.Status, readyTime: v.ReadyTime, ready: make(chan struct{}),
		}
		c.ctx, c.cancel = context.WithCancel(j.ctx) //nolint:fatcontext // each change has a context of its own
		for _, tv := range v.Tasks {
			t := restoreTask(c, tv, now)
			c.tasks = append(c.tasks, t)
			j.tasks[t.ID] = t
		}
		c.refresh(now)
		if !c.status.Ready() { // a damaged record without tasks
			c.status, c.readyTime = Hold, now
		}
		c.announced = true
		close(c.ready)
		c.cancel()
		j.changes[c.ID] = c
		j.order = append(j.order, c)
		if j.cfg.Saved != nil && !v.Status.Ready() {
			j.cfg.Saved(c.View())
		}
	}
}

// restoreTask ends a task that was under way: what it watched over has ended
// with the supervisor, or belongs to nobody now.
func restoreTask(c *Change, v TaskView, now time.Time) *Task {
	t := &Task{
		c: c, ID: v.ID, Kind: v.Kind, Summary: v.Summary, Spawned: v.Spawned,
		begun: make(chan struct{}), ended: make(chan struct{}),
		status: v.Status, readyTime: v.ReadyTime, data: v.Data,
	}
	close(t.begun)
	close(t.ended)
	for _, l := range v.Log {
		stamp, text, _ := strings.Cut(l, " ")
		at, _ := time.Parse(time.RFC3339, stamp)
		t.log = append(t.log, line{at, text})
	}
	if t.status.Ready() {
		return t
	}
	begun := t.status != Do
	t.status, t.readyTime = Hold, now
	switch {
	case t.Kind == "exec" || t.Kind == "stop" && begun:
		t.status = Done
	case t.Kind == "start" && begun:
		t.status = Error
		t.log = append(t.log, line{now, "ERROR service already started, not retrying"})
	}
	return t
}
