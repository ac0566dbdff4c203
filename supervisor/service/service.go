package service

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

// ExitKind says why a service wants the whole supervisor to end.
type ExitKind int

// Reasons to end.
const (
	ExitSuccess ExitKind = iota
	ExitServiceFailure
	ExitCheckFailure
)

// shared is what all services of a set use.
type shared struct {
	runner   Runner
	logs     *logs.Store
	log      *slog.Logger
	shutdown func(ExitKind)
	exit     func(Exit)
	wg       sync.WaitGroup // one for every watched run
}

// Service is one service and its life.
type Service struct {
	*shared
	name string

	mu      sync.Mutex
	state   State
	began   bool // ever started
	since   time.Time
	def     Definition
	run     Run
	code    int
	again   bool // start again once terminated
	done    bool // a one-shot that has completed with def
	tries   int  // restarts since it last ran for long
	delay   time.Duration
	starts  int
	timer   *time.Timer
	epoch   int // counts timers, so that one that fired late is ignored
	starter *waiter
	joined  []*waiter // who waits for a stop
}

// waiter is a request that waits for its outcome.
type waiter struct {
	done chan error
	log  func(string)
}

func newWaiter(log func(string)) *waiter { return &waiter{done: make(chan error, 1), log: log} }

// input is one event with what belongs to it.
type input struct {
	event Event
	by    *waiter
	def   Definition
}

// fire carries one event through the table; the caller holds the lock.
func (s *Service) fire(in input) {
	next, do, ok := Next(s.state, in.event)
	if !ok {
		return
	}
	if next != s.state {
		if next.Current() != s.state.Current() || !s.began {
			s.since = time.Now()
		}
		s.stopTimer()
		s.state = next
	}
	s.perform(do, in)
}

func (s *Service) perform(do Effect, in input) {
	switch do {
	case Spawn:
		s.began, s.again, s.done, s.delay, s.tries = true, false, false, 0, 0
		s.starter, s.def = in.by, in.def
		s.spawn(OkayTime, OkayDelay)
	case Respawn:
		s.spawn(s.def.Service.BackoffLimit.Or(plan.DefaultBackoffLimit), LongRun)
	case StartOkay:
		s.answerStart(nil)
		s.after(s.def.Service.BackoffLimit.Or(plan.DefaultBackoffLimit), LongRun)
	case StartFailed:
		// the error was given by spawn
	case AlreadyStarted:
		in.by.log(fmt.Sprintf("Service %q already started.", s.name))
		in.by.done <- nil
	case RefuseStart:
		in.by.done <- errors.New("cannot start service while terminating")
	case QuickExit:
		s.quickExit()
	case QuickBackoff:
		s.quickExit()
		s.backOff()
	case Delay:
		s.answerStops(nil)
		s.backOff()
	case Settle:
		s.delay, s.tries = 0, 0
	case Complete:
		s.done = true
		s.answerStart(nil)
	default:
		s.performStop(do, in)
	}
}

func (s *Service) performStop(do Effect, in input) {
	switch do {
	case StopStarting:
		reason := fmt.Sprintf("stopped before the %s okay delay", OkayTime)
		if s.def.Service.OneShot {
			reason = "stopped before it had completed"
		}
		s.answerStart(errors.New(reason))
		s.terminate(in.by)
	case Terminate:
		s.terminate(in.by)
	case TerminateAgain:
		s.again = true
		s.terminate(nil)
	case Kill:
		s.kill()
	case AbortStart:
		s.answerStart(errors.New("start aborted, sent SIGKILL to process"))
		s.kill()
	case JoinStop:
		s.again = false
		in.by.log(fmt.Sprintf("Service %q is already stopping.", s.name))
		s.joined = append(s.joined, in.by)
	case StopOkay:
		s.answerStops(nil)
	case StopFailed:
		s.again = false
		s.answerStops(fmt.Errorf("process still running after %s and SIGKILL", unix.SignalName(s.def.Service.Signal())))
	case AlreadyStopped:
		in.by.log(s.whyStopped())
		in.by.done <- nil
	case LeaveBackoff:
		in.by.done <- nil
	}
}

func (s *Service) whyStopped() string {
	if !s.began {
		return fmt.Sprintf("Service %q has never been started.", s.name)
	}
	if s.run != nil && s.code != 0 {
		return fmt.Sprintf("Service %q had already exited.", s.name)
	}
	return fmt.Sprintf("Service %q is already stopped.", s.name)
}

func (s *Service) spawn(d time.Duration, then Event) {
	out := s.logs.Ring(s.name)
	run, err := s.runner.Start(s.def, out)
	if err != nil {
		s.log.Error("cannot start service", "service", s.name, "error", err)
		s.answerStart(fmt.Errorf("cannot start service: %w", err))
		s.run = nil
		if s.state == Running && s.exhausted() {
			s.fire(input{event: ExitBad})
			return
		}
		s.fire(input{event: SpawnFailed})
		return
	}
	s.starts++
	s.run = run
	if then != OkayDelay || !s.def.Service.OneShot { // whose start lasts until its end
		s.after(d, then)
	}
	grace := s.def.Service.KillDelay.Or(plan.DefaultKillDelay) * 9 / 10
	s.wg.Add(1)
	go s.watch(run, out, grace)
}

