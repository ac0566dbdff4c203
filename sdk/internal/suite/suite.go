// Package suite runs the cases of a conformance suite: as subtests, or one by
// one on a recorder, to learn which of them a broken implementation fails.
package suite

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Case is one named rule of a contract.
type Case[S any] struct {
	Name string
	Run  func(t testing.TB, subject S)
}

// Names lists the cases in their order.
func Names[S any](cases []Case[S]) []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return names
}

// Run runs every case as a subtest, each with a subject of its own.
func Run[S any](t *testing.T, cases []Case[S], fresh func(testing.TB) S) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, fresh(t)) })
	}
}

// Failing runs every case and returns the first line of each failure by case,
// without failing t.
func Failing[S any](t testing.TB, cases []Case[S], fresh func(testing.TB) S) map[string]string {
	failed := map[string]string{}
	for _, c := range cases {
		r := newRecorder(t)
		r.run(func() { c.Run(r, fresh(r)) })
		if r.Failed() {
			failed[c.Name] = r.first
		}
	}
	return failed
}

// Eventually waits until the condition holds and says whether it did in time.
func Eventually(within time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// recorder is a testing.TB whose failures stay in it.
type recorder struct {
	testing.TB
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	failed   bool
	first    string
	cleanups []func()
}

func newRecorder(t testing.TB) *recorder {
	ctx, cancel := context.WithCancel(context.Background())
	return &recorder{TB: t, ctx: ctx, cancel: cancel}
}

// run runs the test and its cleanups, each on a goroutine that may be ended.
func (r *recorder) run(test func()) {
	r.guarded(test)
	r.cancel()
	for {
		r.mu.Lock()
		n := len(r.cleanups)
		if n == 0 {
			r.mu.Unlock()
			return
		}
		cleanup := r.cleanups[n-1]
		r.cleanups = r.cleanups[:n-1]
		r.mu.Unlock()
		r.guarded(cleanup)
	}
}

func (r *recorder) guarded(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil {
				r.Errorf("panic: %v", value)
			}
		}()
		work()
	}()
	<-done
}

// Context ends before the cleanups run.
func (r *recorder) Context() context.Context { return r.ctx }

// Cleanup runs f after the case.
func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// Fail marks the case as failed.
func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

// Failed says whether the case failed.
func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// FailNow fails and ends the case.
func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == "" {
		r.first = text
	}
}

// Error fails.
func (r *recorder) Error(args ...any) { r.note(fmt.Sprintln(args...)); r.Fail() }

// Errorf fails.
func (r *recorder) Errorf(format string, args ...any) { r.note(fmt.Sprintf(format, args...)); r.Fail() }

// Fatal fails and ends the case.
func (r *recorder) Fatal(args ...any) { r.note(fmt.Sprintln(args...)); r.FailNow() }

// Fatalf fails and ends the case.
func (r *recorder) Fatalf(format string, args ...any) {
	r.note(fmt.Sprintf(format, args...))
	r.FailNow()
}

// Log is dropped.
func (r *recorder) Log(...any) {}

// Logf is dropped.
func (r *recorder) Logf(string, ...any) {}

// Skip ends the case.
func (r *recorder) Skip(...any) { runtime.Goexit() }

// Skipf ends the case.
func (r *recorder) Skipf(string, ...any) { runtime.Goexit() }

// SkipNow ends the case.
func (r *recorder) SkipNow() { runtime.Goexit() }
