package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// charmOf is the text that says which charm a unit has in its own directory.
func (w *world) charmOf() string {
	found, err := filepath.Glob(filepath.Join(w.dir, "units", "*", "web-0", "charm"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("found %v, %v", found, err)
	}
	data, err := os.ReadFile(filepath.Join(found[0], "which"))
	if err != nil {
		return ""
	}
	return string(data)
}

// offer packs a charm that says which it is; broken cuts what the controller hands out, with the sum of what it is.
func (w *world) offer(which string) (digest string) {
	file, digest := agenttest.Pack(w.t, "web", map[string]string{"which": which, "config.yaml": "options: {port: {type: int}}\n"})
	w.server.AddCharm(digest, file)
	return digest
}

func (w *world) failure(unit string) *controllerv1.UnitStatus {
	return w.store.Get(key.OfUnit(key.Status, unit)).GetUnitStatus()
}

// TestCharmThatCannotBePutInPlace: the unit reports the error with its reason and keeps the charm that it has, which
// runs actions meanwhile; a good refresh after it goes through without a word of the user's.
func TestCharmThatCannotBePutInPlace(t *testing.T) {
	var seen []string
	w := newWorld(t, nil)
	w.runtime = agenttest.NewRuntime(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.Event.Kind == "action" {
			data, _ := os.ReadFile(filepath.Join(s.Workspace.CharmDir, "which"))
			seen = append(seen, string(data))
		}
		return ok(nil), nil
	})
	w.digest = w.offer("one")
	w.start()
	w.deploy(1)
	w.started("web/0")
	if w.charmOf() != "one" {
		t.Fatalf("the unit has %q", w.charmOf())
	}

	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := agenttest.Digest(t, junk)
	w.server.AddCharm(broken, junk)
	w.store.Refresh("web", broken, false)
	w.until("the unit is in error", func() bool { return w.failure("web/0").GetError() != nil })
	if e := w.failure("web/0").GetError(); !strings.Contains(e.Message, "no zip archive") {
		t.Errorf("the error is %v", e)
	}
	if w.charmOf() != "one" || w.ran("web/0 5-upgrade-charm") != 0 {
		t.Errorf("the unit has %q, runs %v", w.charmOf(), w.runtime.Runs())
	}
	w.store.Run("web/0", "say", "{}")
	w.until("the action ran", func() bool { return w.ran("web/0 6-say") == 1 })

	w.store.Refresh("web", w.offer("two"), false)
	w.until("the unit has the new charm", func() bool { c := w.cursor("web/0"); return c.Pending == nil && c.Sequence >= 7 && !c.ConfigOwed })
	if w.charmOf() != "two" || w.ran("web/0 5-upgrade-charm") != 1 {
		t.Errorf("the unit has %q, runs %v", w.charmOf(), w.runtime.Runs())
	}
	w.stop()
	if len(seen) != 1 || seen[0] != "one" {
		t.Errorf("the action ran with %q", seen)
	}
}

// TestEachUnitMovesAtItsOwnPace: one is in the middle of a hook while the other has the new charm already, and the hook
// goes on with the files that it began with.
func TestEachUnitMovesAtItsOwnPace(t *testing.T) {
	gate := make(chan struct{})
	which := make(chan string, 1)
	w := newWorld(t, nil)
	w.runtime = agenttest.NewRuntime(t, func(ctx context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		if s.View.Unit.Name == "web/0" && s.Event.Id == "5-config-changed" {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			data, _ := os.ReadFile(filepath.Join(s.Workspace.CharmDir, "which"))
			which <- string(data)
		}
		return ok(nil), nil
	})
	w.digest = w.offer("one")
	w.start()
	w.deploy(2)
	w.started("web/0")
	w.untilEvents("web/1", 3)
	w.store.Config("web", "port", "81")
	w.until("web/0 is in its hook", func() bool { return w.ran("web/0 5-config-changed") == 1 })
	w.store.Refresh("web", w.offer("two"), false)
	w.until("web/1 has the new charm", func() bool {
		c := w.cursor("web/1")
		return c.CharmDigest != w.digest && c.Pending == nil && !c.ConfigOwed
	})
	if w.cursor("web/0").CharmDigest != w.digest {
		t.Error("web/0 has the new charm in the middle of a hook")
	}
	close(gate)
	if got := <-which; got != "one" {
		t.Errorf("the hook found charm %q", got)
	}
	w.until("web/0 has it too", func() bool {
		c := w.cursor("web/0")
		return c.CharmDigest != w.digest && c.Pending == nil && !c.ConfigOwed
	})
}
