package check

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Kinds of the changes that checks are.
const (
	Perform = "perform-check"
	Recover = "recover-check"
)

// Statuses of a check.
const (
	Up       = "up"
	Down     = "down"
	Inactive = "inactive"
)

// Info is what the API tells about a check.
type Info struct {
	Name, Level, Startup, Status string
	Successes, Failures          int
	Threshold                    int
	ChangeID, PrevChangeID       string
	Passed, Failed               int // runs ever, of a check that is or was active
}

// runner is one check and its life.
type runner struct {
	set *Set

	mu        sync.Mutex
	def       *plan.Check
	active    bool
	epoch     int // a change of an earlier epoch has no say any more
	successes int
	failures  int
	passed    int // these two never go back
	failed    int
	change    string
	previous  string
	moved     chan struct{} // closed when change is another
	refresh   chan chan round
	quit      chan struct{} // closed by stop
}

func (r *runner) info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := Info{
		Name: r.def.Name, Level: r.def.Level, Startup: r.def.EffectiveStartup(), Status: Inactive,
		Successes: r.successes, Failures: r.failures, Threshold: r.def.EffectiveThreshold(),
		ChangeID: r.change, PrevChangeID: r.previous, Passed: r.passed, Failed: r.failed,
	}
	if r.active {
		i.Status = Up
		if r.failures >= i.Threshold {
			i.Status = Down
		}
	}
	return i
}

// start begins with zeroed counters; it reports whether the check was inactive.
func (r *runner) start() bool {
	r.mu.Lock()
	if r.active {
		r.mu.Unlock()
		return false
	}
	r.active = true
	r.epoch++
	r.successes, r.failures, r.change, r.previous = 0, 0, "", ""
	r.refresh, r.quit = make(chan chan round), make(chan struct{})
	r.moved = make(chan struct{})
	def, epoch := r.def, r.epoch
	r.mu.Unlock()
	r.begin(def, epoch, Perform)
	return true
}

// stop keeps the counters; it reports whether the check was active.
func (r *runner) stop() bool {
	r.mu.Lock()
	if !r.active {
		r.mu.Unlock()
		return false
	}
	id := r.end()
	r.mu.Unlock()
	if id != "" {
		_ = r.set.changes.Abort(id) // it may have ended by itself
	}
	return true
}

// leave makes a check inactive whose change somebody has aborted, so that it can be started again.
func (r *runner) leave(epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active && r.epoch == epoch {
		r.end()
	}
}

// end makes the check inactive, r.mu being held, and returns the change that it ran in.
func (r *runner) end() (id string) {
	r.active = false
	close(r.quit)
	r.epoch++
	id, r.change = r.change, ""
	return id
}

func (r *runner) replace(def *plan.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.def = def
}

// begin adds the change that the check runs in from now on.
func (r *runner) begin(def *plan.Check, epoch int, kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		return
	}
	t := &turn{runner: r, def: def, epoch: epoch, refresh: r.refresh}
	verb, work := "Perform", t.perform
	if kind == Recover {
		verb, work = "Recover", t.recover
	}
	c := r.set.changes.Add(change.Spec{
		Kind: kind, Summary: fmt.Sprintf("%s %s check %q", verb, kindOf(def), def.Name),
		NoticeData: map[string]string{"check-name": def.Name},
		Tasks:      []change.TaskSpec{{Kind: kind, Summary: fmt.Sprintf("%s %s check %q", verb, kindOf(def), def.Name), Work: work}},
	})
	r.previous, r.change = r.change, c.ID
	close(r.moved)
	r.moved = make(chan struct{})
	r.set.wg.Go(func() {
		<-c.Ready()
		if t.next != "" {
			r.begin(def, epoch, t.next)
		} else {
			r.leave(epoch)
		}
	})
}

func kindOf(c *plan.Check) string {
	switch {
	case c.HTTP != nil:
		return "HTTP"
	case c.TCP != nil:
		return "TCP"
	}
	return "exec"
}

var errAborted = errors.New("check aborted")

// round is what one run of a check came to.
type round struct {
	err  error
	last bool // of its change: the next one follows
}

// turn is the life of a check within one change.
type turn struct {
	*runner
	def     *plan.Check
	epoch   int
	refresh chan chan round
	next    string // the kind of the change that follows; none does when this one is stopped
}

// rounds calls judge after every period and at every refresh until it says to end. A check that is stopped has not failed:
// its change is done.
func (t *turn) rounds(ctx context.Context, judge func(error) (bool, error)) error {
	ticker := time.NewTicker(t.def.EffectivePeriod())
	defer ticker.Stop()
	for {
		var reply chan round
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case reply = <-t.refresh:
			ticker.Reset(t.def.EffectivePeriod())
		}
		err := t.set.prober.Probe(ctx, t.def)
		if ctx.Err() != nil {
			if reply != nil {
				reply <- round{err: errAborted}
			}
			return nil
		}
		end, result := judge(err)
		if reply != nil {
			reply <- round{err, end}
		}
		if end {
			return result
		}
	}
}

func (t *turn) perform(ctx context.Context, task *change.Task) error {
	return t.rounds(ctx, func(err error) (bool, error) {
		t.mu.Lock()
		if t.runner.epoch != t.epoch {
			t.mu.Unlock()
			return true, nil
		}
		if err == nil {
			if t.failures > 0 {
				task.Log(fmt.Sprintf("succeeded after %d failures", t.failures))
			}
			t.successes++
			t.passed++
			t.failures = 0
			t.mu.Unlock()
			return false, nil
		}
		t.failures++
		t.failed++
		down := t.failures >= t.def.EffectiveThreshold()
		t.mu.Unlock()
		if down {
			t.next = Recover
			t.set.failed(t.def.Name)
			return true, err
		}
		task.LogError(err.Error())
		return false, nil
	})
}

func (t *turn) recover(ctx context.Context, task *change.Task) error {
	return t.rounds(ctx, func(err error) (bool, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.runner.epoch != t.epoch {
			return true, nil
		}
		if err == nil {
			t.successes, t.failures = 1, 0
			t.passed++
			t.next = Perform
			return true, nil
		}
		t.failures++
		t.failed++
		task.LogError(err.Error())
		return false, nil
	})
}

// run checks at once, and restarts the period when the check is active. What follows from the result has happened when it
// returns.
func (r *runner) run(ctx context.Context) error {
	r.mu.Lock()
	active, def, refresh, quit, moved := r.active, r.def, r.refresh, r.quit, r.moved
	r.mu.Unlock()
	if !active {
		return r.set.prober.Probe(ctx, def)
	}
	reply := make(chan round, 1)
	select {
	case refresh <- reply:
		got := <-reply
		if !got.last {
			return got.err
		}
		select {
		case <-moved:
		case <-quit:
		case <-ctx.Done():
		}
		return got.err
	case <-quit:
		return r.set.prober.Probe(ctx, def)
	case <-ctx.Done():
		return ctx.Err()
	}
}
