package python

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bangle-dev/bangle/runtimes/python/warm"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// forked is a child of a warm interpreter.
type forked struct {
	child *warm.Child
	lease *warm.Lease
}

func (f forked) pid() int { return f.child.PID() }

func (f forked) wait() ended {
	e, err := f.child.Wait()
	f.lease.Done(e.Modules)
	if err != nil {
		return ended{code: -1, err: err}
	}
	return ended{code: e.Code, cpu: e.CPU, rss: e.RSS}
}

// warm starts the event in a warm interpreter. Without process and error it has to run cold; after an error it may have
// begun.
func (r *run) warm(ctx context.Context, socket string, out, errors *os.File) (process, error) {
	if r.runtime.warm == nil || r.start.GetEvent().GetKind() == api.EventExec || filepath.Base(r.program[0]) != "dispatch" {
		return nil, nil
	}
	w := r.start.GetWorkspace()
	given, err := r.environment(socket)
	if err != nil {
		return nil, nil //nolint:nilerr // the cold start says it
	}
	env := warm.Pairs(given)
	if env["JUJU_DEBUG_AT"] != "" {
		return nil, nil // somebody wants to sit in front of it
	}
	program, err := understand(r.program[0], w.GetCharmDir(), env)
	if err != nil {
		r.staysCold(err)
		return nil, nil
	}
	lease, namespace, err := r.lease(ctx, program, given)
	if err != nil {
		if !errs.Is(err, errs.Exhausted) && !errs.Is(err, errs.Canceled) {
			r.staysCold(err)
		}
		return nil, nil
	}
	child, err := lease.Begin(warm.Event{Argv: program.argv, Orig: program.orig, Env: program.env, Dir: w.GetCharmDir(), Comm: commOf(program),
		Tools: w.GetToolsDir(), Mark: markOf(r.id), Memory: r.memory, Stdout: out, Stderr: errors, Namespace: namespace})
	if err != nil {
		lease.Done(nil)
		if errs.Is(err, errs.Exhausted) {
			return nil, nil // nothing ran
		}
		return nil, err
	}
	return forked{child, lease}, nil
}

// commOf is what a kernel calls the program: the file it was asked to execute.
func commOf(p pythonProgram) string {
	name := filepath.Base(p.orig[0])
	return name[:min(len(name), 15)]
}

// staysCold says once why the events of a charm are not run by a warm interpreter.
func (r *run) staysCold(why error) {
	key := r.start.GetHandle() + why.Error()
	r.runtime.mu.Lock()
	said := r.runtime.said[key]
	r.runtime.said[key] = true
	r.runtime.mu.Unlock()
	if !said {
		r.runtime.log.Info("the charm's events start a new interpreter each", "unit", r.hook.UnitName(), "why", why)
	}
}

// lease gets an interpreter for the event: one that all units of the charm share where the unit's place is no more than a
// mount namespace and its files are as they were delivered, else one of the unit's own, in its place.
func (r *run) lease(ctx context.Context, p pythonProgram, given []string) (*warm.Lease, *os.File, error) {
	w := r.start.GetWorkspace()
	dir, handle := w.GetCharmDir(), r.start.GetHandle()
	r.runtime.mu.Lock()
	pristine := r.runtime.dirs[handle]
	r.runtime.mu.Unlock()
	c := warm.Config{Name: "bangle: " + r.hook.UnitName(), Interpreter: p.interpreter, Options: p.options, Enter: w.GetEnter(), Root: dir,
		First: filepath.Dir(absolute(p.argv[0], dir)), Env: serverEnv(p.env, dir, dir), Log: r.runtime.log}
	var namespace *os.File
	if len(c.Enter) > 0 && wholeMachine() {
		var err error
		// What the place is made of does not depend on the event, but for what it makes visible.
		r.runtime.forking.Lock() // what is started beside a cold event must not carry its mark
		namespace, err = r.runtime.places.Get(c.Enter, placeEnv(given), dir)
		r.runtime.forking.Unlock()
		if err != nil {
			return nil, nil, err
		}
		if namespace != nil {
			c.Enter, c.Namespaces = nil, true
		}
	}
	if len(c.Enter) == 0 && !strings.HasPrefix(p.interpreter, dir+"/") {
		shared := c
		shared.Name, shared.Root, shared.ReadOnly, shared.Namespaces = "bangle: "+api.ApplicationOf(r.hook.UnitName()), pristine, true, wholeMachine()
		shared.First, shared.Env = rebased(c.First, dir, pristine), serverEnv(p.env, dir, pristine)
		lease, err := r.runtime.warm.Get(ctx, keyOf(shared), handle, shared, dir)
		if !errs.Is(err, errs.Conflict) {
			return lease, namespace, err
		}
	}
	if len(c.Enter) > 0 {
		c.Env = append(slices.DeleteFunc(c.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }), placeEnv(given)...)
	}
	lease, err := r.runtime.warm.Get(ctx, keyOf(c)+"\x00"+handle, handle, c, dir)
	return lease, namespace, err
}

func keyOf(c warm.Config) string {
	return strings.Join(slices.Concat([]string{c.Interpreter, c.Root, c.First}, c.Options, c.Enter, c.Env), "\x00")
}

// serverEnv is the event's environment without what belongs to the event, with another directory of the charm.
func serverEnv(env map[string]string, from, to string) []string {
	var list []string
	for k, v := range env {
		if strings.HasPrefix(k, "JUJU_") || strings.HasPrefix(k, "BANGLE_") || k == "CHARM_DIR" || k == "CLOUD_API_VERSION" || k == "PWD" {
			continue
		}
		list = append(list, k+"="+strings.ReplaceAll(v, from+"/", to+"/"))
	}
	slices.Sort(list)
	return list
}

// placeEnv is what the program that makes a place reads of an event's environment. It is the same for all events of a unit.
func placeEnv(given []string) []string {
	var list []string
	for _, e := range given {
		name, _, _ := strings.Cut(e, "=")
		if slices.Contains([]string{"PATH", "CHARM_DIR", "JUJU_AGENT_SOCKET_ADDRESS", "BANGLE_RUN_SOCKET", "BANGLE_VISIBLE"}, name) {
			list = append(list, e)
		}
	}
	return list
}

func rebased(path, from, to string) string {
	if rest, ok := strings.CutPrefix(path, from+"/"); ok {
		return filepath.Join(to, rest)
	}
	return path
}

// wholeMachine says whether this process is root where no user namespace limits it: only such a one may enter a namespace.
func wholeMachine() bool {
	if syscall.Geteuid() != 0 {
		return false
	}
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}
