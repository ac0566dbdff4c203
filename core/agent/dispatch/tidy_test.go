package dispatch_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// TestIdlePackagesGo, and no others: not one that is needed, nor one that was wanted since, here or by a plan beside; what was
// removed is fetched again when it is wanted again.
func TestIdlePackagesGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "charms")
	var asked atomic.Int64
	file, digest := agenttest.Pack(t, "web", map[string]string{"which": "old"})
	charms := dispatch.NewCharms(dir, from(file, &asked))
	if idle := charms.Idle(nil, time.Now()); len(idle) > 0 {
		t.Errorf("idle before there is any: %v", idle)
	}
	get := func(c *dispatch.Charms) {
		t.Helper()
		if c, err := c.Get(t.Context(), "m", digest, ""); err != nil {
			t.Fatal(err)
		} else if _, err := os.Stat(filepath.Join(c.Dir, "which")); err != nil {
			t.Fatal(err)
		}
	}
	get(charms)
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for what, idle := range map[string][]string{"it is needed": charms.Idle(map[string]bool{digest: true}, future), "it was wanted": charms.Idle(nil, past)} {
		if len(idle) > 0 {
			t.Errorf("%s, and idle are %v", what, idle)
		}
	}
	if idle := charms.Idle(nil, future); !slices.Equal(idle, []string{digest}) {
		t.Errorf("idle are %v, want %s", idle, digest)
	}
	if charms.Remove(digest, past) {
		t.Error("it was removed though it was wanted meanwhile")
	}
	before := time.Now()
	get(charms.Beside(filepath.Join(t.TempDir(), "plan"), from(file, &asked)))
	if idle := charms.Idle(nil, before); len(idle) > 0 || asked.Load() != 1 {
		t.Errorf("a plan uses it, and idle are %v; %d fetches", idle, asked.Load())
	}
	if !charms.Remove(digest, future) {
		t.Error("it was not removed")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	get(charms)
	if asked.Load() != 2 {
		t.Errorf("%d fetches, want 2", asked.Load())
	}
	later := dispatch.NewCharms(dir, from(file, &asked)) // the next life of the agent
	if idle := later.Idle(nil, time.Now().Add(-time.Minute)); len(idle) > 0 {
		t.Errorf("idle at the first look: %v", idle)
	}
	if idle := later.Idle(nil, future); !slices.Equal(idle, []string{digest}) {
		t.Errorf("idle at the second look: %v", idle)
	}
}

// unloader is a runtime that says what it was told to forget.
type unloader struct {
	*forgetful
	unloaded []string
}

func (u *unloader) Unload(_ context.Context, handle string) error {
	u.unloaded = append(u.unloaded, handle)
	return nil
}

// TestRuntimesForgetRemovedCharms, and load them again when they come again.
func TestRuntimesForgetRemovedCharms(t *testing.T) {
	rt := &unloader{forgetful: &forgetful{Runtime: agenttest.NewRuntime(t, nil), runs: 1}}
	d, job := runner(t, only{rt})
	run := func() {
		t.Helper()
		if r, err := d.Run(t.Context(), job); err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_OK {
			t.Fatal(r, err)
		}
	}
	run()
	d.Forget(t.Context(), "sha256:"+strings.Repeat("0", 64))
	if len(rt.unloaded) > 0 || rt.loads != 1 {
		t.Errorf("unloaded %v, %d loads", rt.unloaded, rt.loads)
	}
	d.Forget(t.Context(), job.Cursor.CharmDigest)
	run()
	if len(rt.unloaded) != 1 || rt.loads != 2 {
		t.Errorf("unloaded %v, %d loads; want one and two", rt.unloaded, rt.loads)
	}
}

// only gives one runtime to all.
type only struct{ charmruntime.Runtime }

func (o only) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return o.Runtime, func() {}, nil
}
