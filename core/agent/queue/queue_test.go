package queue_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHammer: many writers, few keys. A key is never worked on twice at a time, and the last word for each is heard.
func TestHammer(t *testing.T) {
	const keys, writers, each, limit = 50, 8, 2000, 32
	q := queue.New[int]()
	ctx, cancel := context.WithCancel(t.Context())
	var said, heard [keys]atomic.Int64
	var busy [keys]atomic.Bool
	var inFlight, most atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		q.Run(ctx, limit, func(_ context.Context, k int) time.Duration {
			if busy[k].Swap(true) {
				t.Errorf("key %d is worked on twice at a time", k)
			}
			for n := inFlight.Add(1); n > most.Load(); {
				most.Store(n)
			}
			heard[k].Store(said[k].Load())
			runtime.Gosched()
			inFlight.Add(-1)
			busy[k].Store(false)
			return queue.Never
		})
	}()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				k := rand.IntN(keys)
				said[k].Add(1)
				q.Put(k)
			}
		})
	}
	wg.Wait()
	for !settled(&said, &heard) {
		runtime.Gosched()
	}
	cancel()
	<-ended
	if most.Load() > limit {
		t.Errorf("%d keys at a time, the limit is %d", most.Load(), limit)
	}
}

func settled(said, heard *[50]atomic.Int64) bool {
	for k := range said {
		if said[k].Load() != heard[k].Load() {
			return false
		}
	}
	return true
}

// TestCoalesces: what comes while a key is at work is one more turn, however much it is.
func TestCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New[string]()
		ctx, cancel := context.WithCancel(t.Context())
		turns, gate := 0, make(chan struct{})
		go q.Run(ctx, 4, func(context.Context, string) time.Duration { turns++; <-gate; return queue.Never })
		for range 10 {
			q.Put("a")
			synctest.Wait()
		}
		gate <- struct{}{}
		gate <- struct{}{}
		synctest.Wait()
		if turns != 2 || q.Busy() != 0 {
			t.Errorf("%d turns, want 2", turns)
		}
		cancel()
		synctest.Wait()
	})
}

// TestRequeue: a key comes again after its time, at once when woken before, and not twice then.
func TestRequeue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New[string]()
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		go q.Run(ctx, 4, func(context.Context, string) time.Duration {
			at = append(at, time.Since(began))
			if len(at) > 3 {
				return queue.Never
			}
			return time.Minute
		})
		q.Put("a")
		time.Sleep(90 * time.Second) // turns at 0 and 60 s, the next due at 120 s
		q.Put("a")                   // at 90 s, the next due at 150 s
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{0, 60 * time.Second, 90 * time.Second, 150 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("turns at %v, want %v", at, want)
		}
		cancel()
		synctest.Wait()
	})
}

// TestIdleKeysCostNoGoroutine: ten thousand keys that wait for their time are not goroutines.
func TestIdleKeysCostNoGoroutine(t *testing.T) {
	q := queue.New[int]()
	ctx, cancel := context.WithCancel(t.Context())
	before := runtime.NumGoroutine()
	var turns atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		q.Run(ctx, 32, func(context.Context, int) time.Duration { turns.Add(1); return time.Hour })
	}()
	for k := range 10_000 {
		q.Put(k)
	}
	for turns.Load() < 10_000 || q.Busy() > 0 {
		runtime.Gosched()
	}
	for runtime.NumGoroutine() > before+3 { // workers that have answered still end
		runtime.Gosched()
	}
	cancel()
	<-ended
}

// TestRunWaitsForItsWorkers: when Run returns nothing is at work.
func TestRunWaitsForItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New[string]()
		ctx, cancel := context.WithCancel(t.Context())
		ended := false
		go func() {
			q.Run(ctx, 1, func(context.Context, string) time.Duration { time.Sleep(time.Minute); ended = true; return 0 })
			if !ended {
				t.Error("Run returned before its worker")
			}
		}()
		q.Put("a")
		synctest.Wait()
		cancel()
		q.Put("b")
		time.Sleep(2 * time.Minute)
		q.Put("c")
	})
}

// TestAside: who only waits takes no worker's place, is counted as busy, and has one again when it goes on.
func TestAside(t *testing.T) {
	q := queue.New[int]()
	ctx, cancel := context.WithCancel(t.Context())
	goOn, began := make(chan struct{}), make(chan int)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		q.Run(ctx, 1, func(_ context.Context, k int) time.Duration {
			if k == 2 {
				began <- k
				return queue.Never
			}
			back := q.Aside()
			began <- k
			<-goOn
			back()
			began <- -k
			return queue.Never
		})
	}()
	q.Put(0)
	q.Put(1)
	q.Put(2)
	got := []int{<-began, <-began, <-began}
	if slices.Sort(got); !slices.Equal(got, []int{0, 1, 2}) {
		t.Fatalf("%v began, want all three", got)
	}
	if n := q.Busy(); n < 2 {
		t.Errorf("%d are busy, want those that wait", n)
	}
	goOn <- struct{}{}
	<-began
	goOn <- struct{}{}
	<-began
	cancel()
	<-ended
}
