package agent_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// TestWaitingAtTheLock: units that wait for the lock keep no worker from those that need not, and when their turn comes the
// view is of that time.
func TestWaitingAtTheLock(t *testing.T) {
	goOn := make(chan struct{})
	var later atomic.Int64
	w := newWorld(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Name == "install" && s.View.Application.Name == "web" {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return ok(nil), nil
	})
	w.side = agenttest.NewSide(&substratev1.EnvironmentResponse{Addresses: []string{"10.0.0.7"}, BootId: "boot-1", MachineId: "7", MachineLock: filepath.Join(w.dir, "machine-lock")})
	w.workers = 2
	begin := time.Now()
	w.now = func() time.Time { return begin.Add(time.Duration(later.Load())) }
	w.start()
	w.deploy(3)
	waits := func() int {
		units := map[string]bool{}
		for _, s := range w.server.States() {
			if l := s.GetLock(); l != nil && !l.Held {
				units[s.Unit] = true
			}
		}
		return len(units)
	}
	w.until("two units wait for the third", func() bool { return waits() == 2 })
	file, digest := agenttest.Pack(t, "free", map[string]string{"charm.wasm": "\x00asm\x01\x00\x00\x00"})
	w.server.AddCharm(digest, file)
	w.store.Deploy(agenttest.App{Name: "free", Digest: digest, Runtime: "wasm", Units: 1})
	w.until("who need not wait does not", func() bool { return w.cursor("free/0").GetStarted() })
	later.Store(int64(time.Hour))
	close(goOn)
	fresh := 0
	for _, unit := range []string{"web/0", "web/1", "web/2"} {
		w.started(unit)
		if w.runtime.View(unit, "install").NowUnix >= begin.Add(time.Hour).Unix() {
			fresh++
		}
	}
	if fresh != 2 {
		t.Errorf("%d units saw the time at which their turn came, want 2", fresh)
	}
}
