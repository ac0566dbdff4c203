package dispatch_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// oldFiles and newFiles are two revisions of a charm in which paths change their kind both ways.
var (
	oldFiles = map[string]string{"src/charm.py": "old", "lib/a/one.py": "1", "lib/a/two.py": "2", "tree": "a file", "leaf/x": "in a directory", "leaf/deep/y": "y", "only": "old"}
	newFiles = map[string]string{"src/charm.py": "new", "lib/a/two.py": "2", "lib/b/three.py": "3", "tree/x": "in a directory", "leaf": "a file", "taken/z": "z"}
	// mine are the unit's own files: beside, in a directory of the charm's, in one of its own.
	mine = map[string]string{".unit-state.db": "state", "lib/a/mine": "m", "gone/mine": "g"}
)

// tree is every file below a directory with its content, and every empty directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(all, "metadata.yaml")
	delete(all, "dispatch")
	return all
}

// unitWith makes a unit's directory with the old charm and the unit's own files.
func unitWith(t *testing.T, old *dispatch.Charm) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := dispatch.InstallBy(dir, old, os.Rename); err != nil {
		t.Fatal(err)
	}
	for name, text := range mine {
		path := filepath.Join(dir, "charm", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func merged(lists ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, l := range lists {
		maps.Copy(all, l)
	}
	return all
}

// afterwards is what a unit has once it has the new charm.
func afterwards() map[string]string { return merged(newFiles, mine) }

func same(t *testing.T, what string, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, filepath.Join(dir, "charm"))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "charm.*[^n]")); len(left) > 0 {
		t.Errorf("%s: left behind: %v", what, left)
	}
}

// TestRefreshKeepsTheUnitsOwnFiles and replaces the charm's, whatever their kinds were.
func TestRefreshKeepsTheUnitsOwnFiles(t *testing.T) {
	dir := unitWith(t, charmOf(t, oldFiles))
	if _, err := dispatch.InstallBy(dir, charmOf(t, newFiles), os.Rename); err != nil {
		t.Fatal(err)
	}
	same(t, "after the refresh", dir, afterwards())
	if info, err := os.Stat(filepath.Join(dir, "charm", "dispatch")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("dispatch: %v, %v; want it executable", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "charm", "lib", "b")); err != nil {
		t.Error(err)
	}
}

// TestOwnFilesInTheWay of what the new charm has are left alone, and the old charm whole; the error says what to do.
func TestOwnFilesInTheWay(t *testing.T) {
	for path, want := range map[string]string{
		"leaf/mine": "the charm has a file leaf, where a directory with other files is; move them away",
		"taken":     "the charm has a directory taken, where a file is that is not the charm's; move it away",
	} {
		dir := unitWith(t, charmOf(t, oldFiles))
		own := filepath.Join(dir, "charm", path)
		if err := os.WriteFile(own, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		next := charmOf(t, newFiles)
		if _, err := dispatch.InstallBy(dir, next, os.Rename); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		same(t, path, dir, merged(oldFiles, mine, map[string]string{path: "mine"}))
		if err := os.Remove(own); err != nil {
			t.Fatal(err)
		}
		if _, err := dispatch.InstallBy(dir, next, os.Rename); err != nil {
			t.Error(err)
		}
		same(t, path+" moved away", dir, afterwards())
	}
}

// renames counts renames and lets one fail, or the agent die at it.
type renames struct {
	n, at int
	dies  bool
}

type killed struct{}

func (r *renames) rename(from, to string) error {
	r.n++
	switch {
	case r.n == r.at && r.dies:
		panic(killed{})
	case r.n == r.at:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EACCES}
	}
	return os.Rename(from, to)
}

// dying installs until the agent is killed; the answer says whether it was.
func dying(dir string, c *dispatch.Charm, at int) (died bool, err error) {
	defer func() {
		if got := recover(); got != nil {
			if _, died = got.(killed); !died {
				panic(got)
			}
		}
	}()
	_, err = dispatch.InstallBy(dir, c, (&renames{at: at, dies: true}).rename)
	return false, err
}

// TestFailedRefreshIsUndone at every step: the old charm is there as it was, and the next try succeeds.
func TestFailedRefreshIsUndone(t *testing.T) {
	old, next := charmOf(t, oldFiles), charmOf(t, newFiles)
	for at := 1; ; at++ {
		dir := unitWith(t, old)
		r := &renames{at: at}
		_, err := dispatch.InstallBy(dir, next, r.rename)
		if r.n < at {
			if at < 10 || err != nil {
				t.Fatalf("only %d steps, %v", at-1, err)
			}
			return
		}
		what := fmt.Sprintf("step %d fails", at)
		if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "cannot put charm "+next.Digest+" in place") {
			t.Errorf("%s: %v", what, err)
		}
		same(t, what, dir, merged(oldFiles, mine))
		if _, err := dispatch.InstallBy(dir, old, os.Rename); err != nil {
			t.Errorf("%s: the old charm does not run: %v", what, err)
		}
		if _, err := dispatch.InstallBy(dir, next, os.Rename); err != nil {
			t.Errorf("%s: again: %v", what, err)
		}
		same(t, what+", then not", dir, afterwards())
	}
}

