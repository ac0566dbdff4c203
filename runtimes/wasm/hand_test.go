package wasm

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestEventsWaitForInstances: an event waits for an instance that is about to be free, and only when none becomes free for
// long is one more made, which is not kept.
func TestEventsWaitForInstances(t *testing.T) {
	dir := build(t, "go", "example")
	synctest.Test(t, func(t *testing.T) {
		c, _ := openBuilt(t, dir)
		took := func() (*instance, *hand) {
			i, h, err := c.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return i, h
		}
		began := time.Now()
		first, hand1 := took()
		second, hand2 := took()
		third := make(chan *instance)
		var hand3 *hand
		go func() {
			i, h := took()
			hand3 = h
			third <- i
		}()
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third event did not wait")
		default:
		}
		c.recycle(t.Context(), first, hand1, false)
		if i := <-third; i != first || time.Since(began) != 0 {
			t.Errorf("the third event has another instance, %t, after %s", i != first, time.Since(began))
		}
		more, hand4 := took()
		if more == first || more == second || time.Since(began) != handTime {
			t.Errorf("the fourth event has one of the instances in use after %s", time.Since(began))
		}
		for i, h := range map[*instance]*hand{first: hand3, second: hand2, more: hand4} {
			c.recycle(t.Context(), i, h, false)
		}
		synctest.Wait()
		if len(c.idle) != 2 || len(c.hands.of) != 0 || len(c.places) != 0 {
			t.Errorf("%d instances are ready, %d hands and %d places are held", len(c.idle), len(c.hands.of), len(c.places))
		}
	})
}