// watch waits for a run to end. While a grandchild holds the output open the
// end is not believed until grace has passed; then leftovers of a stopped
// service are killed.
func (s *Service) watch(run Run, out *logs.Ring, grace time.Duration) {
	defer s.wg.Done()
	<-run.Exited()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	drained := true
	select {
	case <-run.Drained():
	case <-timer.C:
		drained = false
	}
	out.EndLine()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != run {
		return
	}
	s.code = run.ExitCode()
	if s.state == Terminating || s.state == Killing {
		if !drained {
			_ = run.SignalAll(syscall.SIGKILL)
		}
		event := ExitClean
		if s.again {
			event, s.again = ExitRestart, false
		}
		s.fire(input{event: event})
		return
	}
	s.exited()
}

// exited sorts an exit that nobody asked for by what the plan says.
func (s *Service) exited() {
	if s.state != Starting && s.state != Running {
		return // a run that was given up long ago
	}
	action := exitAction(s.def.Service, s.code)
	s.log.Info("service exited", "service", s.name, "code", s.code, "action", string(action))
	if s.exit != nil && s.def.Service.ExitNotice {
		s.exit(Exit{Service: s.name, Code: s.code, Action: action})
	}
	event := ExitBad
	switch {
	case s.def.Service.OneShot && s.code == 0:
		event = ExitDone
	case action == plan.Restart && s.exhausted():
		s.log.Warn("service is not restarted any more", "service", s.name, "restarts", s.tries)
	case action == plan.Restart:
		event = ExitRestart
	case s.code == 0 && action == plan.Ignore:
		event = ExitClean
	}
	s.fire(input{event: event})
	switch action {
	case plan.Shutdown:
		kind := ExitSuccess
		if s.code != 0 {
			kind = ExitServiceFailure
		}
		s.shutdown(kind)
	case plan.SuccessShutdown:
		s.shutdown(ExitSuccess)
	case plan.FailureShutdown:
		s.shutdown(ExitServiceFailure)
	}
}

func exitAction(c *plan.Service, code int) plan.Action {
	action := c.OnFailure
	if code == 0 {
		action = c.OnSuccess
	}
	switch {
	case action == "" && c.OneShot:
		action = plan.Ignore
	case action == "":
		action = plan.Restart
	}
	return action
}

func (s *Service) quickExit() {
	if s.starter == nil {
		return
	}
	if text := recent(s.logs.Last([]string{s.name}, 21)); text != "" {
		s.starter.log("Most recent service output:\n" + text)
	}
	if s.def.Service.OneShot {
		s.answerStart(fmt.Errorf("one-shot service failed with code %d, will %s", s.code, exitAction(s.def.Service, s.code)))
		return
	}
	s.answerStart(fmt.Errorf("service start attempt: exited quickly with code %d, will %s",
		s.code, exitAction(s.def.Service, s.code)))
}

// recent renders the last 20 lines, indented, and says when there were more.
func recent(es []logs.Entry) string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = "    " + e.Message
	}
	if len(lines) > 20 {
		lines = lines[1:]
		lines[0] = "    (...)"
	}
	return strings.Join(lines, "\n")
}

// exhausted reports whether the plan allows no further restart.
func (s *Service) exhausted() bool {
	limit := s.def.Service.RestartLimit
	return limit > 0 && s.tries >= limit
}

func (s *Service) backOff() {
	c := s.def.Service
	s.tries++
	limit := c.BackoffLimit.Or(plan.DefaultBackoffLimit)
	if s.delay == 0 {
		s.delay = c.BackoffDelay.Or(plan.DefaultBackoffDelay)
	} else {
		s.delay = time.Duration(float64(s.delay) * c.Factor())
	}
	s.delay = min(s.delay, limit)
	jitter := time.Duration(rand.Int64N(int64(s.delay/10) + 1))
	s.after(s.delay+jitter, BackoffOver)
}

func (s *Service) terminate(by *waiter) {
	if by != nil {
		s.joined = append(s.joined, by)
	}
	if err := s.run.SignalAll(s.def.Service.Signal()); err != nil {
		s.log.Debug("cannot terminate service", "service", s.name, "error", err)
	}
	s.after(s.def.Service.KillDelay.Or(plan.DefaultKillDelay), KillDelay)
}

func (s *Service) kill() {
	if err := s.run.SignalAll(syscall.SIGKILL); err != nil {
		s.log.Debug("cannot kill service", "service", s.name, "error", err)
	}
	s.after(GiveUpTime, GiveUp)
}

func (s *Service) answerStart(err error) {
	if s.starter != nil {
		s.starter.done <- err
		s.starter = nil
	}
}

func (s *Service) answerStops(err error) {
	for _, w := range s.joined {
		w.done <- err
	}
	s.joined = nil
}

// after arms the service's only timer.
func (s *Service) after(d time.Duration, e Event) {
	s.stopTimer()
	epoch := s.epoch
	s.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.epoch == epoch {
			s.fire(input{event: e})
		}
	})
}

func (s *Service) stopTimer() {
	s.epoch++
	if s.timer != nil {
		s.timer.Stop()
	}
}
