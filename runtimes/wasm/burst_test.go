package wasm_test

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// BenchmarkBurst is an event of a Go charm while 31 others of the same charm are under way, as when the configuration of an
// application with many units changes. What counts is the CPU time, since the machine may be busy.
func BenchmarkBurst(b *testing.B) {
	r := newRuntime(b)
	handle := loadGuest(b, r)
	run := func(n int) {
		var left atomic.Int64
		left.Store(int64(n))
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					done, err := r.Dispatch(b.Context(), start(handle, "config-changed", nil), &host{})
					if err != nil || done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_KILLED {
						b.Error(err, done)
					}
				}
			})
		}
		all.Wait()
	}
	run(100)
	began := used(b)
	b.ResetTimer()
	run(b.N)
	b.ReportMetric(float64(used(b)-began)/1e3/float64(b.N), "cpu-µs/op")
}

// used is the CPU time of this process so far, in nanoseconds.
func used(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