// TestKilledRefreshGoesOn at every step, also when it is killed twice, and when something fails in the second life.
func TestKilledRefreshGoesOn(t *testing.T) {
	old, next := charmOf(t, oldFiles), charmOf(t, newFiles)
	for at := 1; ; at++ {
		dir := unitWith(t, old)
		died, err := dying(dir, next, at)
		if !died {
			if at < 10 || err != nil {
				t.Fatalf("only %d steps, %v", at-1, err)
			}
			return
		}
		what := fmt.Sprintf("killed at step %d", at)
		if died, err := dying(dir, next, 2); err != nil {
			t.Errorf("%s and again (%v): %v", what, died, err)
		}
		if _, err := dispatch.InstallBy(dir, next, os.Rename); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		same(t, what, dir, afterwards())

		dir = unitWith(t, old)
		if _, err := dying(dir, next, at); err != nil {
			t.Fatal(err)
		}
		r := &renames{at: 1}
		if _, err := dispatch.InstallBy(dir, old, r.rename); err != nil {
			t.Errorf("%s, back to the old charm: %v", what, err)
		}
		if r.n >= 1 { // the way forward failed: it went back
			same(t, what+" and undone", dir, merged(oldFiles, mine))
		}
	}
}

// TestNoRoomForTheCharm is the event's failure, with the reason; the unit keeps its charm and takes the new one when
// there is room.
func TestNoRoomForTheCharm(t *testing.T) {
	rt := agenttest.NewRuntime(t, nil)
	d, job := runner(t, rt)
	job.Model.Application.Runtime, job.Model.Application.CharmDigest = "python", job.Cursor.CharmDigest
	if r, err := d.Run(t.Context(), job); err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatal(r, err)
	}
	job.Event = &hookv1.Event{Id: "2-upgrade-charm", Kind: "upgrade-charm", Name: "upgrade-charm"}
	file, digest := agenttest.Pack(t, "web", map[string]string{"large": strings.Repeat("\x00", 33<<20)})
	job.Model.Application.CharmDigest = digest
	d = dispatch.New(d.With(t.TempDir(), file))
	had := tree(t, filepath.Dir(d.CharmDir(job.Key)))

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 32 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	r, err := d.Place(t.Context(), job)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err != nil || r.Unplaced != digest || !strings.Contains(r.Done.GetMessage(), "file too large") {
		t.Fatalf("got %v, %v; want the reason", r, err)
	}
	if diff := cmp.Diff(had, tree(t, filepath.Dir(d.CharmDir(job.Key)))); diff != "" {
		t.Errorf("the unit's directory changed (-before +after):\n%s", diff)
	}
	if r, err := d.Place(t.Context(), job); err != nil || r.Done != nil {
		t.Errorf("with room: %v, %v", r, err)
	}
}

// TestACharmThatCannotBeLoadedIsNotPlaced: the unit keeps the files that it has, and takes the new ones once the runtime has
// no complaint.
func TestACharmThatCannotBeLoadedIsNotPlaced(t *testing.T) {
	rt := &forgetful{Runtime: agenttest.NewRuntime(t, nil)}
	d, job := runner(t, rt)
	job.Model.Application.Runtime, job.Model.Application.CharmDigest = "python", job.Cursor.CharmDigest
	if r, err := d.Run(t.Context(), job); err != nil || r.Done.Outcome != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatal(r, err)
	}
	job.Event = &hookv1.Event{Id: "2-upgrade-charm", Kind: "upgrade-charm", Name: "upgrade-charm"}
	file, digest := agenttest.Pack(t, "web", map[string]string{"src/charm.py": "def f(:\n"})
	job.Model.Application.CharmDigest = digest
	d = dispatch.New(d.With(t.TempDir(), file))
	had := tree(t, filepath.Dir(d.CharmDir(job.Key)))

	rt.problem = "SyntaxError"
	r, err := d.Place(t.Context(), job)
	if err != nil || r.Unplaced != digest || !strings.Contains(r.Done.GetMessage(), "SyntaxError; build it again") {
		t.Fatalf("got %v, %v; want the reason", r, err)
	}
	if diff := cmp.Diff(had, tree(t, filepath.Dir(d.CharmDir(job.Key)))); diff != "" {
		t.Errorf("the unit's directory changed (-before +after):\n%s", diff)
	}
	rt.problem = ""
	if r, err := d.Place(t.Context(), job); err != nil || r.Done != nil {
		t.Errorf("once it is mended: %v, %v", r, err)
	}
	if got := tree(t, filepath.Dir(d.CharmDir(job.Key))); got["charm/src/charm.py"] == "" {
		t.Errorf("the new charm is not there: %v", got)
	}
}
