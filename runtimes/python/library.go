package python

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/runtimes/python/warm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	library "github.com/bangle-dev/bangle/sdk/python"
)

// A charm in Python that brings no `ops` gets ours: a directory at the end of its import path. One that brings its own,
// wherever charms do, always gets that.

// opsPlaces are where charms carry the ops library.
func opsPlaces() []string {
	return []string{"lib/ops", "venv/ops", "src/ops", "lib/ops.py", "venv/ops.py", "src/ops.py",
		"venv/lib/python3*/site-packages/ops", "mod/operator/ops", "wheelhouse/ops-*"}
}

var importOfOps = regexp.MustCompile(`(?m)^[ \t]*(?:import|from)[ \t]+ops\b`)

// importsOps says that a program of the charm imports the library. The environment of any other is left alone.
func importsOps(dir string) bool {
	sources, _ := filepath.Glob(filepath.Join(dir, "src", "*.py"))
	for _, source := range sources {
		if text, err := os.ReadFile(source); err == nil && importOfOps.Match(text) {
			return true
		}
	}
	return false
}

// shipsOps says that a charm brings an ops of its own; one that it installed since it was deployed counts.
func shipsOps(dir string) bool {
	for _, place := range opsPlaces() {
		if hits, _ := filepath.Glob(filepath.Join(dir, place)); len(hits) > 0 {
			return true
		}
	}
	return false
}

// libraryFor is what an event's environment gets for the library: nothing for a charm that needs none.
func (r *Runtime) libraryFor(w *charmruntimev1.Workspace, given map[string]string) (map[string]string, error) {
	dir := w.GetCharmDir()
	if !importsOps(dir) || shipsOps(dir) {
		return nil, nil
	}
	place, err := r.library(w)
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"PYTHONPATH":     strings.TrimPrefix(given["PYTHONPATH"]+":"+place, ":"),
		"BANGLE_VISIBLE": strings.TrimPrefix(given["BANGLE_VISIBLE"]+":"+place, ":"),
	}
	// A dispatch that sets PYTHONPATH itself, as charmcraft's do, leaves the directory that an interpreter takes for its
	// user's packages, which comes after.
	if text, err := os.ReadFile(filepath.Join(dir, "dispatch")); err == nil && bytes.Contains(text, []byte("PYTHONPATH")) {
		env["PYTHONUSERBASE"] = filepath.Join(place, "user")
	}
	return env, nil
}

// library unpacks the library beside the hook tools, or where else there is room that a charm may read, once.
func (r *Runtime) library(w *charmruntimev1.Workspace) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	beside := filepath.Dir(w.GetToolsDir())
	if place := r.libraries[beside]; place != "" {
		return place, nil
	}
	var failed error
	for _, dir := range []string{beside, filepath.Dir(w.GetRunDir())} { // both are ours alone: what lies there already is ours too
		place, err := unpack(dir)
		if err == nil {
			r.libraries[beside] = place
			r.compileLibrary(place)
			return place, nil
		}
		failed = errors.Join(failed, err)
	}
	return "", failed
}

// unpack lays the library below dir, and beside it what looks like the user's packages of any interpreter.
func unpack(dir string) (string, error) {
	place, err := library.Unpack(dir)
	if err != nil {
		return "", err
	}
	for minor := range strings.FieldsSeq("8 9 10 11 12 13 14 15 16") {
		site := filepath.Join(place, "user", "lib", "python3."+minor)
		if err := os.MkdirAll(site, 0o755); err != nil { //nolint:gosec // any user's charm reads it
			return "", err
		}
		if err := os.Symlink("../../..", filepath.Join(site, "site-packages")); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return place, nil
}

// compileLibrary writes bytecode beside the library's modules; nobody waits for it.
func (r *Runtime) compileLibrary(place string) {
	found, err := lookPath("python3", []string{"PATH=" + systemPath})
	if err != nil {
		return
	}
	r.behind.Go(func() {
		ctx, cancel := context.WithTimeout(r.life, compileTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, found, "-I", "-c", compiler, "ops")
		cmd.Dir, cmd.Env = place, []string{"PATH=" + systemPath, "LANG=C.UTF-8"}
		if out, err := cmd.CombinedOutput(); err != nil {
			r.log.Debug("the Python library is not compiled whole", "dir", place, "err", err, "output", string(out))
		}
	})
}

// environment is the event's, with what belongs to the library.
func (r *run) environment(socket string) ([]string, error) {
	list := environment(r.start, r.id, socket, r.start.GetWorkspace().GetCharmDir())
	env := warm.Pairs(list)
	more, err := r.runtime.libraryFor(r.start.GetWorkspace(), env)
	if err != nil || more == nil {
		return list, err
	}
	maps.Copy(env, more)
	list = list[:0]
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list, nil
}
