package agent_test

import (
	"context"
	"testing"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// TestStoppedWhileUnitsArrive: an agent that is stopped while the controller tells it of its units ends like any other. What
// it is told of then is nobody's turn; the race detector sees whether the end and the telling know of each other.
func TestStoppedWhileUnitsArrive(t *testing.T) {
	began := make(chan struct{}, 1)
	w := newWorld(t, func(context.Context, *charmruntimev1.Start, charmruntime.Host) (*charmruntimev1.Done, error) {
		select {
		case began <- struct{}{}:
		default:
		}
		return ok(nil), nil
	})
	w.deploy(300)
	for range 10 {
		w.start()
		<-began // the first of its units has its turn, others are still being told of
		w.stop()
		select {
		case <-began:
		default:
		}
	}
}
