package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// kept says whether the agent has a package.
func (w *world) kept(digest string) bool {
	_, err := os.Stat(filepath.Join(w.dir, "charms", strings.TrimPrefix(digest, "sha256:")))
	return err == nil
}

// tidied waits until the agent has looked for packages that nobody needs and removed one of those.
func (w *world) tidied() {
	w.t.Helper()
	nobodys := filepath.Join(w.dir, "charms", strings.Repeat("7", 64))
	if err := os.MkdirAll(nobodys, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.until("nobody's package is gone", func() bool { _, err := os.Stat(nobodys); return err != nil })
}

// TestOldPackagesGo once no unit runs them, could run them or has recorded events of theirs: not while one is still on its way
// to the next charm, and not while an event can be replayed with them.
func TestOldPackagesGo(t *testing.T) {
	gate := make(chan struct{})
	var recording atomic.Bool
	recording.Store(true)
	w := newWorld(t, nil)
	w.tidy = 10 * time.Millisecond
	w.runtime = agenttest.NewRuntime(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		done := ok(nil)
		if s.View.Unit.Name == "web/0" && s.Event.Id == "5-config-changed" {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			done.Recording = &charmruntimev1.Recording{}
		}
		if s.View.Unit.Name == "web/0" && !recording.Load() {
			done.Recording = &charmruntimev1.Recording{}
		}
		return done, nil
	})
	w.digest = w.offer("one")
	w.start()
	w.store.ModelConfig("recorded-events", "1")
	w.deploy(2)
	w.started("web/0")
	w.untilEvents("web/1", 3)
	w.store.Config("web", "port", "81")
	w.until("web/0 is in its hook", func() bool { return w.ran("web/0 5-config-changed") == 1 })
	two := w.offer("two")
	w.store.Refresh("web", two, false)
	has := func(unit, digest string) bool {
		c := w.cursor(unit)
		return c.CharmDigest == digest && c.Pending == nil && !c.ConfigOwed
	}
	w.until("web/1 has the new charm", func() bool { return has("web/1", two) })
	w.tidied()
	if !w.kept(w.digest) || !w.kept(two) {
		t.Error("a package is gone that a unit runs")
	}
	close(gate)
	w.until("web/0 has the new charm too", func() bool { return has("web/0", two) })
	w.tidied()
	if !w.kept(w.digest) || !w.kept(two) {
		t.Error("the package of a recorded event is gone")
	}
	recording.Store(false)
	w.store.Config("web", "port", "82")
	w.until("the old package is gone", func() bool { return !w.kept(w.digest) })
	w.tidied()
	if !w.kept(two) {
		t.Error("the package that the units run is gone")
	}
	for _, unit := range []string{"web/0", "web/1"} {
		w.store.RemoveUnit(unit, false)
		w.until(unit+" ran its last hook", func() bool { return w.cursor(unit).Removed && w.cursor(unit).Pending == nil })
		w.store.Txn(func() { w.store.Delete(key.OfUnit(key.Unit, unit)) }) // as the controller then does
	}
	w.until("the last package is gone", func() bool { return !w.kept(two) })
}
