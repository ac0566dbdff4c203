package runtimes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bangle-dev/bangle/core/agent/runtimes"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// machine starts processes and remembers them.
type machine struct {
	mu       sync.Mutex
	lives    []*life
	fail     error
	got      map[string]int // event → how often a process was given it
	stubborn bool
}

// life is a process that may hang.
type life struct {
	of    *machine
	name  string
	done  chan struct{}
	once  sync.Once
	hangs chan struct{} // closed when it answers no more
	begun chan string
}

func (m *machine) start(_ context.Context, kind, scope string) (runtimes.Life, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return runtimes.Life{}, m.fail
	}
	l := &life{of: m, name: strings.TrimSpace(kind + " " + scope), done: make(chan struct{}), hangs: make(chan struct{}), begun: make(chan string, 100)}
	m.lives = append(m.lives, l)
	return runtimes.Life{Runtime: l, Done: l.done, Kill: func() { l.once.Do(func() { close(l.done) }) }}, nil
}

// alive names those that have not ended.
func (m *machine) alive() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, l := range m.lives {
		select {
		case <-l.done:
		default:
			names = append(names, l.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (l *life) hanging() bool {
	select {
	case <-l.hangs:
		return true
	default:
		return false
	}
}

// Info answers unless it hangs.
func (l *life) Info(ctx context.Context) (*charmruntimev1.InfoResponse, error) {
	if l.hanging() {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.done:
			return nil, errs.E(errs.Unavailable, "gone")
		}
	}
	return &charmruntimev1.InfoResponse{}, nil
}

func (l *life) Load(context.Context, *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return &charmruntimev1.LoadResponse{Handle: "h"}, nil
}

func (l *life) Unload(context.Context, string) error { return nil }

// Dispatch takes a minute, or for ever when it hangs. A stubborn machine's hears nobody.
func (l *life) Dispatch(ctx context.Context, start *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
	l.of.mu.Lock()
	l.of.got[start.GetEvent().GetId()]++
	l.of.mu.Unlock()
	var takes <-chan time.Time
	if !l.hanging() && !l.of.stubborn {
		takes = time.After(time.Minute)
	}
	select {
	case <-takes:
		return &charmruntimev1.Done{}, nil
	case <-l.done:
		return nil, errs.E(errs.Unavailable, "the runtime ended")
	case <-ctx.Done():
		return nil, errs.E(errs.Unavailable, "its lane was ended")
	}
}

func newPool(m *machine, cfg runtimes.Config) *runtimes.Pool {
	m.got = map[string]int{}
	cfg.Start = m.start
	return runtimes.New(cfg)
}

// unit runs an event until somebody knows how it ended, as the agent does.
func unit(t *testing.T, p *runtimes.Pool, scope, event string) {
	for {
		rt, release, err := p.Get(t.Context(), "wasm", scope)
		if err != nil {
			t.Errorf("%s: %v", event, err)
			return
		}
		_, err = rt.Dispatch(t.Context(), &charmruntimev1.Start{Event: &hookv1.Event{Id: event}}, nil)
		release()
		if err == nil {
			return
		}
	}
}

// TestADeafRuntimeIsKilled: a process that hangs is killed once it has been silent for long; its events, and no others, are
// run again. A process that merely takes long is not killed.
func TestADeafRuntimeIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		p := newPool(m, runtimes.Config{Silence: 10 * time.Second})
		defer p.Close()
		var all sync.WaitGroup
		all.Go(func() { unit(t, p, "other", "other") })
		unit(t, p, "m", "before")
		close(m.lives[slices.IndexFunc(m.lives, func(l *life) bool { return l.name == "wasm m" })].hangs)
		for i := range 5 {
			all.Go(func() { unit(t, p, "m", fmt.Sprint("held ", i)) })
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("it took %s", took)
		}
		for event, times := range m.got {
			want := 1
			if strings.HasPrefix(event, "held") {
				want = 2
			}
			if times != want {
				t.Errorf("%s was delivered %d times, want %d", event, times, want)
			}
		}
		if len(m.lives) != 3 || m.alive() != "wasm m, wasm other" {
			t.Errorf("%d processes were started, alive are %s", len(m.lives), m.alive())
		}
	})
}

