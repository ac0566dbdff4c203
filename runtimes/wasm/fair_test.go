package wasm_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
)

// TestBusyGuestsStallNobody: while more guests than there are processors run without end, other events and the garbage
// collector, which needs everybody to stop for a moment, get their turn. Without fairness this test does not end.
func TestBusyGuestsStallNobody(t *testing.T) {
	r := newRuntime(t)
	for name, body := range map[string][]byte{"loop": join(forever, i64Const(0)), "tree": tree,
		"fill":             join([]byte{0x03, 0x40}, i32Const(0), i32Const(1), i32Const(60<<10), []byte{0xfc, 11, 0, 0x0c, 0, 0x0b, 0x00}),
		"fill of 63 MiB":   join([]byte{0x03, 0x40}, i32Const(0), i32Const(1), i32Const(63<<20), []byte{0xfc, 11, 0, 0x0c, 0, 0x0b, 0x00}),
		"copies of 62 MiB": join([]byte{0x03, 0x40}, i32Const(1<<20), i32Const(0), i32Const(62<<20), []byte{0xfc, 10, 0, 0, 0x0c, 0, 0x0b, 0x00})} {
		t.Run(name, func(t *testing.T) {
			busy := loadBuilt(t, r, guestModule{dispatch: body, pages: 1020})
			quiet := load(t, r, t.Name()+" quiet", packed(t, guestModule{}.build()))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var all sync.WaitGroup
			ended := make(chan struct{}, 8)
			for range runtime.GOMAXPROCS(0) + 1 {
				all.Go(func() {
					done, err := r.Dispatch(ctx, start(busy, "config-changed", nil), &host{})
					if err != nil || done.GetOutcome() != killed || done.GetLimit() != "cancel" {
						t.Errorf("%v, %v", done, err)
					}
					ended <- struct{}{}
				})
			}
			for range 20 {
				runtime.GC()
				if done := dispatch(t, r, start(quiet, "config-changed", nil), nil); done.GetOutcome() != fine {
					t.Errorf("%v", done)
				}
			}
			if len(ended) > 0 {
				t.Errorf("%d of the busy guests are no longer there", len(ended))
			}
			stop()
			all.Wait()
		})
	}
}
