package python

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bangle-dev/bangle/runtimes/python/warm"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// stock is what charmcraft wrote as dispatch for years: the charm's program with its libraries on the path of modules.
var stock = regexp.MustCompile(`^#!/bin/sh\n+(?:#[^\n]*\n+)*JUJU_DISPATCH_PATH="\$\{JUJU_DISPATCH_PATH:-\$0\}" PYTHONPATH=([\w/.:-]+) (?:exec )?(?:/usr/bin/python3 |python3 )?(\./[\w/.-]+\.py)\s*$`)

// forked is a child of a warm interpreter.
type forked struct {
	id     int
	server *warm.Server
	lost   func()
}

func (f forked) pid() int { return f.id }

func (f forked) wait() ended {
	e, err := f.server.Wait()
	if err != nil { // the interpreter was killed: the child's end is not known
		f.lost()
		return ended{code: -1}
	}
	code := e.Status.ExitStatus()
	if e.Status.Signaled() {
		code = 128 + int(e.Status.Signal())
	}
	return ended{code: code, cpu: e.CPU, rss: e.RSS}
}

// warm starts the event in a warm interpreter; nil where it cannot.
func (r *run) warm(ctx context.Context, socket string, out, errors *os.File) (process, error) {
	w := r.start.GetWorkspace()
	kind := r.start.GetEvent().GetKind()
	if !r.runtime.keepWarm || kind == api.EventExec || filepath.Base(r.program[0]) != "dispatch" {
		return nil, nil
	}
	text, err := os.ReadFile(r.program[0])
	if err != nil {
		return nil, nil //nolint:nilerr // the cold start says what is wrong
	}
	parts := stock.FindSubmatch(text)
	if parts == nil {
		return nil, nil
	}
	dir := w.GetCharmDir()
	var paths []string
	for _, p := range strings.Split(string(parts[1]), ":") {
		paths = append(paths, filepath.Join(dir, p))
	}
	s, err := r.runtime.server(ctx, w.GetRunDir(), r.start.GetHandle(), warm.Config{Interpreter: "/usr/bin/python3", Enter: w.GetEnter(), Dir: dir, Paths: paths,
		Modules: []string{"ops", "ops.main", "ops.pebble", "yaml", "sqlite3", "logging", "subprocess", "threading"}, Env: []string{"PATH=" + systemPath, "LANG=C.UTF-8"}})
	if errs.Is(err, errs.Unsupported) || errs.Is(err, errs.Unavailable) {
		r.runtime.log.Info("a charm runs cold", "unit", r.hook.UnitName(), "why", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, e := range environment(r.start, r.id, socket, dir) {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	env["PYTHONPATH"], env["PWD"] = string(parts[1]), dir
	pid, err := s.Begin(warm.Event{Argv: []string{string(parts[2])}, Env: env, Dir: dir, Path: paths, Drop: paths, Tools: w.GetToolsDir(), Mark: markOf(r.id), Stdout: out, Stderr: errors})
	lost := func() { r.runtime.drop(w.GetRunDir()) }
	if err != nil {
		lost()
		return nil, nil //nolint:nilerr // nothing ran: it runs cold
	}
	return forked{pid, s, lost}, nil
}

// server is the warm interpreter of a unit's place.
func (r *Runtime) server(ctx context.Context, place, digest string, c warm.Config) (*warm.Server, error) {
	r.mu.Lock()
	had, ok := r.warm[place]
	r.mu.Unlock()
	if ok && had.digest == digest {
		return had.server, nil
	}
	r.drop(place)
	s, err := warm.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warm[place] = warmed{digest, s}
	return s, nil
}

func (r *Runtime) drop(place string) {
	r.mu.Lock()
	had, ok := r.warm[place]
	delete(r.warm, place)
	r.mu.Unlock()
	if ok {
		had.server.Close()
	}
}

type warmed struct {
	digest string
	server *warm.Server
}