// TestADisobedientRuntimeIsKilled: one that does not end an event that nobody wants any more.
func TestADisobedientRuntimeIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{stubborn: true}
		p := newPool(m, runtimes.Config{})
		defer p.Close()
		rt, release, err := p.Get(t.Context(), "wasm", "m")
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := rt.Dispatch(ctx, &charmruntimev1.Start{}, nil); !errs.Is(err, errs.Unavailable) || m.alive() != "" {
			t.Errorf("%v, alive are %q", err, m.alive())
		}
		if ended, ok := rt.(interface{ Ended() bool }); !ok || !ended.Ended() {
			t.Error("it does not say that it ended")
		}
	})
}

// TestIdleRuntimesAreEnded: those with a scope; the one that all share stays.
func TestIdleRuntimesAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		p := newPool(m, runtimes.Config{Idle: 10 * time.Minute})
		defer p.Close()
		unit(t, p, "", "1")
		unit(t, p, "a", "2")
		_, release, err := p.Get(t.Context(), "wasm", "b")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Minute)
		if m.alive() != "wasm, wasm a, wasm b" {
			t.Errorf("after nine minutes: %s", m.alive())
		}
		time.Sleep(7 * time.Minute)
		if m.alive() != "wasm, wasm b" {
			t.Errorf("after sixteen: %s; b is held", m.alive())
		}
		release()
		time.Sleep(16 * time.Minute)
		if m.alive() != "wasm" {
			t.Errorf("at the end: %s", m.alive())
		}
		unit(t, p, "a", "3")
		if m.alive() != "wasm, wasm a" {
			t.Errorf("a again: %s", m.alive())
		}
	})
}

// TestThereAreNoMoreThanMost: the one without work that was used first makes room; when all are at work one waits for the
// first that is free.
func TestThereAreNoMoreThanMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		p := newPool(m, runtimes.Config{Most: 2})
		defer p.Close()
		for _, scope := range []string{"a", "b", "a", "", "c"} {
			unit(t, p, scope, scope)
		}
		if m.alive() != "wasm, wasm a, wasm c" {
			t.Errorf("alive are %s: b was used before a", m.alive())
		}
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() { unit(t, p, fmt.Sprint("s", i), fmt.Sprint("event ", i)) })
		}
		synctest.Wait()
		if n := strings.Count(m.alive(), "wasm s"); n != 2 {
			t.Errorf("alive are %s", m.alive())
		}
		all.Wait()
		for i := range 12 {
			if n := m.got[fmt.Sprint("event ", i)]; n != 1 {
				t.Errorf("event %d was delivered %d times", i, n)
			}
		}
		_, hold, err := p.Get(t.Context(), "wasm", "x")
		_, held, err2 := p.Get(t.Context(), "wasm", "y")
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, _, err := p.Get(ctx, "wasm", "z"); !errs.Is(err, errs.Canceled) {
			t.Errorf("a third while both are held: %v", err)
		}
		hold()
		held()
	})
}

// TestWhatDoesNotStart: everybody who waited is told why, and the next one tries again.
func TestWhatDoesNotStart(t *testing.T) {
	m := &machine{fail: errs.E(errs.Denied, "not trusted")}
	p := newPool(m, runtimes.Config{Most: 1})
	for range 3 {
		if _, _, err := p.Get(t.Context(), "wasm", "m"); !errs.Is(err, errs.Denied) {
			t.Errorf("%v", err)
		}
	}
	m.fail = nil
	_, release, err := p.Get(t.Context(), "wasm", "m")
	if err != nil || m.alive() != "wasm m" {
		t.Fatalf("%v, alive are %s", err, m.alive())
	}
	release()
	p.Close()
	p.Close()
	if _, _, err := p.Get(t.Context(), "wasm", "m"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
	if errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
