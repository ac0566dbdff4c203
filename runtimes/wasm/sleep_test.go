package wasm

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestIdleCharmsSleep: a charm without events gives up its code and memory, and its next event finds the code in the cache;
// so do many at once. One that has been used since stays.
func TestIdleCharmsSleep(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	r, err := New(Config{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	dir := build(t, "go", "example")
	began := time.Now()
	resp, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir})
	if err != nil || resp.GetHandle() == "" {
		t.Fatal(resp, err)
	}
	compiled := time.Since(began)
	event := func() {
		done, err := r.Dispatch(t.Context(), &charmruntimev1.Start{Handle: resp.GetHandle(), Event: &hookv1.Event{Id: "1", Kind: "update-status", Name: "update-status"},
			View: &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}}}, nil)
		if err != nil || done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
			t.Error(done, err)
		}
	}
	event()
	l := r.charms[resp.GetHandle()]
	r.sleep(time.Now().Add(-time.Hour))
	if l.charm == nil || len(r.codes.used) != 1 {
		t.Error("a charm that was used since sleeps")
	}
	before := mapped(t)
	recycled := func() {
		for len(l.charm.places) > 0 { // the last event's instance is being set back
			goruntime.Gosched()
		}
	}
	for range 3 {
		recycled()
		r.sleep(time.Now())
		if l.charm != nil || !l.asleep || len(r.codes.used) != 0 {
			t.Fatal("the charm does not sleep")
		}
		if n := mapped(t); n >= before {
			t.Errorf("%d images are still mapped, with the charm awake it was %d", n, before)
		}
		began = time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(event)
		}
		all.Wait()
		t.Logf("compiled in %s; eight events of one that slept took %s", compiled, time.Since(began))
	}
	recycled()
	r.sleep(time.Now())
	if err := r.Unload(t.Context(), resp.GetHandle()); err != nil {
		t.Error(err)
	}
}

// mapped counts the images of charms in this process's memory.
func mapped(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "memfd:charm")
}

// TestOldCodeIsRemoved: of modules that nobody has loaded for a month, and of those loaded first where there are many.
func TestOldCodeIsRemoved(t *testing.T) {
	cache := t.TempDir()
	all := newCodes(cache)
	now := time.Now()
	names := func() string {
		var list []string
		entries, err := os.ReadDir(cache)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return strings.Join(list, " ")
	}
	for _, name := range []string{"wazero-v1", "seed", "code-old", "code-young"} {
		if err := os.Mkdir(filepath.Join(cache, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, age := range map[string]time.Duration{"code-old": codeUnused + time.Hour, "code-young": codeUnused - time.Hour} {
		if err := os.Chtimes(filepath.Join(cache, name), now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	first, err := all.take([]byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	first.loaded(now)
	if got, want := names(), filepath.Base(first.dir)+" code-young seed"; got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
	for n := range maxCodes {
		c, err := all.take(fmt.Append(nil, n))
		if err != nil {
			t.Fatal(err)
		}
		c.loaded(now.Add(time.Duration(n+1) * time.Second))
		if err := c.release(); err != nil {
			t.Error(err)
		}
	}
	if got := names(); strings.Count(got, "code-") != maxCodes || strings.Contains(got, filepath.Base(first.dir)) || !strings.Contains(got, "seed") {
		t.Errorf("there are %d: %s", strings.Count(got, "code-"), got)
	}
	again, err := all.take([]byte("first"))
	if err != nil || again != first {
		t.Errorf("what is in use is not found: %v", err)
	}
	for range 2 {
		if err := first.release(); err != nil {
			t.Error(err)
		}
	}
	if len(all.used) != 0 {
		t.Errorf("%d are in use", len(all.used))
	}
}
