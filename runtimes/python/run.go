package python

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// run is one event of one unit.
type run struct {
	runtime *Runtime
	start   *charmruntimev1.Start
	host    charmruntime.Host
	hook    *hook.Context
	program []string
	id      string // context id
	memory  int64  // that each of its processes may take, in bytes; 0 = as much as there is
	stdout  *stream
	stderr  *stream
	tools   *toolServer
}

func newRun(r *Runtime, start *charmruntimev1.Start, host charmruntime.Host) (*run, error) {
	e := start.GetEvent()
	argv, err := program(start.GetWorkspace().GetCharmDir(), e.GetKind(), e.GetName(), e.GetCommand())
	if err != nil {
		return nil, err
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, errs.E(errs.Internal, "cannot make a context id: %w", err)
	}
	return &run{runtime: r, start: start, host: host, hook: hook.New(e, start.GetView(), host), program: argv,
		id: hex.EncodeToString(id[:])}, nil
}

// do runs the charm's process to its end.
func (r *run) do(ctx context.Context) (*charmruntimev1.Done, error) {
	dir := r.start.GetWorkspace().GetRunDir()
	r.runtime.quiet(dir)
	if err := endInterrupted(ctx, dir); err != nil {
		return nil, err
	}
	tools, err := serveTools(filepath.Join(dir, "agent.socket"), r)
	if err != nil {
		return nil, err
	}
	r.tools = tools
	defer tools.close()
	rec := record{Context: r.id, BootID: bootID()}
	if err := rec.save(dir); err != nil {
		return nil, err
	}
	began := time.Now()
	p, err := r.launch(ctx, tools.path)
	if errs.Is(err, errs.Unavailable) { // something may have begun
		return nil, cmp.Or(endInterrupted(ctx, dir), err)
	}
	if err != nil {
		forget(dir)
		return r.failed(-1, err.Error()), nil
	}
	rec.PID, rec.StartTime = p.pid(), startTime(p.pid())
	if err := rec.save(dir); err != nil {
		return nil, errors.Join(err, endSession(ctx, rec, 0))
	}
	how, killed := r.wait(ctx, p, rec)
	tools.close()                       // children that live on may be calling, and the changeset is read now
	if how.err != nil && killed == "" { // what it did is not kept, and it comes again
		return nil, cmp.Or(endInterrupted(ctx, dir), how.err)
	}
	r.collect(dir)
	forget(dir)
	return r.done(how, killed, began), nil
}

// process is the event's: a program of its own, or a child of a warm interpreter.
type process interface {
	pid() int
	wait() ended // once
}

// ended is how a process ended.
type ended struct {
	err  error // nobody knows how
	code int   // 128 and the signal's number for one that was killed
	cpu  time.Duration
	rss  int64 // bytes
}

// launch starts the process as the leader of a session of its own.
func (r *run) launch(ctx context.Context, socket string) (process, error) {
	out, errs, err := r.outputs()
	if err != nil {
		return nil, err
	}
	// The parent's copies: with them open the readers would never see the end.
	defer out.Close()
	defer errs.Close()
	if p, err := r.warm(ctx, socket, out, errs); p != nil || err != nil {
		return p, err // it may have begun
	}
	return r.cold(socket, out, errs)
}

// outputs makes the pipes and begins to read them.
func (r *run) outputs() (out, errs *os.File, err error) {
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot start the event: %w", err)
	}
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot start the event: %w", err), outRead.Close(), outWrite.Close())
	}
	module := "unit." + r.hook.UnitName() + "." + r.start.GetEvent().GetName()
	r.stdout = newStream(outRead, "DEBUG", module, r.host)
	r.stderr = newStream(errRead, "WARNING", module, r.host)
	return outWrite, errWrite, nil
}

// command is a program of its own.
type command struct{ *exec.Cmd }

func (c command) pid() int { return c.Process.Pid }

func (c command) wait() (e ended) {
	_ = c.Wait() // the state is read from ProcessState
	state := c.ProcessState
	if state == nil {
		return ended{code: -1}
	}
	e.code, e.cpu = state.ExitCode(), state.UserTime()+state.SystemTime()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		e.rss = usage.Maxrss << 10
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.code = 128 + int(status.Signal())
	}
	return e
}

