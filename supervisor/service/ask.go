package service

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

// start asks for a start and waits until it is known to have worked. A
// cancelled ctx kills what was started.
// A one-shot that only came along with others does not do its work twice.
func (s *Service) start(ctx context.Context, def Definition, named bool, log func(string)) error {
	w := newWaiter(log)
	s.mu.Lock()
	if s.done && !named && s.state == Stopped && def.Service.OneShot && s.def.Equal(def) {
		s.mu.Unlock()
		log(fmt.Sprintf("One-shot service %q has already completed.", s.name))
		return nil
	}
	s.fire(input{event: StartAsked, by: w, def: def})
	s.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	s.mu.Lock()
	if s.starter == w {
		s.fire(input{event: AbortAsked})
	}
	s.mu.Unlock()
	return <-w.done
}

// stop asks for a stop and waits for it; it cannot be aborted.
func (s *Service) stop(log func(string)) error {
	w := newWaiter(log)
	s.mu.Lock()
	s.fire(input{event: StopAsked, by: w})
	s.mu.Unlock()
	return <-w.done
}

// signal reaches the main process while starting or running.
func (s *Service) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != Starting && s.state != Running {
		return fmt.Errorf("cannot send signal to %q: service is not running", s.name)
	}
	if err := s.run.Signal(sig); err != nil {
		return fmt.Errorf("cannot send signal to %q: %w", s.name, err)
	}
	return nil
}

// checkFailed applies on-check-failure to a service that runs or should. One that is stopped, or has just been
// started, is left alone: its check says nothing of it.
func (s *Service) checkFailed(action plan.Action) {
	s.mu.Lock()
	concerned := s.state == Running || s.state == Backoff || s.state == Exited
	if concerned && action == plan.Restart {
		s.fire(input{event: CheckFailed})
	}
	s.mu.Unlock()
	if !concerned {
		return
	}
	switch action {
	case plan.Shutdown:
		s.shutdown(ExitCheckFailure)
	case plan.SuccessShutdown:
		s.shutdown(ExitSuccess)
	}
}

// Info is what the API tells about a service.
type Info struct {
	Name, Startup, Current string
	Since                  time.Time // zero when never started
	Starts                 int
}

func (s *Service) info(startup string) Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Info{Name: s.name, Startup: startup, Current: s.state.Current(), Since: s.since, Starts: s.starts}
}

// live reports whether a stop of everything must stop it, and how long that may take.
func (s *Service) live() (bool, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case Starting, Running, Backoff:
		return true, s.def.Service.KillDelay.Or(plan.DefaultKillDelay)
	}
	return false, 0
}

// outdated reports whether it is live with another definition.
func (s *Service) outdated(def Definition) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case Starting, Running, Backoff:
		return !s.def.Equal(def)
	}
	return false
}
