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
	r.active = false
	close(r.quit)
	r.epoch++
	id := r.change
	r.change = ""
	r.mu.Unlock()
	if id != "" {
		_ = r.set.changes.Abort(id) // it may have ended by itself
	}
	return true
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
	verb := "Perform"
	work := r.perform(def, epoch)
	if kind == Recover {
		verb, work = "Recover", r.recover(def, epoch)
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
		switch v := c.View(); {
		case kind == Perform && v.Status == change.Error:
			r.begin(def, epoch, Recover)
		case kind == Recover && v.Status == change.Done:
			r.begin(def, epoch, Perform)
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

// rounds calls judge after every period and at every refresh until it says to end.
func (r *runner) rounds(ctx context.Context, def *plan.Check, judge func(error) (bool, error)) error {
	ticker := time.NewTicker(def.EffectivePeriod())
	defer ticker.Stop()
	for {
		var reply chan round
		select {
		case <-ctx.Done():
			return errAborted
		case <-ticker.C:
		case reply = <-r.refresh:
			ticker.Reset(def.EffectivePeriod())
		}
		err := r.set.prober.Probe(ctx, def)
		if ctx.Err() != nil {
			if reply != nil {
				reply <- round{err: errAborted}
			}
			return errAborted
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

func (r *runner) perform(def *plan.Check, epoch int) change.Work {
	return func(ctx context.Context, t *change.Task) error {
		return r.rounds(ctx, def, func(err error) (bool, error) {
			r.mu.Lock()
			if r.epoch != epoch {
				r.mu.Unlock()
				return true, errAborted
			}
			if err == nil {
				if r.failures > 0 {
					t.Log(fmt.Sprintf("succeeded after %d failures", r.failures))
				}
				r.successes++
				r.passed++
				r.failures = 0
				r.mu.Unlock()
				return false, nil
			}
			r.failures++
			r.failed++
			down := r.failures >= def.EffectiveThreshold()
			r.mu.Unlock()
			if down {
				r.set.failed(def.Name)
				return true, err
			}
			t.LogError(err.Error())
			return false, nil
		})
	}
}

func (r *runner) recover(def *plan.Check, epoch int) change.Work {
	return func(ctx context.Context, t *change.Task) error {
		return r.rounds(ctx, def, func(err error) (bool, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.epoch != epoch {
				return true, errAborted
			}
			if err == nil {
				r.successes, r.failures = 1, 0
				r.passed++
				return true, nil
			}
			r.failures++
			r.failed++
			t.LogError(err.Error())
			return false, nil
		})
	}
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