// cold starts the charm's program.
func (r *run) cold(socket string, out, errs *os.File) (process, error) {
	given, err := r.environment(socket)
	if err != nil {
		return nil, err
	}
	w := r.start.GetWorkspace()
	argv := r.program
	if enter := w.GetEnter(); len(enter) > 0 {
		argv = append(append(append([]string{}, enter...), "--"), argv...)
	}
	argv = limited(argv, r.memory)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = w.GetCharmDir()
	cmd.Env = given
	if path, err := lookPath(argv[0], cmd.Env); err == nil {
		cmd.Path, cmd.Err = path, nil
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := r.runtime.marked(r.id, cmd.Start); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	return command{cmd}, nil
}

// limited puts a limit of memory around a program. It is what a process has of its own, not what it maps: interpreters map much
// that they never touch. A program does it to itself, since a limit of this process would be one of all that it does.
func limited(argv []string, bytes int64) []string {
	if bytes == 0 {
		return argv
	}
	return append([]string{"/bin/sh", "-c", `ulimit -d "$0" && exec "$@"`, strconv.FormatInt(bytes>>10, 10)}, argv...)
}

// pastTime is how long processes have to end once their event's time is over.
const pastTime = 5 * time.Second

// wait returns when the process has ended, by itself or because of a limit or a cancel, which it names.
func (r *run) wait(ctx context.Context, p process, rec record) (how ended, killed string) {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		how = p.wait()
	}()
	var limit <-chan time.Time
	if ms := r.start.GetTimeoutMs(); ms > 0 {
		t := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer t.Stop()
		limit = t.C
	}
	var grace time.Duration
	select {
	case <-exited:
		return how, ""
	case <-limit:
		killed, grace = "hook-timeout "+(time.Duration(r.start.GetTimeoutMs())*time.Millisecond).String(), pastTime
	case <-ctx.Done():
		killed = charmruntime.LimitCancel
		if c, ok := errors.AsType[*charmruntime.Cancelled](context.Cause(ctx)); ok {
			grace = c.Grace
		}
	case <-r.tools.rebootNow:
		killed = charmruntime.LimitReboot
	}
	// Not the caller's context: it may be what has just ended, and the session must be gone before the next event.
	if err := endSession(context.WithoutCancel(ctx), rec, grace); err != nil {
		r.runtime.log.Error("cannot end session", "unit", r.hook.UnitName(), "error", err)
	}
	<-exited
	return how, killed
}

// collect waits for the output and leaves that of children that live on to the log.
func (r *run) collect(dir string) {
	outEnded, errEnded := r.stdout.ended(), r.stderr.ended()
	if outEnded && errEnded {
		return
	}
	late := &lateOutput{streams: []*stream{r.stdout, r.stderr}}
	r.runtime.mu.Lock()
	r.runtime.units[dir] = late
	r.runtime.mu.Unlock()
}

// quiet ends the log lines of children that outlived the unit's last hook: a new event begins.
func (r *Runtime) quiet(dir string) {
	r.mu.Lock()
	late := r.units[dir]
	delete(r.units, dir)
	r.mu.Unlock()
	if late != nil {
		late.mute()
	}
}

func (r *run) failed(code int32, message string) *charmruntimev1.Done {
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_FAILED, ExitCode: code, Message: message}
}

// done turns how the process ended into an outcome.
func (r *run) done(how ended, killed string, began time.Time) *charmruntimev1.Done {
	d := &charmruntimev1.Done{ExitCode: int32(how.code), Stats: &charmruntimev1.Stats{WallUs: time.Since(began).Microseconds(), Calls: r.tools.count(),
		CpuUs: how.cpu.Microseconds(), MaxRssBytes: how.rss}}
	kind := r.start.GetEvent().GetKind()
	if kind == api.EventAction || kind == api.EventExec {
		d.Stdout, d.Stderr = r.stdout.text(), r.stderr.text()
	}
	switch {
	case killed == charmruntime.LimitReboot:
		d.Outcome, d.Limit, d.Message = charmruntimev1.Outcome_OUTCOME_KILLED, killed, "the charm asked for a reboot"
		d.Changeset = r.hook.Changeset()
	case killed != "":
		d.Outcome, d.Limit = charmruntimev1.Outcome_OUTCOME_KILLED, killed
		d.Message = "the " + noun(kind) + " was ended by " + killed
		if killed == charmruntime.LimitCancel {
			d.Message = "cancelled while it ran"
		}
		if kind == api.EventAction {
			d.Changeset = r.hook.Changeset() // its results are shown
		}
	case d.ExitCode != 0 && kind != api.EventExec:
		d.Outcome = charmruntimev1.Outcome_OUTCOME_FAILED
		if d.Message = lastLine(r.stderr.text()); d.Message == "" {
			d.Message = fmt.Sprintf("exit status %d", d.ExitCode)
		}
		if kind == api.EventAction {
			d.Changeset = r.hook.Changeset()
		}
	default:
		d.Outcome, d.Changeset = charmruntimev1.Outcome_OUTCOME_OK, r.hook.Changeset()
	}
	return d
}

// noun is what people call an event of that kind.
func noun(kind string) string {
	switch kind {
	case api.EventAction:
		return "action"
	case api.EventExec:
		return "command"
	}
	return "hook"
}

// lookPath finds a program on the PATH that the process will have, not on the runtime's.
func lookPath(name string, env []string) (string, error) {
	if filepath.Base(name) != name {
		return name, nil
	}
	for _, e := range env {
		if len(e) > 5 && e[:5] == "PATH=" {
			for _, dir := range filepath.SplitList(e[5:]) {
				path := filepath.Join(dir, name)
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
					return path, nil
				}
			}
		}
	}
	return "", fmt.Errorf("%s is not on the charm's PATH", name)
}
